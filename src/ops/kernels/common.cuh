// What all kernels share: types, 16-byte accesses, sums over a block, tensor-core steps.
//
// Activations and weights are bf16, sums are f32. No kernel adds floats atomically: every
// sum has one order, so the same launch gives the same bits again.
#pragma once

#include <cuda_bf16.h>
#include <stdint.h>

typedef __nv_bfloat16 bf16;
// Offsets: a matrix of logits has more than 2^31 elements.
typedef long long i64;

// Eight bf16, one memory access.
struct alignas(16) Pack8 {
    __nv_bfloat162 pair[4];
};

struct Float8 {
    float at[8];
};

__device__ __forceinline__ Float8 widen(const Pack8 &pack) {
    Float8 wide;
#pragma unroll
    for (int i = 0; i < 4; i++) {
        const float2 two = __bfloat1622float2(pack.pair[i]);
        wide.at[2 * i] = two.x;
        wide.at[2 * i + 1] = two.y;
    }
    return wide;
}

__device__ __forceinline__ Pack8 narrow(const Float8 &wide) {
    Pack8 pack;
#pragma unroll
    for (int i = 0; i < 4; i++) {
        pack.pair[i] = __floats2bfloat162_rn(wide.at[2 * i], wide.at[2 * i + 1]);
    }
    return pack;
}

// Reads WIDTH elements; WIDTH is 8 (the address is a multiple of 16 bytes) or 1.
template <int WIDTH> __device__ __forceinline__ void load(float (&to)[WIDTH], const bf16 *from) {
    if constexpr (WIDTH == 8) {
        const Float8 wide = widen(*reinterpret_cast<const Pack8 *>(from));
#pragma unroll
        for (int i = 0; i < 8; i++) to[i] = wide.at[i];
    } else {
        to[0] = __bfloat162float(*from);
    }
}

template <int WIDTH> __device__ __forceinline__ void store(bf16 *to, const float (&from)[WIDTH]) {
    if constexpr (WIDTH == 8) {
        Float8 wide;
#pragma unroll
        for (int i = 0; i < 8; i++) wide.at[i] = from[i];
        *reinterpret_cast<Pack8 *>(to) = narrow(wide);
    } else {
        *to = __float2bfloat16(from[0]);
    }
}

// The sum of `value` over the block, for every thread; the order depends on the block's
// size only. `shared` holds 32 numbers, which a warp may still read after the call of
// another: the next call waits for it, any other use needs a __syncthreads first.
template <typename T> __device__ __forceinline__ T block_sum(T value, T *shared) {
#pragma unroll
    for (int step = 16; step > 0; step /= 2) value += __shfl_xor_sync(~0u, value, step);
    const int warps = (blockDim.x + 31) / 32;
    __syncthreads();
    if (threadIdx.x % 32 == 0) shared[threadIdx.x / 32] = value;
    __syncthreads();
    T sum = 0;
    for (int warp = 0; warp < warps; warp++) sum += shared[warp];
    return sum;
}

// 2^x with the special-function unit: within 2 units in the last place of f32.
__device__ __forceinline__ float exp2_fast(float x) {
    float y;
    asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
    return y;
}

__device__ __forceinline__ float sigmoid(float x) {
    return __frcp_rn(1.0f + exp2_fast(-1.44269504f * x));
}

// ---- tiles in shared memory and tensor cores (compute capability 8.0 and above) ----

__device__ __forceinline__ uint32_t shared_address(const void *pointer) {
    return static_cast<uint32_t>(__cvta_generic_to_shared(pointer));
}

// Copies 16 bytes to shared memory in the background; zeros instead if not `valid`.
__device__ __forceinline__ void copy_async(void *to, const void *from, bool valid) {
    const int bytes = valid ? 16 : 0;
    asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(shared_address(to)), "l"(from),
                 "r"(bytes));
}

// The same with 4 bytes.
__device__ __forceinline__ void copy_async_word(void *to, const void *from, bool valid) {
    const int bytes = valid ? 4 : 0;
    asm volatile("cp.async.ca.shared.global [%0], [%1], 4, %2;" ::"r"(shared_address(to)), "l"(from),
                 "r"(bytes));
}

__device__ __forceinline__ void copy_commit() { asm volatile("cp.async.commit_group;"); }

template <int PENDING> __device__ __forceinline__ void copy_wait() {
    asm volatile("cp.async.wait_group %0;" ::"n"(PENDING) : "memory");
}

// Where the 8 elements `chunk` of `row` lie in a tile of rows of D elements. Chunks change
// places from row to row, so that eight rows read at one chunk hit all banks once.
template <int D> __device__ __forceinline__ int tile_offset(int row, int chunk) {
    if constexpr (D >= 64) return row * D + ((chunk ^ (row & 7)) << 3);
    return row * D + ((chunk ^ ((row >> 1) & 3)) << 3);
}

