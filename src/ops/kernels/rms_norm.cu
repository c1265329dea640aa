// RMSNorm: y = w·x / √(mean(x²) + ε), its gradient by x, and its gradient by w.
// One block a row. Short rows stay in registers between the sum and the result, longer
// ones are read twice, the second time from the cache.
#include "common.cuh"

template <int WIDTH>
__device__ __forceinline__ float row_factor(const bf16 *x, int dim, float epsilon, float *shared) {
    float sum = 0.0f;
    for (int i = threadIdx.x * WIDTH; i < dim; i += blockDim.x * WIDTH) {
        float value[WIDTH];
        load<WIDTH>(value, x + i);
#pragma unroll
        for (int j = 0; j < WIDTH; j++) sum += value[j] * value[j];
    }
    return rsqrtf(block_sum(sum, shared) / dim + epsilon);
}

template <int WIDTH>
__device__ __forceinline__ void forward(bf16 *y, int y_stride, const bf16 *x, int x_stride,
                                        const bf16 *weight, int dim, int spare, float epsilon) {
    __shared__ float shared[32];
    x += static_cast<i64>(blockIdx.x) * x_stride;
    y += static_cast<i64>(blockIdx.x) * y_stride;
    const float factor = row_factor<WIDTH>(x, dim, epsilon, shared);
    for (int i = threadIdx.x * WIDTH; i < dim; i += blockDim.x * WIDTH) {
        float value[WIDTH], w[WIDTH];
        load<WIDTH>(value, x + i);
        load<WIDTH>(w, weight + i);
#pragma unroll
        for (int j = 0; j < WIDTH; j++) value[j] *= factor * w[j];
        store<WIDTH>(y + i, value);
    }
    for (int i = threadIdx.x; i < spare; i += blockDim.x) y[dim + i] = __float2bfloat16(0.0f);
}

// With f = 1 / √(mean(x²) + ε) and g = w·dy: dx = f·(g − x·f²·mean(g·x)) + residual.
template <int WIDTH>
__device__ __forceinline__ void backward(bf16 *dx, const bf16 *x, int x_stride, const bf16 *weight,
                                         const bf16 *dy, int dy_stride, const bf16 *residual,
                                         int residual_stride, int dim, float epsilon) {
    __shared__ float shared[32];
    x += static_cast<i64>(blockIdx.x) * x_stride;
    dy += static_cast<i64>(blockIdx.x) * dy_stride;
    dx += static_cast<i64>(blockIdx.x) * dim;
    float squares = 0.0f, products = 0.0f;
    for (int i = threadIdx.x * WIDTH; i < dim; i += blockDim.x * WIDTH) {
        float value[WIDTH], w[WIDTH], g[WIDTH];
        load<WIDTH>(value, x + i);
        load<WIDTH>(w, weight + i);
        load<WIDTH>(g, dy + i);
#pragma unroll
        for (int j = 0; j < WIDTH; j++) {
            squares += value[j] * value[j];
            products += value[j] * w[j] * g[j];
        }
    }
    const float factor = rsqrtf(block_sum(squares, shared) / dim + epsilon);
    const float mean = block_sum(products, shared) / dim;
    const float pull = factor * factor * factor * mean;
    for (int i = threadIdx.x * WIDTH; i < dim; i += blockDim.x * WIDTH) {
        float value[WIDTH], w[WIDTH], g[WIDTH];
        load<WIDTH>(value, x + i);
        load<WIDTH>(w, weight + i);
        load<WIDTH>(g, dy + i);
#pragma unroll
        for (int j = 0; j < WIDTH; j++) value[j] = factor * w[j] * g[j] - pull * value[j];
        if (residual != nullptr) {
            load<WIDTH>(g, residual + static_cast<i64>(blockIdx.x) * residual_stride + i);
#pragma unroll
            for (int j = 0; j < WIDTH; j++) value[j] += g[j];
        }
        store<WIDTH>(dx + i, value);
    }
}

// ---- rows of up to 8·ITEMS numbers a thread ----

// A row's numbers 8·(threadIdx.x + item·blockDim.x).., zeros behind its end.
template <int ITEMS>
__device__ __forceinline__ void load_row(Pack8 (&to)[ITEMS], const bf16 *row, int dim) {
#pragma unroll
    for (int item = 0; item < ITEMS; item++) {
        const int i = (item * blockDim.x + threadIdx.x) * 8;
        to[item] = i < dim ? *reinterpret_cast<const Pack8 *>(row + i) : Pack8{};
    }
}

template <int ITEMS>
__device__ __forceinline__ void forward_kept(bf16 *y, int y_stride, const bf16 *x, int x_stride,
                                             const bf16 *weight, int dim, int spare, float epsilon) {
    __shared__ float shared[32];
    y += static_cast<i64>(blockIdx.x) * y_stride;
    Pack8 numbers[ITEMS], weights[ITEMS];
    load_row(numbers, x + static_cast<i64>(blockIdx.x) * x_stride, dim);
    load_row(weights, weight, dim);
    float sum = 0.0f;
#pragma unroll
    for (int item = 0; item < ITEMS; item++) {
        const Float8 value = widen(numbers[item]);
#pragma unroll
        for (int j = 0; j < 8; j++) sum += value.at[j] * value.at[j];
    }
    const float factor = rsqrtf(block_sum(sum, shared) / dim + epsilon);
#pragma unroll
    for (int item = 0; item < ITEMS; item++) {
        const int i = (item * blockDim.x + threadIdx.x) * 8;
        Float8 value = widen(numbers[item]);
        const Float8 w = widen(weights[item]);
#pragma unroll
        for (int j = 0; j < 8; j++) value.at[j] *= factor * w.at[j];
        if (i < dim) *reinterpret_cast<Pack8 *>(y + i) = narrow(value);
    }
    for (int i = threadIdx.x; i < spare; i += blockDim.x) y[dim + i] = __float2bfloat16(0.0f);
}

