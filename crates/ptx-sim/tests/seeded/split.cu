// Split-KV decoding (“flash-decoding”): few queries and many keys, so the keys of one query are shared out among warps.
//
//   q (h, n, D)   k, v (h_kv, m, D)   part (h, n, splits, D)   part_lse (h, n, splits)   out (h, n, D)   lse (h, n)
//
// flash_split: a warp for each split of each query of each head; grid (splits, n, h), blocks of 32 threads.
// flash_merge: a warp for each query of each head; grid (n, h), blocks of 32 threads.

#define D 64            // head size
#define COLS (D / 32)   // columns that a lane holds
#define ALL 0xffffffffu // every lane of the warp

__device__ __forceinline__ float minus_infinity() { return __int_as_float(0xff800000); }

// The lanes hold a query, a key and a value across their columns: every load is one contiguous row.
extern "C" __global__ void __launch_bounds__(32)
flash_split(const float* __restrict__ q, const float* __restrict__ k, const float* __restrict__ v,
            float* __restrict__ part, float* __restrict__ part_lse, int n, int m, float scale, int causal, int group)
{
    const int lane = threadIdx.x, split = blockIdx.x, splits = gridDim.x;
    const int row = blockIdx.y, head = blockIdx.z;
    q += ((size_t)head * n + row) * D;
    k += (size_t)(head / group) * m * D;
    v += (size_t)(head / group) * m * D;

    float query[COLS], acc[COLS];
#pragma unroll
    for (int c = 0; c < COLS; ++c) {
        query[c] = q[lane + 32 * c] * scale;
        acc[c] = 0.0f;
    }
    const int seen = causal ? min(m, max(0, m - n + row + 1)) : m;
    const int each = (seen + splits - 1) / splits;
    const int first = split * each, last = min(seen, first + each);
    float row_max = minus_infinity(), row_sum = 0.0f;
#pragma unroll 1
    for (int j = first; j < last; ++j) {
        float score = 0.0f;
#pragma unroll
        for (int c = 0; c < COLS; ++c)
            score = fmaf(query[c], k[(size_t)j * D + lane + 32 * c], score);
#pragma unroll
        for (int lanes = 16; lanes > 0; lanes >>= 1)
            score += __shfl_xor_sync(ALL, score, lanes);
        const float new_max = fmaxf(row_max, score);
        const float correction = row_max == new_max ? 1.0f : __expf(row_max - new_max);
        const float p = __expf(score - new_max);
        row_sum = row_sum * correction + p;
        row_max = new_max;
#pragma unroll
        for (int c = 0; c < COLS; ++c)
            acc[c] = fmaf(p, v[(size_t)j * D + lane + 32 * c], acc[c] * correction);
    }
    const size_t at = ((size_t)head * n + row) * splits + split;
    const float inverse = row_sum > 0.0f ? 1.0f / row_sum : 0.0f;
#pragma unroll
    for (int c = 0; c < COLS; ++c)
        part[at * D + lane + 32 * c] = acc[c] * inverse;
    if (lane == 0)
        part_lse[at] = row_sum > 0.0f ? row_max + __logf(row_sum) : minus_infinity();
}

// The splits of a row, each weighted by its share of the whole denominator: exp(lse of the split − lse of the row).
extern "C" __global__ void __launch_bounds__(32)
flash_merge(const float* __restrict__ part, const float* __restrict__ part_lse, float* __restrict__ out,
            float* __restrict__ lse, int n, int splits)
{
    const int lane = threadIdx.x, row = blockIdx.x, head = blockIdx.y;
    const size_t at = (size_t)head * n + row;
    part += at * splits * D;
    part_lse += at * splits;

    float largest = minus_infinity();
#pragma unroll 1
    for (int s = 0; s < splits; ++s)
        largest = fmaxf(largest, part_lse[s]);
    float sum = 0.0f;
    float acc[COLS];
#pragma unroll
    for (int c = 0; c < COLS; ++c)
        acc[c] = 0.0f;
#pragma unroll 1
    for (int s = 0; s < splits; ++s) {
        const float weight = part_lse[s] == minus_infinity() ? 0.0f : __expf(part_lse[s] - largest);
        sum += weight;
#pragma unroll
        for (int c = 0; c < COLS; ++c)
            acc[c] = fmaf(weight, part[(size_t)s * D + lane + 32 * c], acc[c]);
    }
    const float inverse = sum > 0.0f ? 1.0f / sum : 0.0f;
#pragma unroll
    for (int c = 0; c < COLS; ++c)
        out[at * D + lane + 32 * c] = acc[c] * inverse;
    if (lane == 0)
        lse[at] = sum > 0.0f ? largest + __logf(sum) : minus_infinity();
}
