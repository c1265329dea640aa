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
    const bf16 *keys = base + (heads + kv_head) * D;
    const bf16 *values = keys + kv_heads * D;

    // Two stages of keys and values; the queries pass through the second on their way to
    // the registers.
    constexpr int STAGE = 2 * KEYS * D;
    copy_tile<D, TILE, THREADS>(shared + STAGE, base + static_cast<i64>(place.first) * stride + head * D,
                                stride, place.len - place.first);
    copy_commit();
    const int first_block = max(0, place.first - window + 1) / KEYS;
    const int end_block = (min(place.len, place.first + TILE) + KEYS - 1) / KEYS;
    auto fetch = [&](int block, bf16 *to) {
        const i64 offset = static_cast<i64>(block) * KEYS * stride;
        copy_tile<D, KEYS, THREADS>(to, keys + offset, stride, place.len - block * KEYS);
        copy_tile<D, KEYS, THREADS>(to + KEYS * D, values + offset, stride, place.len - block * KEYS);
        copy_commit();
    };
    fetch(first_block, shared);
    copy_wait<1>();
    __syncthreads();
    uint32_t query[D / 16][4];
#pragma unroll
    for (int step = 0; step < D / 16; step++) load_left<D>(query[step], shared + STAGE, warp * 16, step);

    float sums[D / 8][4] = {};
    float most[2] = {-INFINITY, -INFINITY};
    float total[2] = {};
    const float scale2 = scale * LOG2E;
    const int warp_query = place.first + warp * 16;
    for (int block = first_block; block < end_block; block++) {
        copy_wait<0>();
        __syncthreads();
        bf16 *key_tile = shared + (block - first_block) % 2 * STAGE;
        bf16 *value_tile = key_tile + KEYS * D;
        if (block + 1 < end_block) fetch(block + 1, shared + (block + 1 - first_block) % 2 * STAGE);

        float scores[KEYS / 8][4] = {};
#pragma unroll
        for (int step = 0; step < D / 16; step++) {
#pragma unroll
            for (int pair = 0; pair < KEYS / 16; pair++) {
                uint32_t right[4];
                load_right_transposed<D>(right, key_tile, pair * 16, step);
                multiply_add(scores[2 * pair], query[step], right[0], right[1]);
                multiply_add(scores[2 * pair + 1], query[step], right[2], right[3]);
            }
        }
        const int key = block * KEYS;
        if (key + KEYS - 1 > warp_query || warp_query + 15 - key >= window) {
            mask(scores, warp_query, key, window);
        }
        float fade[2];
        online_softmax(scores, most, total, fade, scale2);
#pragma unroll
        for (int column = 0; column < D / 8; column++) {
            sums[column][0] *= fade[0], sums[column][1] *= fade[0];
            sums[column][2] *= fade[1], sums[column][3] *= fade[1];
        }
#pragma unroll
        for (int step = 0; step < KEYS / 16; step++) {
            const uint32_t left[4] = {
                pack_pair(scores[2 * step][0], scores[2 * step][1]),
                pack_pair(scores[2 * step][2], scores[2 * step][3]),
                pack_pair(scores[2 * step + 1][0], scores[2 * step + 1][1]),
                pack_pair(scores[2 * step + 1][2], scores[2 * step + 1][3]),
            };
#pragma unroll
            for (int pair = 0; pair < D / 16; pair++) {
                uint32_t right[4];
                load_right<D>(right, value_tile, step * 16, pair);
                multiply_add(sums[2 * pair], left, right[0], right[1]);
                multiply_add(sums[2 * pair + 1], left, right[2], right[3]);
            }
        }
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
