// Cross-entropy of each row of logits; the logits are overwritten by their gradient.
#include "common.cuh"

// One block a row. losses[row] = ln Σ e^logit − logit[target]; logits ← scale·(softmax −
// onehot(target)). A target that is no column gives loss 0 and gradient 0.
template <int WIDTH>
__device__ __forceinline__ void rows(float *losses, bf16 *logits, i64 stride,
                                     const uint32_t *targets, int vocab, float scale) {
    __shared__ float maxima[32];
    __shared__ float sums[32];
    __shared__ float target_logit;
    const int row = blockIdx.x;
    logits += row * stride;
    const uint32_t target = targets[row];
    if (target >= static_cast<uint32_t>(vocab)) {
        for (int i = threadIdx.x; i < vocab; i += blockDim.x) logits[i] = __float2bfloat16(0.0f);
        if (threadIdx.x == 0) losses[row] = 0.0f;
        return;
    }
    if (threadIdx.x == 0) target_logit = __bfloat162float(logits[target]);
    const float log2e = 1.44269504f;
    float most = -INFINITY, sum = 0.0f;
    for (int i = threadIdx.x * WIDTH; i < vocab; i += blockDim.x * WIDTH) {
        float value[WIDTH];
        load<WIDTH>(value, logits + i);
        float best = most;
#pragma unroll
        for (int j = 0; j < WIDTH; j++) best = fmaxf(best, value[j]);
        // −∞ all the way, as masked logits are: ∞ − ∞ would be no number.
        if (best == -INFINITY) continue;
        sum *= exp2_fast((most - best) * log2e);
        most = best;
#pragma unroll
        for (int j = 0; j < WIDTH; j++) sum += exp2_fast((value[j] - most) * log2e);
    }
    float best = most;
#pragma unroll
    for (int step = 16; step > 0; step /= 2) best = fmaxf(best, __shfl_xor_sync(~0u, best, step));
    if (threadIdx.x % 32 == 0) maxima[threadIdx.x / 32] = best;
    __syncthreads();
    for (int warp = 0; warp < blockDim.x / 32; warp++) best = fmaxf(best, maxima[warp]);
    // A thread without columns has no maximum, and its sum is 0.
    sum *= most == -INFINITY ? 0.0f : exp2_fast((most - best) * log2e);
    const float total = block_sum(sum, sums);
    const float hit = target_logit;
    if (threadIdx.x == 0) losses[row] = best + logf(total) - hit;
    const float factor = scale / total;
    for (int i = threadIdx.x * WIDTH; i < vocab; i += blockDim.x * WIDTH) {
        float value[WIDTH];
        load<WIDTH>(value, logits + i);
#pragma unroll
        for (int j = 0; j < WIDTH; j++) {
            value[j] = factor * exp2_fast((value[j] - best) * log2e);
            if (i + j == target) value[j] -= scale;
        }
        store<WIDTH>(logits + i, value);
    }
}

extern "C" __global__ void __launch_bounds__(1024)
    cross_entropy_wide(float *losses, bf16 *logits, i64 stride, const uint32_t *targets, int vocab,
                       float scale) {
    rows<8>(losses, logits, stride, targets, vocab, scale);
}

extern "C" __global__ void __launch_bounds__(1024)
    cross_entropy_any(float *losses, bf16 *logits, i64 stride, const uint32_t *targets, int vocab,
                      float scale) {
    rows<1>(losses, logits, stride, targets, vocab, scale);
}
