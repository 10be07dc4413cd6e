// FlashAttention with tiles in shared memory: 16 queries meet 32 keys at a time, and no score leaves the chip.
// Dao et al. 2022 (arXiv 2205.14135), algorithm 1, with the queries in the outer loop (Dao 2023, arXiv 2307.08691).
//
//   q (h, n, D)   k, v (h_kv, m, D)   out (h, n, D)   lse (h, n)
//
// One block of 128 threads for each tile of queries of one head: grid (⌈n / BR⌉, h).

#define D 64            // head size
#define BR 16           // queries of a tile
#define BC 32           // keys of a tile
#define THREADS 128
#define COLS (D * BR / THREADS)  // numbers of the output that a thread accumulates: one row, every 8th column

__device__ __forceinline__ float minus_infinity() { return __int_as_float(0xff800000); }

extern "C" __global__ void __launch_bounds__(THREADS)
flash_tiled(const float* __restrict__ q, const float* __restrict__ k, const float* __restrict__ v,
            float* __restrict__ out, float* __restrict__ lse, int n, int m, float scale, int causal, int group)
{
    __shared__ float qs[BR][D];
    __shared__ float ks[BC][D + 1];  // + 1: 32 threads that walk 32 rows meet 32 banks
    __shared__ float vs[BC][D];
    __shared__ float ss[BR][BC + 1];  // scores, then weights
    __shared__ float row_max[BR], row_sum[BR], correction[BR];

    const int tid = threadIdx.x;
    const int row0 = blockIdx.x * BR;
    const int head = blockIdx.y;
    q += (size_t)head * n * D;
    k += (size_t)(head / group) * m * D;
    v += (size_t)(head / group) * m * D;
    out += (size_t)head * n * D;

    // 1. The queries, scaled; rows past the end are zeros.
#pragma unroll 1
    for (int i = tid; i < BR * D; i += THREADS) {
        const int row = row0 + i / D;
        qs[i / D][i % D] = row < n ? q[(size_t)row * D + i % D] * scale : 0.0f;
    }
    if (tid < BR) {
        row_max[tid] = minus_infinity();
        row_sum[tid] = 0.0f;
    }
    const int own_row = tid / 8, own_col = tid % 8;
    float acc[COLS];
#pragma unroll
    for (int c = 0; c < COLS; ++c)
        acc[c] = 0.0f;

    // Tiles that no query of this block may see are skipped.
    const int seen = causal ? min(m, max(0, m - n + row0 + BR)) : m;
    for (int key0 = 0; key0 < seen; key0 += BC) {
        // 2. A tile of keys and values; rows past the end are zeros, so that no rubbish is multiplied by zero.
        __syncthreads();
#pragma unroll 1
        for (int i = tid; i < BC * D; i += THREADS) {
            const int key = key0 + i / D;
            const bool inside = key < m;
            ks[i / D][i % D] = inside ? k[(size_t)key * D + i % D] : 0.0f;
            vs[i / D][i % D] = inside ? v[(size_t)key * D + i % D] : 0.0f;
        }
        __syncthreads();

        // 3. Scores: 16 × 32, four a thread. A warp takes one query and 32 keys.
#pragma unroll 1
        for (int i = tid; i < BR * BC; i += THREADS) {
            const int r = i / BC, j = i % BC;
            float sum = 0.0f;
#pragma unroll 1
            for (int c = 0; c < D; ++c)
                sum = fmaf(qs[r][c], ks[j][c], sum);
            const bool allowed = key0 + j < m && (!causal || key0 + j <= m - n + row0 + r);
            ss[r][j] = allowed ? sum : minus_infinity();
        }
        __syncthreads();

        // 4. The running maximum and denominator of each row (the paper's m and ℓ).
        if (tid < BR) {
            float tile_max = row_max[tid];
#pragma unroll 1
            for (int j = 0; j < BC; ++j)
                tile_max = fmaxf(tile_max, ss[tid][j]);
            float sum = 0.0f;
#pragma unroll 1
            for (int j = 0; j < BC; ++j) {
                const float p = ss[tid][j] == minus_infinity() ? 0.0f : __expf(ss[tid][j] - tile_max);
                ss[tid][j] = p;
                sum += p;
            }
            // What was accumulated was measured against the old maximum.
            correction[tid] = row_max[tid] == tile_max ? 1.0f : __expf(row_max[tid] - tile_max);
            row_sum[tid] = row_sum[tid] * correction[tid] + sum;
            row_max[tid] = tile_max;
        }
        __syncthreads();

        // 5. The output so far, corrected, plus this tile's weights times its values.
#pragma unroll
        for (int c = 0; c < COLS; ++c)
            acc[c] *= correction[own_row];
#pragma unroll 1
        for (int j = 0; j < BC; ++j) {
            const float p = ss[own_row][j];
#pragma unroll
            for (int c = 0; c < COLS; ++c)
                acc[c] = fmaf(p, vs[j][own_col + 8 * c], acc[c]);
        }
    }
    // 6. Divide once, at the end.
    __syncthreads();
    const int row = row0 + own_row;
    if (row < n) {
        const float sum = row_sum[own_row];
        const float inverse = sum > 0.0f ? 1.0f / sum : 0.0f;
#pragma unroll
        for (int c = 0; c < COLS; ++c)
            out[(size_t)row * D + own_col + 8 * c] = acc[c] * inverse;
        if (own_col == 0)
            lse[(size_t)head * n + row] = sum > 0.0f ? row_max[own_row] + __logf(sum) : minus_infinity();
    }
}
