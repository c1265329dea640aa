// AdamW on flat vectors of f32, and the sum of a vector's squares for clipping.
#include "common.cuh"

// Four elements, of which those from `count` on are 0.
__device__ __forceinline__ float4 load_four(const float *from, i64 count) {
    if (count >= 4) return *reinterpret_cast<const float4 *>(from);
    return float4{from[0], count > 1 ? from[1] : 0.0f, count > 2 ? from[2] : 0.0f, 0.0f};
}

__device__ __forceinline__ void store_four(float *to, float4 from, i64 count) {
    if (count >= 4) {
        *reinterpret_cast<float4 *>(to) = from;
        return;
    }
    to[0] = from.x;
    if (count > 1) to[1] = from.y;
    if (count > 2) to[2] = from.z;
}

// moment ← keep·moment + add·g, with g = scale·gradient, or its square.
extern "C" __global__ void adamw_moment(float *moment, const float *gradients, i64 len, float keep,
                                        float add, float scale, int squared) {
    const i64 first = (static_cast<i64>(blockIdx.x) * blockDim.x + threadIdx.x) * 4;
    if (first >= len) return;
    float4 m = load_four(moment + first, len - first);
    const float4 gradient = load_four(gradients + first, len - first);
    auto step = [&](float m, float g) {
        g *= scale;
        return keep * m + add * (squared ? g * g : g);
    };
    m = float4{step(m.x, gradient.x), step(m.y, gradient.y), step(m.z, gradient.z), step(m.w, gradient.w)};
    store_four(moment + first, m, len - first);
}

// p ← keep·p − update·first / (√second·root + ε).
extern "C" __global__ void adamw_update(float *parameters, const float *first_moments,
                                        const float *second_moments, i64 len, float keep, float update,
                                        float root, float epsilon) {
    const i64 first = (static_cast<i64>(blockIdx.x) * blockDim.x + threadIdx.x) * 4;
    if (first >= len) return;
    float4 p = load_four(parameters + first, len - first);
    const float4 m = load_four(first_moments + first, len - first);
    const float4 v = load_four(second_moments + first, len - first);
    auto step = [&](float p, float m, float v) { return p * keep - update * m / (sqrtf(v) * root + epsilon); };
    p = float4{step(p.x, m.x, v.x), step(p.y, m.y, v.y), step(p.z, m.z, v.z), step(p.w, m.w, v.w)};
    store_four(parameters + first, p, len - first);
}

// partial (gridDim.x): each block's share of Σ x², in f64.
extern "C" __global__ void sum_squares(double *partial, const float *x, i64 len) {
    __shared__ double shared[32];
    double sum = 0.0;
    const i64 step = static_cast<i64>(gridDim.x) * blockDim.x * 4;
    for (i64 i = (static_cast<i64>(blockIdx.x) * blockDim.x + threadIdx.x) * 4; i < len; i += step) {
        const float4 four = load_four(x + i, len - i);
        const float squares = four.x * four.x + four.y * four.y + (four.z * four.z + four.w * four.w);
        sum += squares;
    }
    sum = block_sum(sum, shared);
    if (threadIdx.x == 0) partial[blockIdx.x] = sum;
}

// total (1): the sum of the blocks' shares; one block.
extern "C" __global__ void sum_parts(double *total, const double *partial, int parts) {
    __shared__ double shared[32];
    double sum = 0.0;
    for (int i = threadIdx.x; i < parts; i += blockDim.x) sum += partial[i];
    sum = block_sum(sum, shared);
    if (threadIdx.x == 0) *total = sum;
}
