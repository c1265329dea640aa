// The product of a few rows with a weight, for decoding: y = α·x·Wᵀ + β·y. Every weight is
// read once and the rows come from the cache, so the memory's bandwidth is the limit.
#include "common.cuh"

constexpr int THREADS = 128;
// Rows of W (columns of y) that a warp has.
constexpr int OUTPUTS = 2;
// Threads that share a column where there are few columns.
constexpr int SHARED_THREADS = 512;

__device__ __forceinline__ Pack8 load_once(const bf16 *from) {
    uint4 bits;
    asm volatile("ld.global.nc.L1::no_allocate.v4.u32 {%0,%1,%2,%3}, [%4];"
                 : "=r"(bits.x), "=r"(bits.y), "=r"(bits.z), "=r"(bits.w)
                 : "l"(from));
    return *reinterpret_cast<Pack8 *>(&bits);
}

// x (ROWS, k), w (n, k), y (ROWS, n); k and all strides of x and w are multiples of 8.
template <int ROWS>
__device__ __forceinline__ void product(bf16 *y, int y_stride, const bf16 *x, int x_stride,
                                        const bf16 *w, int w_stride, int n, int k, float alpha,
                                        float beta) {
    const int lane = threadIdx.x % 32;
    const int first = (blockIdx.x * (THREADS / 32) + threadIdx.x / 32) * OUTPUTS;
    if (first >= n) return;
    const bf16 *weight[OUTPUTS];
#pragma unroll
    for (int j = 0; j < OUTPUTS; j++) weight[j] = w + static_cast<i64>(min(first + j, n - 1)) * w_stride;
    float sum[ROWS][OUTPUTS] = {};
    // Several steps are loaded before the first is used.
    constexpr int STEPS = 4;
    constexpr int SPAN = 32 * 8;
    auto take = [&](const Pack8 (&pack)[OUTPUTS], int place) {
        Float8 wide[OUTPUTS];
#pragma unroll
        for (int j = 0; j < OUTPUTS; j++) wide[j] = widen(pack[j]);
#pragma unroll
        for (int row = 0; row < ROWS; row++) {
            float value[8];
            load<8>(value, x + row * x_stride + place);
#pragma unroll
            for (int j = 0; j < OUTPUTS; j++) {
#pragma unroll
                for (int i = 0; i < 8; i++) sum[row][j] += value[i] * wide[j].at[i];
            }
        }
    };
    int place = lane * 8;
    for (; place + (STEPS - 1) * SPAN < k; place += STEPS * SPAN) {
        Pack8 pack[STEPS][OUTPUTS];
#pragma unroll
        for (int step = 0; step < STEPS; step++) {
#pragma unroll
            for (int j = 0; j < OUTPUTS; j++) pack[step][j] = load_once(weight[j] + place + step * SPAN);
        }
#pragma unroll
        for (int step = 0; step < STEPS; step++) take(pack[step], place + step * SPAN);
    }
    for (; place < k; place += SPAN) {
        Pack8 pack[OUTPUTS];
#pragma unroll
        for (int j = 0; j < OUTPUTS; j++) pack[j] = load_once(weight[j] + place);
        take(pack, place);
    }
#pragma unroll
    for (int row = 0; row < ROWS; row++) {
#pragma unroll
        for (int j = 0; j < OUTPUTS; j++) {
#pragma unroll
            for (int step = 16; step > 0; step /= 2) {
                sum[row][j] += __shfl_xor_sync(~0u, sum[row][j], step);
            }
            if (lane == 0 && first + j < n) {
                bf16 *to = y + static_cast<i64>(row) * y_stride + first + j;
                const float old = beta == 0.0f ? 0.0f : beta * __bfloat162float(*to);
                *to = __float2bfloat16(alpha * sum[row][j] + old);
            }
        }
    }
}

// As `product` with few columns in y and a long k, such as LoRA's first half: the threads
// of a block share one column, so that enough of them read at a time.
template <int ROWS>
__device__ __forceinline__ void shared_product(bf16 *y, int y_stride, const bf16 *x, int x_stride,
                                               const bf16 *w, int w_stride, int k, float alpha,
                                               float beta) {
    constexpr int WARPS = SHARED_THREADS / 32;
    __shared__ float partial[ROWS][WARPS];
    const bf16 *weight = w + static_cast<i64>(blockIdx.x) * w_stride;
    float sum[ROWS] = {};
    for (int place = threadIdx.x * 8; place < k; place += SHARED_THREADS * 8) {
        const Float8 wide = widen(load_once(weight + place));
#pragma unroll
        for (int row = 0; row < ROWS; row++) {
            float value[8];
            load<8>(value, x + row * x_stride + place);
#pragma unroll
            for (int i = 0; i < 8; i++) sum[row] += value[i] * wide.at[i];
        }
    }
#pragma unroll
    for (int row = 0; row < ROWS; row++) {
#pragma unroll
        for (int step = 16; step > 0; step /= 2) sum[row] += __shfl_xor_sync(~0u, sum[row], step);
        if (threadIdx.x % 32 == 0) partial[row][threadIdx.x / 32] = sum[row];
    }
    __syncthreads();
    if (threadIdx.x < ROWS) {
        float all = 0.0f;
#pragma unroll
        for (int warp = 0; warp < WARPS; warp++) all += partial[threadIdx.x][warp];
        bf16 *to = y + static_cast<i64>(threadIdx.x) * y_stride + blockIdx.x;
        const float old = beta == 0.0f ? 0.0f : beta * __bfloat162float(*to);
        *to = __float2bfloat16(alpha * all + old);
    }
}

#define MATVEC(ROWS)                                                                                   \
    extern "C" __global__ void __launch_bounds__(THREADS)                                              \
        matvec_##ROWS(bf16 *y, int y_stride, const bf16 *x, int x_stride, const bf16 *w, int w_stride, \
                      int n, int k, float alpha, float beta) {                                         \
        product<ROWS>(y, y_stride, x, x_stride, w, w_stride, n, k, alpha, beta);                       \
    }                                                                                                  \
    extern "C" __global__ void __launch_bounds__(SHARED_THREADS) shared_matvec_##ROWS(                 \
        bf16 *y, int y_stride, const bf16 *x, int x_stride, const bf16 *w, int w_stride, int n, int k, \
        float alpha, float beta) {                                                                     \
        shared_product<ROWS>(y, y_stride, x, x_stride, w, w_stride, k, alpha, beta);                   \
    }
MATVEC(1)
MATVEC(2)
MATVEC(3)
MATVEC(4)
