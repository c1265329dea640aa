// Attention while decoding: one query row for each row of the batch, over a cache (slots,
// KV heads, positions, D) of keys and one of values. Also what writes the cache.
#include "rope.cuh"

constexpr int THREADS = 128;
constexpr int WARPS = THREADS / 32;
constexpr float LOG2E = 1.44269504f;
// Keys of one block, at most.
constexpr int MOST_KEYS = 256;
// Rows of a batch times KV heads times parts of a group, at most.
constexpr int MOST_GROUPS = 1 << 16;

// Blocks of a group that are done. Each group's last block sets it back, so it is zero
// between launches.
__device__ unsigned int finished[MOST_GROUPS];

// grid: (key chunks, KV heads · ⌈group/HEADS⌉, rows). A block takes `chunk` keys for up to
// HEADS query heads of one key head; the last block of these heads to finish adds up all
// chunks in their order. partial (rows, H, chunks, D) and statistics (rows, H, chunks, 2)
// are f32 scratch.
template <int D, int HEADS>
__device__ __forceinline__ void attend(bf16 *out, int out_stride, const bf16 *qkv, int stride,
                                       const bf16 *keys, const bf16 *values, const uint32_t *slots,
                                       const uint32_t *positions, float *partial, float *statistics,
                                       int heads, int kv_heads, int len, int window, int chunk,
                                       float scale, int spare) {
    __shared__ float weights[MOST_KEYS][HEADS];
    __shared__ float sums[WARPS][HEADS][D];
    __shared__ bool is_last;
    const int group = heads / kv_heads;
    const int parts = (group + HEADS - 1) / HEADS;
    const int kv_head = blockIdx.y / parts;
    const int first_head = kv_head * group + blockIdx.y % parts * HEADS;
    const int head_count = min(HEADS, group - blockIdx.y % parts * HEADS);
    const int row = blockIdx.z;
    const int end = positions[row] + 1;
    const int start = max(0, end - window);
    const int chunks = (end - start + chunk - 1) / chunk;
    if (blockIdx.x >= chunks) return;
    const int first = start + blockIdx.x * chunk;
    const int count = min(chunk, end - first);
    const int warp = threadIdx.x / 32;
    const int lane = threadIdx.x % 32;
    const i64 cached = ((static_cast<i64>(slots[row]) * kv_heads + kv_head) * len + first) * D;
    keys += cached;
    values += cached;

    // Scores: LANES lanes share a key, each has 16 of its numbers.
    {
        constexpr int LANES = D / 16;
        constexpr int PER_PASS = THREADS / LANES;
        const int part = threadIdx.x % LANES;
        float query[HEADS][16];
#pragma unroll
        for (int head = 0; head < HEADS; head++) {
            const bool real = head < head_count;
            const bf16 *q = qkv + static_cast<i64>(row) * stride + (first_head + (real ? head : 0)) * D;
#pragma unroll
            for (int half = 0; half < 2; half++) {
                float value[8];
                load<8>(value, q + (part + half * LANES) * 8);
#pragma unroll
                for (int i = 0; i < 8; i++) query[head][half * 8 + i] = real ? value[i] : 0.0f;
            }
        }
#pragma unroll 4
        for (int base = 0; base < count; base += PER_PASS) {
            const int key = base + threadIdx.x / LANES;
            const bf16 *k = keys + static_cast<i64>(min(key, count - 1)) * D;
            const Float8 low = widen(*reinterpret_cast<const Pack8 *>(k + part * 8));
            const Float8 high = widen(*reinterpret_cast<const Pack8 *>(k + (part + LANES) * 8));
            float score[HEADS] = {};
#pragma unroll
            for (int head = 0; head < HEADS; head++) {
#pragma unroll
                for (int i = 0; i < 8; i++) {
                    score[head] += query[head][i] * low.at[i];
                    score[head] += query[head][8 + i] * high.at[i];
                }
#pragma unroll
                for (int step = LANES / 2; step > 0; step /= 2) {
                    score[head] += __shfl_xor_sync(~0u, score[head], step);
                }
            }
            if (part == 0 && key < count) {
#pragma unroll
                for (int head = 0; head < HEADS; head++) weights[key][head] = score[head] * scale * LOG2E;
            }
        }
    }
    __syncthreads();

    // The softmax of this chunk, a warp for each head.
    for (int head = warp; head < HEADS; head += WARPS) {
        float most = -INFINITY, total = 0.0f;
        for (int key = lane; key < count; key += 32) most = fmaxf(most, weights[key][head]);
#pragma unroll
        for (int step = 16; step > 0; step /= 2) most = fmaxf(most, __shfl_xor_sync(~0u, most, step));
        for (int key = lane; key < count; key += 32) {
            const float weight = exp2_fast(weights[key][head] - most);
            weights[key][head] = weight;
            total += weight;
        }
#pragma unroll
        for (int step = 16; step > 0; step /= 2) total += __shfl_xor_sync(~0u, total, step);
        if (lane == 0 && head < head_count) {
            const i64 place = (static_cast<i64>(row) * heads + first_head + head) * gridDim.x + blockIdx.x;
            statistics[2 * place] = most;
            statistics[2 * place + 1] = total;
        }
    }
    __syncthreads();

    // The weighted values: D/8 lanes share a value, each has 8 of its numbers.
    {
        constexpr int LANES = D / 8;
        constexpr int PER_PASS = THREADS / LANES;
        const int part = threadIdx.x % LANES;
        float sum[HEADS][8] = {};
#pragma unroll 8
        for (int key = threadIdx.x / LANES; key < count; key += PER_PASS) {
            const Float8 value =
                widen(*reinterpret_cast<const Pack8 *>(values + static_cast<i64>(key) * D + part * 8));
#pragma unroll
            for (int head = 0; head < HEADS; head++) {
                const float weight = weights[key][head];
#pragma unroll
                for (int i = 0; i < 8; i++) sum[head][i] += weight * value.at[i];
            }
        }
        // Lanes of a warp that have the same numbers of different keys.
#pragma unroll
        for (int step = LANES; step < 32; step *= 2) {
#pragma unroll
            for (int head = 0; head < HEADS; head++) {
#pragma unroll
                for (int i = 0; i < 8; i++) sum[head][i] += __shfl_xor_sync(~0u, sum[head][i], step);
            }
        }
        if (lane < LANES) {
#pragma unroll
            for (int head = 0; head < HEADS; head++) {
#pragma unroll
                for (int i = 0; i < 8; i++) sums[warp][head][part * 8 + i] = sum[head][i];
            }
        }
    }
    __syncthreads();
    for (int i = threadIdx.x; i < head_count * D; i += THREADS) {
        const int head = i / D;
        float sum = 0.0f;
#pragma unroll
        for (int from = 0; from < WARPS; from++) sum += sums[from][head][i % D];
        const i64 place = (static_cast<i64>(row) * heads + first_head + head) * gridDim.x + blockIdx.x;
        partial[place * D + i % D] = sum;
    }

    // The last block of these heads joins the chunks.
    __threadfence();
    __syncthreads();
    if (threadIdx.x == 0) {
        unsigned int *counter = finished + blockIdx.z * gridDim.y + blockIdx.y;
        is_last = atomicAdd(counter, 1) == chunks - 1;
        if (is_last) *counter = 0;
    }
    __syncthreads();
    if (!is_last) return;
    __threadfence();
    bf16 *to = out + static_cast<i64>(row) * out_stride;
    for (int i = threadIdx.x; i < head_count * D; i += THREADS) {
        const i64 place = (static_cast<i64>(row) * heads + first_head + i / D) * gridDim.x;
        float most = -INFINITY;
        for (int from = 0; from < chunks; from++) most = fmaxf(most, __ldcg(statistics + 2 * (place + from)));
        float total = 0.0f, sum = 0.0f;
        for (int from = 0; from < chunks; from++) {
            const float fade = exp2_fast(__ldcg(statistics + 2 * (place + from)) - most);
            total += fade * __ldcg(statistics + 2 * (place + from) + 1);
            sum += fade * __ldcg(partial + (place + from) * D + i % D);
        }
        to[first_head * D + i] = __float2bfloat16(sum / total);
    }
    if (first_head == 0) {
        for (int i = threadIdx.x; i < spare; i += THREADS) to[heads * D + i] = __float2bfloat16(0.0f);
    }
}

