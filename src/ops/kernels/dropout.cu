// Dropout: y = x·scale where a number is kept, 0 elsewhere. What is kept depends on the
// key and on the number's place only, so the backward pass needs no mask.
#include "common.cuh"

__device__ __forceinline__ uint64_t mix(uint64_t bits) {
    bits = (bits ^ (bits >> 30)) * 0xbf58476d1ce4e5b9ull;
    bits = (bits ^ (bits >> 27)) * 0x94d049bb133111ebull;
    return bits ^ (bits >> 31);
}

// A number is kept if the upper half of its 64 random bits is below `kept`, as
// `ops/dropout.rs` decides it. A thread has WIDTH columns of a row; `y` has no gaps.
template <int WIDTH>
__device__ __forceinline__ void drop(bf16 *y, const bf16 *x, int x_stride, i64 rows, int dim,
                                     uint64_t key, uint64_t kept, float scale) {
    const i64 first = (static_cast<i64>(blockIdx.x) * blockDim.x + threadIdx.x) * WIDTH;
    if (first >= rows * dim) return;
    const i64 row = first / dim;
    float value[WIDTH];
    load<WIDTH>(value, x + row * x_stride + first % dim);
#pragma unroll
    for (int i = 0; i < WIDTH; i++) {
        const uint64_t counter = (static_cast<uint64_t>(first + i) + 1) * 0x9e3779b97f4a7c15ull;
        value[i] = (mix(key + counter) >> 32) < kept ? value[i] * scale : 0.0f;
    }
    store<WIDTH>(y + first, value);
}

extern "C" __global__ void dropout_wide(bf16 *y, const bf16 *x, int x_stride, i64 rows, int dim,
                                        uint64_t key, uint64_t kept, float scale) {
    drop<8>(y, x, x_stride, rows, dim, key, kept, scale);
}

extern "C" __global__ void dropout_any(bf16 *y, const bf16 *x, int x_stride, i64 rows, int dim,
                                       uint64_t key, uint64_t kept, float scale) {
    drop<1>(y, x, x_stride, rows, dim, key, kept, scale);
}
