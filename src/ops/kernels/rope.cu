// Rotary embedding of the query and key heads, in place. Numbers j and j + D/2 of a head
// are turned by the angle of their row's position.
#include "rope.cuh"

// One thread turns eight pairs. `table` (positions, dim): dim/2 cosines, then dim/2 sines;
// `sign` is 1, or -1 to turn back.
extern "C" __global__ void rope_in_place(bf16 *qkv, int stride, const uint32_t *positions,
                                         const float *table, int rows, int heads, int dim,
                                         float sign) {
    const int half = dim / 2;
    const int threads_per_head = half / 8;
    const i64 index = static_cast<i64>(blockIdx.x) * blockDim.x + threadIdx.x;
    const int part = index % threads_per_head;
    const int head = index / threads_per_head % heads;
    const i64 row = index / (threads_per_head * heads);
    if (row >= rows) return;
    alignas(16) float c[8], s[8];
    load_angles(c, s, table, positions[row], part, dim);
    bf16 *low = qkv + row * stride + head * dim + part * 8;
    bf16 *high = low + half;
    float a[8], b[8];
    load<8>(a, low);
    load<8>(b, high);
    turn(a, b, c, s, sign);
    store<8>(low, a);
    store<8>(high, b);
}