template <int ITEMS>
__device__ __forceinline__ void backward_kept(bf16 *dx, const bf16 *x, int x_stride, const bf16 *weight,
                                              const bf16 *dy, int dy_stride, const bf16 *residual,
                                              int residual_stride, int dim, float epsilon) {
    __shared__ float shared[32];
    dx += static_cast<i64>(blockIdx.x) * dim;
    Pack8 numbers[ITEMS], weights[ITEMS], gradients[ITEMS], residuals[ITEMS] = {};
    load_row(numbers, x + static_cast<i64>(blockIdx.x) * x_stride, dim);
    load_row(gradients, dy + static_cast<i64>(blockIdx.x) * dy_stride, dim);
    load_row(weights, weight, dim);
    if (residual != nullptr) {
        load_row(residuals, residual + static_cast<i64>(blockIdx.x) * residual_stride, dim);
    }
    float squares = 0.0f, products = 0.0f;
#pragma unroll
    for (int item = 0; item < ITEMS; item++) {
        const Float8 value = widen(numbers[item]);
        const Float8 w = widen(weights[item]);
        const Float8 g = widen(gradients[item]);
#pragma unroll
        for (int j = 0; j < 8; j++) {
            squares += value.at[j] * value.at[j];
            products += value.at[j] * w.at[j] * g.at[j];
        }
    }
    const float factor = rsqrtf(block_sum(squares, shared) / dim + epsilon);
    const float mean = block_sum(products, shared) / dim;
    const float pull = factor * factor * factor * mean;
#pragma unroll
    for (int item = 0; item < ITEMS; item++) {
        const int i = (item * blockDim.x + threadIdx.x) * 8;
        Float8 value = widen(numbers[item]);
        const Float8 w = widen(weights[item]);
        const Float8 g = widen(gradients[item]);
        const Float8 r = widen(residuals[item]);
#pragma unroll
        for (int j = 0; j < 8; j++) {
            value.at[j] = factor * w.at[j] * g.at[j] - pull * value.at[j] + r.at[j];
        }
        if (i < dim) *reinterpret_cast<Pack8 *>(dx + i) = narrow(value);
    }
}

#define RMS_NORM(SUFFIX, FORWARD, BACKWARD)                                                             \
    extern "C" __global__ void rms_norm_##SUFFIX(bf16 *y, int y_stride, const bf16 *x, int x_stride,   \
                                                 const bf16 *weight, int dim, int spare,               \
                                                 float epsilon) {                                      \
        FORWARD(y, y_stride, x, x_stride, weight, dim, spare, epsilon);                                \
    }                                                                                                  \
    extern "C" __global__ void rms_norm_backward_##SUFFIX(                                             \
        bf16 *dx, const bf16 *x, int x_stride, const bf16 *weight, const bf16 *dy, int dy_stride,      \
        const bf16 *residual, int residual_stride, int dim, float epsilon) {                           \
        BACKWARD(dx, x, x_stride, weight, dy, dy_stride, residual, residual_stride, dim, epsilon);     \
    }
// With 256 threads: rows of up to 2048, 4096 and 8192 numbers, longer ones, and all that
// can't be read 16 bytes at a time. The gradient of 8192 would need too many registers.
RMS_NORM(wide_1, forward_kept<1>, backward_kept<1>)
RMS_NORM(wide_2, forward_kept<2>, backward_kept<2>)
RMS_NORM(wide_4, forward_kept<4>, backward<8>)
RMS_NORM(wide, forward<8>, backward<8>)
RMS_NORM(any, forward<1>, backward<1>)

// factors (rows): 1 / √(mean(x²) + ε) of each row.
extern "C" __global__ void rms_norm_factors(float *factors, const bf16 *x, int x_stride, int dim,
                                            float epsilon) {
    __shared__ float shared[32];
    x += static_cast<i64>(blockIdx.x) * x_stride;
    const float factor = row_factor<1>(x, dim, epsilon, shared);
    if (threadIdx.x == 0) factors[blockIdx.x] = factor;
}

// partial (gridDim.y, dim): sums of x·f·dy over the rows of one of gridDim.y parts.
extern "C" __global__ void rms_norm_weight_gradient(float *partial, const bf16 *x, int x_stride,
                                                    const bf16 *dy, int dy_stride,
                                                    const float *factors, int rows, int dim) {
    const int column = blockIdx.x * blockDim.x + threadIdx.x;
    if (column >= dim) return;
    const int part = (rows + gridDim.y - 1) / gridDim.y;
    const int first = blockIdx.y * part;
    const int end = min(rows, first + part);
    float sum = 0.0f;
    for (int row = first; row < end; row++) {
        const float value = __bfloat162float(x[static_cast<i64>(row) * x_stride + column]);
        const float gradient = __bfloat162float(dy[static_cast<i64>(row) * dy_stride + column]);
        sum += value * factors[row] * gradient;
    }
    partial[static_cast<i64>(blockIdx.y) * dim + column] = sum;
}

// sums (dim): the sum of the parts, in their order.
extern "C" __global__ void rms_norm_sum_parts(float *sums, const float *partial, int parts, int dim) {
    const int column = blockIdx.x * blockDim.x + threadIdx.x;
    if (column >= dim) return;
    float sum = 0.0f;
    for (int part = 0; part < parts; part++) sum += partial[static_cast<i64>(part) * dim + column];
    sums[column] = sum;
}
