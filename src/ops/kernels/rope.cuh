// Turning eight pairs of a head.
#pragma once

#include "common.cuh"

// Cosines and sines of the pairs 8·part.. of a position.
__device__ __forceinline__ void load_angles(float (&c)[8], float (&s)[8], const float *table,
                                            uint32_t position, int part, int dim) {
    const float *cosines = table + static_cast<i64>(position) * dim + part * 8;
    const float *sines = cosines + dim / 2;
    *reinterpret_cast<float4 *>(c) = *reinterpret_cast<const float4 *>(cosines);
    *reinterpret_cast<float4 *>(c + 4) = *reinterpret_cast<const float4 *>(cosines + 4);
    *reinterpret_cast<float4 *>(s) = *reinterpret_cast<const float4 *>(sines);
    *reinterpret_cast<float4 *>(s + 4) = *reinterpret_cast<const float4 *>(sines + 4);
}

__device__ __forceinline__ void turn(float (&low)[8], float (&high)[8], const float (&c)[8],
                                     const float (&s)[8], float sign) {
#pragma unroll
    for (int i = 0; i < 8; i++) {
        const float x = low[i];
        const float y = high[i];
        low[i] = x * c[i] - y * (sign * s[i]);
        high[i] = y * c[i] + x * (sign * s[i]);
    }
}
