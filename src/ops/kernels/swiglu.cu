// SwiGLU: silu(gate)·up, and its gradient. Blocks are (rows, parts of a row), since there
// may be very many rows.
#include "common.cuh"

// A thread has ITEMS times WIDTH columns, all of which it loads before it uses any.
constexpr int ITEMS = 2;

template <int WIDTH>
__device__ __forceinline__ void forward(bf16 *y, int y_stride, const bf16 *gate_up, int stride,
                                        int inner, int spare) {
    const bf16 *gate = gate_up + static_cast<i64>(blockIdx.x) * stride;
    y += static_cast<i64>(blockIdx.x) * y_stride;
    const int first = (blockIdx.y * ITEMS * blockDim.x + threadIdx.x) * WIDTH;
    const int step = blockDim.x * WIDTH;
    float a[ITEMS][WIDTH] = {}, b[ITEMS][WIDTH] = {};
#pragma unroll
    for (int item = 0; item < ITEMS; item++) {
        const int i = first + item * step;
        if (i >= inner) continue;
        load<WIDTH>(a[item], gate + i);
        load<WIDTH>(b[item], gate + inner + i);
    }
#pragma unroll
    for (int item = 0; item < ITEMS; item++) {
        const int i = first + item * step;
        if (i >= inner) continue;
#pragma unroll
        for (int j = 0; j < WIDTH; j++) a[item][j] *= sigmoid(a[item][j]) * b[item][j];
        store<WIDTH>(y + i, a[item]);
    }
    if (blockIdx.y == 0) {
        for (int j = threadIdx.x; j < spare; j += blockDim.x) y[inner + j] = __float2bfloat16(0.0f);
    }
}

// With s = σ(gate): d gate = dy·up·s·(1 + gate·(1 − s)), d up = dy·gate·s.
template <int WIDTH>
__device__ __forceinline__ void backward(bf16 *dgate_up, const bf16 *gate_up, int stride, const bf16 *dy,
                                         int dy_stride, int inner) {
    const int i = (blockIdx.y * blockDim.x + threadIdx.x) * WIDTH;
    if (i >= inner) return;
    const bf16 *gate = gate_up + static_cast<i64>(blockIdx.x) * stride;
    bf16 *dgate = dgate_up + static_cast<i64>(blockIdx.x) * 2 * inner;
    float a[WIDTH], b[WIDTH], d[WIDTH];
    load<WIDTH>(a, gate + i);
    load<WIDTH>(b, gate + inner + i);
    load<WIDTH>(d, dy + static_cast<i64>(blockIdx.x) * dy_stride + i);
#pragma unroll
    for (int j = 0; j < WIDTH; j++) {
        const float s = sigmoid(a[j]);
        const float silu = a[j] * s;
        const float up = b[j];
        const float gradient = d[j];
        b[j] = gradient * silu;
        a[j] = gradient * up * s * (1.0f + a[j] * (1.0f - s));
    }
    store<WIDTH>(dgate + i, a);
    store<WIDTH>(dgate + inner + i, b);
}

#define SWIGLU(SUFFIX, WIDTH)                                                                          \
    extern "C" __global__ void swiglu_##SUFFIX(bf16 *y, int y_stride, const bf16 *gate_up, int stride, \
                                               int inner, int spare) {                                 \
        forward<WIDTH>(y, y_stride, gate_up, stride, inner, spare);                                    \
    }                                                                                                  \
    extern "C" __global__ void swiglu_backward_##SUFFIX(bf16 *dgate_up, const bf16 *gate_up,           \
                                                        int stride, const bf16 *dy, int dy_stride,     \
                                                        int inner) {                                   \
        backward<WIDTH>(dgate_up, gate_up, stride, dy, dy_stride, inner);                              \
    }
SWIGLU(wide, 8)
SWIGLU(any, 1)
