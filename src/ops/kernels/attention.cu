// Causal attention over packed sequences, forward. FlashAttention-2, Dao, arXiv 2307.08691:
// scores stay in registers, and the softmax's maximum and sum are corrected as keys pass.
#include "attention.cuh"

// grid: tiles (at least Σ ⌈len/64⌉) × H heads, heads fastest. out (rows, out_stride): head
// h has columns h·D..; `spare` columns behind the last head are set to zero.
template <int D>
__device__ __forceinline__ void forward(bf16 *out, int out_stride, const bf16 *qkv, int stride,
                                        const uint32_t *starts, int count, int heads, int kv_heads,
                                        int window, float scale, int spare) {
    constexpr int KEYS = 64;
    extern __shared__ __align__(1024) bf16 shared[];
    const int head = blockIdx.x % heads;
    const int kv_head = head / (heads / kv_heads);
    // The last tiles of a sequence have most keys: they go first.
    const Place place = find_tile(starts, count, blockIdx.x / heads, true);
    if (place.len == 0) return;
    const int warp = threadIdx.x / 32;
    const int lane = threadIdx.x % 32;
    const bf16 *base = qkv + static_cast<i64>(place.start) * stride;
    const KeyBlocks<D, KEYS> blocks(shared, base, stride, place, heads, kv_heads, kv_head, window);

    // The queries pass through the second stage on their way to the registers.
    bf16 *query_tile = shared + KeyBlocks<D, KEYS>::STAGE;
    copy_tile<D, TILE, THREADS>(query_tile, base + static_cast<i64>(place.first) * stride + head * D, stride,
                                place.len - place.first);
    copy_commit();
    blocks.fetch(blocks.first);
    copy_wait<1>();
    __syncthreads();
    uint32_t query[D / 16][4];
#pragma unroll
    for (int step = 0; step < D / 16; step++) load_left<D>(query[step], query_tile, warp * 16, step);

    float sums[D / 8][4] = {};
    float most[2] = {-INFINITY, -INFINITY};
    float total[2] = {};
    const float scale2 = scale * LOG2E;
    const int warp_query = place.first + warp * 16;
    for (int block = blocks.first; block < blocks.end; block++) {
        copy_wait<0>();
        __syncthreads();
        const bf16 *key_tile = blocks.tile(block);
        if (block + 1 < blocks.end) blocks.fetch(block + 1);

        float scores[KEYS / 8][4] = {};
#pragma unroll
        for (int step = 0; step < D / 16; step++) add_transposed<D>(scores, query[step], key_tile, step);
        take_scores<D>(scores, sums, most, total, warp_query, block * KEYS, window, scale2);
        multiply_rows<D>(sums, scores, key_tile + KEYS * D);
    }
    __syncthreads();
    const int valid = place.len - warp_query;
    bf16 *rows = out + static_cast<i64>(place.start + warp_query) * out_stride;
    write_rows<D>(rows + head * D, out_stride, valid, shared + warp * 16 * D, sums,
                  1.0f / quad_sum(total[0]), 1.0f / quad_sum(total[1]));
    if (head == 0) {
        for (int row = 0; row < min(16, valid); row++) {
            for (int i = lane; i < spare; i += 32) {
                rows[static_cast<i64>(row) * out_stride + heads * D + i] = __float2bfloat16(0.0f);
            }
        }
    }
}

#define ATTENTION(D)                                                                                   \
    extern "C" __global__ void __launch_bounds__(THREADS, 3)                                           \
        attention_##D(bf16 *out, int out_stride, const bf16 *qkv, int stride, const uint32_t *starts,  \
                      int count, int heads, int kv_heads, int window, float scale, int spare) {        \
        forward<D>(out, out_stride, qkv, stride, starts, count, heads, kv_heads, window, scale,        \
                   spare);                                                                             \
    }
ATTENTION(32)
ATTENTION(64)
ATTENTION(128)