// Copies a tile of ROWS rows of D elements to shared memory; rows from `valid` on are zero.
template <int D, int ROWS, int THREADS>
__device__ __forceinline__ void copy_tile(bf16 *tile, const bf16 *from, int stride, int valid) {
    constexpr int CHUNKS = D / 8;
    constexpr int STEP = THREADS / CHUNKS;
    static_assert(THREADS % CHUNKS == 0 && STEP % 8 == 0 && ROWS % STEP == 0, "whole turns");
    const int row = threadIdx.x / CHUNKS;
    const int chunk = threadIdx.x % CHUNKS;
    // Rows STEP apart have their chunks in the same places.
    bf16 *place = tile + tile_offset<D>(row, chunk);
    const bf16 *source = from + static_cast<i64>(row) * stride + chunk * 8;
#pragma unroll
    for (int first = 0; first < ROWS; first += STEP) {
        const bool inside = first + row < valid;
        copy_async(place + first * D, inside ? source + static_cast<i64>(first) * stride : from, inside);
    }
}

__device__ __forceinline__ void load_matrices(uint32_t (&to)[4], uint32_t from) {
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0,%1,%2,%3}, [%4];"
                 : "=r"(to[0]), "=r"(to[1]), "=r"(to[2]), "=r"(to[3])
                 : "r"(from));
}

__device__ __forceinline__ void load_matrices_transposed(uint32_t (&to)[4], uint32_t from) {
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0,%1,%2,%3}, [%4];"
                 : "=r"(to[0]), "=r"(to[1]), "=r"(to[2]), "=r"(to[3])
                 : "r"(from));
}

// Where the 8 elements 2·step + lane_chunk of row `row` + lane_row lie, in bytes of shared
// memory. `row` is a multiple of 8. The tile begins at a multiple of a row's bytes, so that
// a step only flips bits of one address, which saves the registers for one address a step.
template <int D>
__device__ __forceinline__ uint32_t lane_address(const bf16 *tile, int lane_row, int lane_chunk, int row,
                                                 int step) {
    const uint32_t address = shared_address(tile + tile_offset<D>(lane_row, lane_chunk));
    return (address ^ (step * 32)) + row * D * 2;
}

// The left operand of a product: rows row.. (16) and columns 16·step.. (16) of a tile.
template <int D>
__device__ __forceinline__ void load_left(uint32_t (&to)[4], const bf16 *tile, int row, int step) {
    const int lane = threadIdx.x % 32;
    load_matrices(to, lane_address<D>(tile, lane % 16, lane / 16, row, step));
}

// The right operand of a product with the tile's transpose: to[0..2] are rows row..row+7
// (columns of the result) and to[2..4] the next eight; the sum runs over columns 16·step...
template <int D>
__device__ __forceinline__ void load_right_transposed(uint32_t (&to)[4], const bf16 *tile, int row,
                                                      int step) {
    const int lane = threadIdx.x % 32;
    load_matrices(to, lane_address<D>(tile, lane % 8 + lane / 16 * 8, lane / 8 % 2, row, step));
}

// The right operand of a product with the tile: the sum runs over rows row.. (16); to[0..2]
// are columns 16·pair..+7 and to[2..4] the next eight.
template <int D>
__device__ __forceinline__ void load_right(uint32_t (&to)[4], const bf16 *tile, int row, int pair) {
    const int lane = threadIdx.x % 32;
    load_matrices_transposed(to, lane_address<D>(tile, lane % 16, lane / 16, row, pair));
}

// sum (16x8) += left (16x16) · right (16x8). Of sum, a thread holds row lane/4 and columns
// 2·(lane%4), +1 in [0], [1], and the same of row lane/4 + 8 in [2], [3].
__device__ __forceinline__ void multiply_add(float (&sum)[4], const uint32_t (&left)[4],
                                             uint32_t right0, uint32_t right1) {
    asm("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 "
                 "{%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
                 : "+f"(sum[0]), "+f"(sum[1]), "+f"(sum[2]), "+f"(sum[3])
                 : "r"(left[0]), "r"(left[1]), "r"(left[2]), "r"(left[3]), "r"(right0), "r"(right1));
}

__device__ __forceinline__ uint32_t pack_pair(float low, float high) {
    const __nv_bfloat162 pair = __floats2bfloat162_rn(low, high);
    return *reinterpret_cast<const uint32_t *>(&pair);
}

__device__ __forceinline__ float2 unpack_pair(uint32_t pair) {
    return __bfloat1622float2(*reinterpret_cast<const __nv_bfloat162 *>(&pair));
}