#define CACHED_ATTENTION(D, HEADS)                                                                     \
    extern "C" __global__ void __launch_bounds__(THREADS) cached_attention_##D##_##HEADS(              \
        bf16 *out, int out_stride, const bf16 *qkv, int stride, const bf16 *keys, const bf16 *values,  \
        const uint32_t *slots, const uint32_t *positions, float *partial, float *statistics,           \
        int heads, int kv_heads, int len, int window, int chunk, float scale, int spare) {             \
        attend<D, HEADS>(out, out_stride, qkv, stride, keys, values, slots, positions, partial,        \
                         statistics, heads, kv_heads, len, window, chunk, scale, spare);               \
    }
CACHED_ATTENTION(32, 1)
CACHED_ATTENTION(32, 2)
CACHED_ATTENTION(32, 4)
CACHED_ATTENTION(64, 1)
CACHED_ATTENTION(64, 2)
CACHED_ATTENTION(64, 4)
CACHED_ATTENTION(128, 1)
CACHED_ATTENTION(128, 2)
CACHED_ATTENTION(128, 4)

// cache (slots, KV, len, D) ← columns (rows, KV·D): each row at its slot and position. A
// thread copies 8 numbers, or one if `wide` is 0.
extern "C" __global__ void cache_write(bf16 *cache, const bf16 *columns, int stride,
                                       const uint32_t *slots, const uint32_t *positions, int rows,
                                       int kv_heads, int len, int dim, int wide) {
    const int step = wide ? 8 : 1;
    const int per_row = kv_heads * dim / step;
    const i64 index = static_cast<i64>(blockIdx.x) * blockDim.x + threadIdx.x;
    const i64 row = index / per_row;
    if (row >= rows) return;
    const int column = index % per_row * step;
    const i64 head = static_cast<i64>(slots[row]) * kv_heads + column / dim;
    bf16 *to = cache + (head * len + positions[row]) * dim + column % dim;
    const bf16 *from = columns + row * stride + column;
    if (wide) {
        *reinterpret_cast<Pack8 *>(to) = *reinterpret_cast<const Pack8 *>(from);
    } else {
        *to = *from;
    }
}

