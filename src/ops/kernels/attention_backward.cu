// The gradient of causal attention over packed sequences, in two kernels and without
// atomic additions: the first gives each query its gradient, the second each key and value.
//
// With P = softmax(scale·QKᵀ), dP = dO·Vᵀ and δ = rowsum(dO·O): dS = P·(dP − δ),
// dQ = scale·dS·K, dK = scale·dSᵀ·Q, dV = Pᵀ·dO. What the softmax was divided by is not
// kept from the forward pass: the first kernel corrects its sums as keys pass, just as the
// forward pass does, and leaves the logarithm of the divisor, and δ, for the second.
#include "attention.cuh"

// grid: tiles × H heads, heads fastest. statistics (2, H, rows): log₂ of the softmax's
// divisor in units of scale·log₂e, then δ. Writes the query columns of dqkv.
template <int D, int KEYS>
__device__ __forceinline__ void query_gradient(bf16 *dqkv, float *statistics, const bf16 *qkv,
                                               int stride, const bf16 *out, int out_stride,
                                               const bf16 *dout, int dout_stride,
                                               const uint32_t *starts, int count, int rows, int heads,
                                               int kv_heads, int window, float scale) {
    extern __shared__ __align__(1024) bf16 shared[];
    const int head = blockIdx.x % heads;
    const int kv_head = head / (heads / kv_heads);
    const Place place = find_tile(starts, count, blockIdx.x / heads, true);
    if (place.len == 0) return;
    const int warp = threadIdx.x / 32;
    const int lane = threadIdx.x % 32;
    const i64 row0 = place.start + place.first;
    const bf16 *base = qkv + static_cast<i64>(place.start) * stride;
    const int left_rows = place.len - place.first;

    bf16 *query_tile = shared;
    bf16 *dout_tile = shared + TILE * D;
    const KeyBlocks<D, KEYS> blocks(shared + 2 * TILE * D, base, stride, place, heads, kv_heads, kv_head,
                                    window);
    copy_tile<D, TILE, THREADS>(query_tile, qkv + row0 * stride + head * D, stride, left_rows);
    copy_tile<D, TILE, THREADS>(dout_tile, dout + row0 * dout_stride + head * D, dout_stride, left_rows);
    blocks.fetch(blocks.first);
    copy_wait<0>();
    __syncthreads();

    // δ, from the same places of dO and O.
    float delta[2] = {};
#pragma unroll
    for (int half = 0; half < 2; half++) {
        const int row = warp * 16 + lane / 4 + half * 8;
        const bf16 *o = out + (row0 + min(row, left_rows - 1)) * out_stride + head * D;
#pragma unroll
        for (int column = 0; column < D / 8; column++) {
            const int inside = lane % 4 * 2;
            const float2 a = unpack_pair(*reinterpret_cast<const uint32_t *>(
                dout_tile + tile_offset<D>(row, column) + inside));
            const float2 b = unpack_pair(*reinterpret_cast<const uint32_t *>(o + column * 8 + inside));
            delta[half] += a.x * b.x + a.y * b.y;
        }
        delta[half] = quad_sum(delta[half]);
    }

    float sums[D / 8][4] = {};
    float most[2] = {-INFINITY, -INFINITY};
    float total[2] = {};
    const float scale2 = scale * LOG2E;
    const int warp_query = place.first + warp * 16;
    for (int block = blocks.first; block < blocks.end; block++) {
        if (block != blocks.first) {
            copy_wait<0>();
            __syncthreads();
        }
        const bf16 *key_tile = blocks.tile(block);
        const bf16 *value_tile = key_tile + KEYS * D;
        if (block + 1 < blocks.end) blocks.fetch(block + 1);

        float scores[KEYS / 8][4] = {};
        multiply_transposed<D>(scores, query_tile, key_tile);
        take_scores<D>(scores, sums, most, total, warp_query, block * KEYS, window, scale2);
        float slopes[KEYS / 8][4] = {};
        multiply_transposed<D>(slopes, dout_tile, value_tile);
#pragma unroll
        for (int column = 0; column < KEYS / 8; column++) {
#pragma unroll
            for (int i = 0; i < 4; i++) scores[column][i] *= slopes[column][i] - delta[i / 2];
        }
        multiply_rows<D>(sums, scores, key_tile);
    }
    const int valid = place.len - warp_query;
    float divisor[2];
#pragma unroll
    for (int half = 0; half < 2; half++) {
        divisor[half] = quad_sum(total[half]);
        const int row = lane / 4 + half * 8;
        if (lane % 4 == 0 && row < valid) {
            const i64 index = static_cast<i64>(head) * rows + place.start + warp_query + row;
            statistics[index] = most[half] + log2f(divisor[half]);
            statistics[static_cast<i64>(heads) * rows + index] = delta[half];
        }
    }
    // The warp's own rows of the query tile are read no more.
    __syncwarp();
    write_rows<D>(dqkv + static_cast<i64>(place.start + warp_query) * stride + head * D, stride, valid,
                  query_tile + warp * 16 * D, sums, scale / divisor[0], scale / divisor[1]);
}

