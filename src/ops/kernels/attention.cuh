// What the attention kernels share: which rows a block has, and the softmax's bookkeeping.
//
// A block has TILE rows of one head, a warp 16 of them. Queries, keys and values are the
// columns of one matrix `qkv`: H query heads, KV key heads, KV value heads of D each.
// Query i sees key j of its sequence if j ≤ i and, with a window, i − j < window.
#pragma once

#include "common.cuh"

constexpr int TILE = 64;
constexpr int THREADS = 128;
constexpr float LOG2E = 1.44269504f;

// One sequence, and the first row of a tile in it.
struct Place {
    int start; // row of `qkv` where the sequence begins
    int len;   // rows of the sequence; 0 if there is no such tile
    int first; // first row of the tile, counted from the sequence's start
};

// The `tile`-th tile of all sequences; `reversed` counts from the end. `starts` has
// count + 1 entries. Every warp finds it on its own, 32 sequences at a time.
__device__ __forceinline__ Place find_tile(const uint32_t *starts, int count, int tile,
                                           bool reversed) {
    const int lane = threadIdx.x % 32;
    for (int base = 0; base < count; base += 32) {
        const int wanted = base + lane;
        const int sequence = reversed ? count - 1 - wanted : wanted;
        int start = 0, len = 0;
        if (wanted < count) {
            start = starts[sequence];
            len = starts[sequence + 1] - start;
        }
        const int tiles = (len + TILE - 1) / TILE;
        int end = tiles;
#pragma unroll
        for (int step = 1; step < 32; step *= 2) {
            const int other = __shfl_up_sync(~0u, end, step);
            if (lane >= step) end += other;
        }
        const unsigned here = __ballot_sync(~0u, tile < end);
        if (here != 0) {
            const int owner = __ffs(here) - 1;
            const int within = tile - __shfl_sync(~0u, end - tiles, owner);
            const int owned = __shfl_sync(~0u, tiles, owner);
            Place place;
            place.start = __shfl_sync(~0u, start, owner);
            place.len = __shfl_sync(~0u, len, owner);
            place.first = (reversed ? owned - 1 - within : within) * TILE;
            return place;
        }
        tile -= __shfl_sync(~0u, end, 31);
    }
    return Place{0, 0, 0};
}

// The sum and the greatest over the four threads that share a row.
__device__ __forceinline__ float quad_sum(float value) {
    value += __shfl_xor_sync(~0u, value, 1);
    return value + __shfl_xor_sync(~0u, value, 2);
}

__device__ __forceinline__ float quad_max(float value) {
    value = fmaxf(value, __shfl_xor_sync(~0u, value, 1));
    return fmaxf(value, __shfl_xor_sync(~0u, value, 2));
}

// Scores that are not seen become −∞. scores: 16 rows from `query` on, COLUMNS·8 keys from
// `key` on, as multiply_add lays them out.
template <int COLUMNS>
__device__ __forceinline__ void mask(float (&scores)[COLUMNS][4], int query, int key, int window) {
    const int lane = threadIdx.x % 32;
#pragma unroll
    for (int column = 0; column < COLUMNS; column++) {
#pragma unroll
        for (int i = 0; i < 4; i++) {
            const int q = query + lane / 4 + i / 2 * 8;
            const int k = key + column * 8 + lane % 4 * 2 + i % 2;
            if (k > q || q - k >= window) scores[column][i] = -INFINITY;
        }
    }
}

// One row pair's running maximum and sum; scores become 2^(score·scale − maximum).
// Returns in `fade` what earlier sums must be multiplied with.
template <int COLUMNS>
__device__ __forceinline__ void online_softmax(float (&scores)[COLUMNS][4], float (&most)[2],
                                               float (&sum)[2], float (&fade)[2], float scale) {
#pragma unroll
    for (int half = 0; half < 2; half++) {
        float best = -INFINITY;
#pragma unroll
        for (int column = 0; column < COLUMNS; column++) {
            best = fmaxf(best, fmaxf(scores[column][2 * half], scores[column][2 * half + 1]));
        }
        best = fmaxf(most[half], quad_max(best) * scale);
        // A row that has seen nothing yet keeps sums of 0 instead of ∞ − ∞.
        const float base = best == -INFINITY ? 0.0f : best;
        fade[half] = exp2_fast(most[half] - base);
        most[half] = best;
        sum[half] *= fade[half];
#pragma unroll
        for (int column = 0; column < COLUMNS; column++) {
#pragma unroll
            for (int i = 2 * half; i < 2 * half + 2; i++) {
                scores[column][i] = exp2_fast(scores[column][i] * scale - base);
                sum[half] += scores[column][i];
            }
        }
    }
}

// ---- products of a warp's 16 rows, laid out as multiply_add has them ----

// sums += left · tileᵀ, for columns 16·step.. of both: `left` has 16 of D columns, the tile
// COLUMNS·8 rows of D.
template <int D, int COLUMNS>
__device__ __forceinline__ void add_transposed(float (&sums)[COLUMNS][4], const uint32_t (&left)[4],
                                               const bf16 *tile, int step) {
#pragma unroll
    for (int pair = 0; pair < COLUMNS / 2; pair++) {
        uint32_t right[4];
        load_right_transposed<D>(right, tile, pair * 16, step);
        multiply_add(sums[2 * pair], left, right[0], right[1]);
        multiply_add(sums[2 * pair + 1], left, right[2], right[3]);
    }
}