// Turns queries and keys of qkv (rows, (H + 2·KV)·D) and writes keys and values to the
// cache, all in one launch. Threads: rows · (H + 2·KV) · D/16; for values, a thread copies
// 16 numbers.
extern "C" __global__ void rope_and_cache(bf16 *qkv, int stride, const uint32_t *slots,
                                          const uint32_t *positions, const float *table, bf16 *keys,
                                          bf16 *values, int rows, int heads, int kv_heads, int len,
                                          int dim) {
    const int per_head = dim / 16;
    const int all_heads = heads + 2 * kv_heads;
    const i64 index = static_cast<i64>(blockIdx.x) * blockDim.x + threadIdx.x;
    const int part = index % per_head;
    const int head = index / per_head % all_heads;
    const i64 row = index / (per_head * all_heads);
    if (row >= rows) return;
    bf16 *low = qkv + row * stride + head * dim + part * 8;
    Pack8 a = *reinterpret_cast<const Pack8 *>(low);
    Pack8 b = *reinterpret_cast<const Pack8 *>(low + dim / 2);
    const bool is_value = head >= heads + kv_heads;
    if (!is_value) {
        alignas(16) float c[8], s[8];
        load_angles(c, s, table, positions[row], part, dim);
        Float8 x = widen(a), y = widen(b);
        turn(x.at, y.at, c, s, 1.0f);
        a = narrow(x);
        b = narrow(y);
        *reinterpret_cast<Pack8 *>(low) = a;
        *reinterpret_cast<Pack8 *>(low + dim / 2) = b;
    }
    if (head < heads) return;
    const int kv_head = is_value ? head - heads - kv_heads : head - heads;
    const i64 place = (static_cast<i64>(slots[row]) * kv_heads + kv_head) * len + positions[row];
    bf16 *to = (is_value ? values : keys) + place * dim + part * 8;
    *reinterpret_cast<Pack8 *>(to) = a;
    *reinterpret_cast<Pack8 *>(to + dim / 2) = b;
}