// grid: tiles × KV heads, heads fastest. Writes the key and value columns of dqkv: for each
// key the sum over the queries of the H/KV heads of its group, head after head.
template <int D, int QUERIES>
__device__ __forceinline__ void key_value_gradient(bf16 *dqkv, const float *statistics,
                                                   const bf16 *qkv, int stride, const bf16 *dout,
                                                   int dout_stride, const uint32_t *starts, int count,
                                                   int rows, int heads, int kv_heads, int window,
                                                   float scale) {
    extern __shared__ __align__(1024) bf16 shared[];
    const int kv_head = blockIdx.x % kv_heads;
    const int group = heads / kv_heads;
    // The first tiles of a sequence are seen by most queries: they go first.
    const Place place = find_tile(starts, count, blockIdx.x / kv_heads, false);
    if (place.len == 0) return;
    const int warp = threadIdx.x / 32;
    const int lane = threadIdx.x % 32;
    const i64 row0 = place.start + place.first;
    const int key_column = (heads + kv_head) * D;
    const int value_column = key_column + kv_heads * D;

    bf16 *key_tile = shared;
    bf16 *value_tile = shared + TILE * D;
    constexpr int STAGE = 2 * QUERIES * D + 4 * QUERIES; // queries, dO, 2 × QUERIES f32
    bf16 *stages = shared + 2 * TILE * D;
    copy_tile<D, TILE, THREADS>(key_tile, qkv + row0 * stride + key_column, stride, place.len - place.first);
    copy_tile<D, TILE, THREADS>(value_tile, qkv + row0 * stride + value_column, stride,
                                place.len - place.first);

    const int first_block = place.first / QUERIES;
    const i64 end_row = min(static_cast<i64>(place.len), static_cast<i64>(place.first) + TILE - 1 + window);
    const int end_block = static_cast<int>((end_row + QUERIES - 1) / QUERIES);
    const int blocks = end_block - first_block;
    const int turns = blocks * group;
    auto fetch = [&](int turn, bf16 *to) {
        const int head = kv_head * group + turn / blocks;
        const int query = (first_block + turn % blocks) * QUERIES;
        const int valid = place.len - query;
        const i64 row = place.start + query;
        copy_tile<D, QUERIES, THREADS>(to, qkv + row * stride + head * D, stride, valid);
        copy_tile<D, QUERIES, THREADS>(to + QUERIES * D, dout + row * dout_stride + head * D, dout_stride,
                                       valid);
        // Behind the last row of a sequence all is zero: P is 1 there, but adds nothing.
        float *numbers = reinterpret_cast<float *>(to + 2 * QUERIES * D);
        for (int i = threadIdx.x; i < 2 * QUERIES; i += THREADS) {
            const int kind = i / QUERIES;
            const int place = i % QUERIES < valid ? i % QUERIES : 0;
            const i64 index = (static_cast<i64>(kind) * heads + head) * rows + row + place;
            copy_async_word(numbers + i, statistics + index, i % QUERIES < valid);
        }
        copy_commit();
    };
    fetch(0, stages);

    float key_sums[D / 8][4] = {};
    float value_sums[D / 8][4] = {};
    const float scale2 = scale * LOG2E;
    const int warp_key = place.first + warp * 16;
    for (int turn = 0; turn < turns; turn++) {
        copy_wait<0>();
        __syncthreads();
        bf16 *query_tile = stages + turn % 2 * STAGE;
        bf16 *dout_tile = query_tile + QUERIES * D;
        const float *numbers = reinterpret_cast<const float *>(query_tile + 2 * QUERIES * D);
        if (turn + 1 < turns) fetch(turn + 1, stages + (turn + 1) % 2 * STAGE);

        // Transposed scores: keys are rows, queries are columns.
        float scores[QUERIES / 8][4] = {};
        multiply_transposed<D>(scores, key_tile, query_tile);
        const int query = (first_block + turn % blocks) * QUERIES;
        const bool masked = warp_key + 15 > query || query + QUERIES - 1 - warp_key >= window;
        uint32_t weights[QUERIES / 16][4];
#pragma unroll
        for (int column = 0; column < QUERIES / 8; column++) {
            const float2 log_divisor = *reinterpret_cast<const float2 *>(numbers + column * 8 + lane % 4 * 2);
#pragma unroll
            for (int i = 0; i < 4; i++) {
                float p = exp2_fast(scores[column][i] * scale2 - (i % 2 == 0 ? log_divisor.x : log_divisor.y));
                if (masked) {
                    const int q = query + column * 8 + lane % 4 * 2 + i % 2;
                    const int k = warp_key + lane / 4 + i / 2 * 8;
                    if (k > q || q - k >= window) p = 0.0f;
                }
                scores[column][i] = p;
            }
            weights[column / 2][column % 2 * 2] = pack_pair(scores[column][0], scores[column][1]);
            weights[column / 2][column % 2 * 2 + 1] = pack_pair(scores[column][2], scores[column][3]);
        }
#pragma unroll
        for (int step = 0; step < QUERIES / 16; step++) {
            add_rows<D>(value_sums, weights[step], dout_tile, step * 16);
        }
        float slopes[QUERIES / 8][4] = {};
        multiply_transposed<D>(slopes, value_tile, dout_tile);
#pragma unroll
        for (int column = 0; column < QUERIES / 8; column++) {
            const float2 delta = *reinterpret_cast<const float2 *>(numbers + QUERIES + column * 8 + lane % 4 * 2);
            // P as it was rounded for dV: it saves the registers of a second copy.
            const float2 low = unpack_pair(weights[column / 2][column % 2 * 2]);
            const float2 high = unpack_pair(weights[column / 2][column % 2 * 2 + 1]);
            weights[column / 2][column % 2 * 2] =
                pack_pair(low.x * (slopes[column][0] - delta.x), low.y * (slopes[column][1] - delta.y));
            weights[column / 2][column % 2 * 2 + 1] =
                pack_pair(high.x * (slopes[column][2] - delta.x), high.y * (slopes[column][3] - delta.y));
        }
#pragma unroll
        for (int step = 0; step < QUERIES / 16; step++) {
            add_rows<D>(key_sums, weights[step], query_tile, step * 16);
        }
    }
    const int valid = place.len - warp_key;
    bf16 *to = dqkv + static_cast<i64>(place.start + warp_key) * stride;
    // The warp's own rows of both tiles are read no more.
    __syncwarp();
    write_rows<D>(to + key_column, stride, valid, key_tile + warp * 16 * D, key_sums, scale, scale);
    write_rows<D>(to + value_column, stride, valid, value_tile + warp * 16 * D, value_sums, 1.0f, 1.0f);
}