// sums += (the warp's rows of left_tile) · tileᵀ.
template <int D, int COLUMNS>
__device__ __forceinline__ void multiply_transposed(float (&sums)[COLUMNS][4], const bf16 *left_tile,
                                                    const bf16 *tile) {
#pragma unroll
    for (int step = 0; step < D / 16; step++) {
        uint32_t left[4];
        load_left<D>(left, left_tile, threadIdx.x / 32 * 16, step);
        add_transposed<D>(sums, left, tile, step);
    }
}

// sums += left · rows row.. (16) of the tile.
template <int D>
__device__ __forceinline__ void add_rows(float (&sums)[D / 8][4], const uint32_t (&left)[4],
                                         const bf16 *tile, int row) {
#pragma unroll
    for (int pair = 0; pair < D / 16; pair++) {
        uint32_t right[4];
        load_right<D>(right, tile, row, pair);
        multiply_add(sums[2 * pair], left, right[0], right[1]);
        multiply_add(sums[2 * pair + 1], left, right[2], right[3]);
    }
}

// sums += scores · tile, with scores rounded to bf16.
template <int D, int COLUMNS>
__device__ __forceinline__ void multiply_rows(float (&sums)[D / 8][4], const float (&scores)[COLUMNS][4],
                                              const bf16 *tile) {
#pragma unroll
    for (int step = 0; step < COLUMNS / 2; step++) {
        const uint32_t left[4] = {
            pack_pair(scores[2 * step][0], scores[2 * step][1]),
            pack_pair(scores[2 * step][2], scores[2 * step][3]),
            pack_pair(scores[2 * step + 1][0], scores[2 * step + 1][1]),
            pack_pair(scores[2 * step + 1][2], scores[2 * step + 1][3]),
        };
        add_rows<D>(sums, left, tile, step * 16);
    }
}

// The keys and values that the queries of a tile see, in blocks of KEYS. Two blocks lie in
// shared memory: while one is used, the next is fetched.
template <int D, int KEYS> struct KeyBlocks {
    // Keys, and behind them values.
    static constexpr int STAGE = 2 * KEYS * D;
    bf16 *stages;
    const bf16 *keys;
    const bf16 *values;
    int stride;
    int len;
    int first;
    int end;

    // `base` is the sequence's first row.
    __device__ __forceinline__ KeyBlocks(bf16 *stages, const bf16 *base, int stride, const Place &place,
                                         int heads, int kv_heads, int kv_head, int window)
        : stages(stages), keys(base + (heads + kv_head) * D), values(keys + kv_heads * D), stride(stride),
          len(place.len), first(max(0, place.first - window + 1) / KEYS),
          end((min(place.len, place.first + TILE) + KEYS - 1) / KEYS) {}

    // Where a block's keys lie; its values are KEYS·D behind.
    __device__ __forceinline__ bf16 *tile(int block) const { return stages + (block - first) % 2 * STAGE; }

    __device__ __forceinline__ void fetch(int block) const {
        const i64 offset = static_cast<i64>(block) * KEYS * stride;
        bf16 *to = tile(block);
        copy_tile<D, KEYS, THREADS>(to, keys + offset, stride, len - block * KEYS);
        copy_tile<D, KEYS, THREADS>(to + KEYS * D, values + offset, stride, len - block * KEYS);
        copy_commit();
    }
};

// Takes the scores of COLUMNS·8 keys from `key` on, for 16 queries from `query` on: they
// become weights, and sums and totals of earlier keys are corrected. `scale` has log₂e.
template <int D, int COLUMNS>
__device__ __forceinline__ void take_scores(float (&scores)[COLUMNS][4], float (&sums)[D / 8][4],
                                            float (&most)[2], float (&total)[2], int query, int key,
                                            int window, float scale) {
    if (key + COLUMNS * 8 - 1 > query || query + 15 - key >= window) mask(scores, query, key, window);
    float fade[2];
    online_softmax(scores, most, total, fade, scale);
#pragma unroll
    for (int column = 0; column < D / 8; column++) {
        sums[column][0] *= fade[0], sums[column][1] *= fade[0];
        sums[column][2] *= fade[1], sums[column][3] *= fade[1];
    }
}

// Writes a warp's 16 rows of D sums, scaled by row, to global memory by way of `tile` (16
// rows of D elements that only this warp uses).
template <int D>
__device__ __forceinline__ void write_rows(bf16 *to, i64 stride, int valid, bf16 *tile,
                                           const float (&sums)[D / 8][4], float scale0, float scale1) {
    const int lane = threadIdx.x % 32;
    const int row = lane / 4;
#pragma unroll
    for (int column = 0; column < D / 8; column++) {
        const int inside = lane % 4 * 2;
        *reinterpret_cast<uint32_t *>(tile + tile_offset<D>(row, column) + inside) =
            pack_pair(sums[column][0] * scale0, sums[column][1] * scale0);
        *reinterpret_cast<uint32_t *>(tile + tile_offset<D>(row + 8, column) + inside) =
            pack_pair(sums[column][2] * scale1, sums[column][3] * scale1);
    }
    __syncwarp();
    const bool wide = (reinterpret_cast<uintptr_t>(to) % 16 | stride % 8) == 0;
#pragma unroll
    for (int index = lane; index < 16 * (D / 8); index += 32) {
        const int row = index / (D / 8);
        const int chunk = index % (D / 8);
        if (row >= valid) continue;
        const Pack8 pack = *reinterpret_cast<Pack8 *>(tile + tile_offset<D>(row, chunk));
        bf16 *place = to + row * stride + chunk * 8;
        if (wide) {
            *reinterpret_cast<Pack8 *>(place) = pack;
        } else {
#pragma unroll
            for (int i = 0; i < 4; i++) place[2 * i] = pack.pair[i].x, place[2 * i + 1] = pack.pair[i].y;
        }
    }
}