#define ATTENTION_BACKWARD(D, KEYS, QUERIES)                                                           \
    extern "C" __global__ void __launch_bounds__(THREADS, 2) attention_query_gradient_##D(             \
        bf16 *dqkv, float *statistics, const bf16 *qkv, int stride, const bf16 *out, int out_stride,   \
        const bf16 *dout, int dout_stride, const uint32_t *starts, int count, int rows, int heads,     \
        int kv_heads, int window, float scale) {                                                       \
        query_gradient<D, KEYS>(dqkv, statistics, qkv, stride, out, out_stride, dout, dout_stride,     \
                                starts, count, rows, heads, kv_heads, window, scale);                  \
    }                                                                                                  \
    extern "C" __global__ void __launch_bounds__(THREADS, 2) attention_key_value_gradient_##D(         \
        bf16 *dqkv, const float *statistics, const bf16 *qkv, int stride, const bf16 *dout,            \
        int dout_stride, const uint32_t *starts, int count, int rows, int heads, int kv_heads,         \
        int window, float scale) {                                                                     \
        key_value_gradient<D, QUERIES>(dqkv, statistics, qkv, stride, dout, dout_stride, starts,       \
                                       count, rows, heads, kv_heads, window, scale);                   \
    }
ATTENTION_BACKWARD(32, 64, 64)
ATTENTION_BACKWARD(64, 64, 64)
ATTENTION_BACKWARD(128, 64, 32)
