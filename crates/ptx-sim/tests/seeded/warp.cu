// FlashAttention, a warp for each four rows: softmax by shuffles, vectors of four floats, each loaded key used four times.
//
//   q (h, n, D)   k, v (h_kv, m, D)   out (h, n, D)   lse (h, n)
//
// One block of four warps for each tile of 16 queries of one head: grid (⌈n / BR⌉, h). Lane j of a warp scores key j of the
// tile; the output of a row lies across the lanes, D / 32 columns each.

#define D 64              // head size
#define WARPS 4
#define ROWS 4            // queries of a warp
#define BR (WARPS * ROWS) // queries of a tile
#define BC 32             // keys of a tile: one for each lane
#define COLS (D / 32)     // columns of the output that a lane accumulates
#define ALL 0xffffffffu   // every lane of the warp

__device__ __forceinline__ float minus_infinity() { return __int_as_float(0xff800000); }

__device__ __forceinline__ float warp_max(float x)
{
#pragma unroll
    for (int lanes = 16; lanes > 0; lanes >>= 1)
        x = fmaxf(x, __shfl_xor_sync(ALL, x, lanes));
    return x;
}

__device__ __forceinline__ float warp_sum(float x)
{
#pragma unroll
    for (int lanes = 16; lanes > 0; lanes >>= 1)
        x += __shfl_xor_sync(ALL, x, lanes);
    return x;
}

extern "C" __global__ void __launch_bounds__(32 * WARPS)
flash_warp(const float* __restrict__ q, const float* __restrict__ k, const float* __restrict__ v,
           float* __restrict__ out, float* __restrict__ lse, int n, int m, float scale, int causal, int group)
{
    __shared__ __align__(16) float qs[BR][D];
    __shared__ __align__(16) float ks[BC][D + 4];  // + 4: eight lanes that read 16 bytes of eight rows meet 32 banks
    __shared__ __align__(16) float vs[BC][D];
    __shared__ __align__(16) float ps[BR][BC];     // weights of a tile, each row for its own warp

    const int tid = threadIdx.x, lane = tid % 32, warp = tid / 32;
    const int row0 = blockIdx.x * BR;
    const int head = blockIdx.y;
    q += (size_t)head * n * D;
    k += (size_t)(head / group) * m * D;
    v += (size_t)(head / group) * m * D;
    out += (size_t)head * n * D;
    const float4 zero = make_float4(0.0f, 0.0f, 0.0f, 0.0f);

#pragma unroll 1
    for (int i = tid; i < BR * D / 4; i += 32 * WARPS) {
        const int r = i / (D / 4), c = i % (D / 4) * 4;
        float4 x = row0 + r < n ? *(const float4*)&q[(size_t)(row0 + r) * D + c] : zero;
        x.x *= scale; x.y *= scale; x.z *= scale; x.w *= scale;
        *(float4*)&qs[r][c] = x;
    }

    float row_max[ROWS], row_sum[ROWS], acc[ROWS][COLS];
#pragma unroll
    for (int r = 0; r < ROWS; ++r) {
        row_max[r] = minus_infinity();
        row_sum[r] = 0.0f;
#pragma unroll
        for (int c = 0; c < COLS; ++c)
            acc[r][c] = 0.0f;
    }

    const int seen = causal ? min(m, max(0, m - n + row0 + BR)) : m;
    for (int key0 = 0; key0 < seen; key0 += BC) {
        __syncthreads();
#pragma unroll 1
        for (int i = tid; i < BC * D / 4; i += 32 * WARPS) {
            const int r = i / (D / 4), c = i % (D / 4) * 4;
            const bool inside = key0 + r < m;
            *(float4*)&ks[r][c] = inside ? *(const float4*)&k[(size_t)(key0 + r) * D + c] : zero;
            *(float4*)&vs[r][c] = inside ? *(const float4*)&v[(size_t)(key0 + r) * D + c] : zero;
        }
        __syncthreads();

        // Scores of this lane's key with the warp's four queries: the key is read once for all of them.
        float s[ROWS] = {0.0f, 0.0f, 0.0f, 0.0f};
#pragma unroll 1
        for (int c = 0; c < D; c += 4) {
            const float4 key = *(const float4*)&ks[lane][c];
#pragma unroll
            for (int r = 0; r < ROWS; ++r) {
                const float4 query = *(const float4*)&qs[warp * ROWS + r][c];
                s[r] = fmaf(query.x, key.x, s[r]);
                s[r] = fmaf(query.y, key.y, s[r]);
                s[r] = fmaf(query.z, key.z, s[r]);
                s[r] = fmaf(query.w, key.w, s[r]);
            }
        }

        // The online softmax, a row at a time, across the lanes.
#pragma unroll
        for (int r = 0; r < ROWS; ++r) {
            const int row = row0 + warp * ROWS + r;
            const bool allowed = key0 + lane < m && (!causal || key0 + lane <= m - n + row);
            const float score = allowed ? s[r] : minus_infinity();
            const float tile_max = fmaxf(row_max[r], warp_max(score));
            const float correction = row_max[r] == tile_max ? 1.0f : __expf(row_max[r] - tile_max);
            const float p = allowed ? __expf(score - tile_max) : 0.0f;
            row_sum[r] = row_sum[r] * correction + warp_sum(p);
            row_max[r] = tile_max;
#pragma unroll
            for (int c = 0; c < COLS; ++c)
                acc[r][c] *= correction;
            ps[warp * ROWS + r][lane] = p;
        }
        __syncwarp();

        // Weights times values: a value is read once for four rows, four weights at a time.
#pragma unroll 1
        for (int j = 0; j < BC; j += 4) {
            float4 p[ROWS];
#pragma unroll
            for (int r = 0; r < ROWS; ++r)
                p[r] = *(const float4*)&ps[warp * ROWS + r][j];
#pragma unroll
            for (int c = 0; c < COLS; ++c) {
                const float v0 = vs[j][lane + 32 * c], v1 = vs[j + 1][lane + 32 * c];
                const float v2 = vs[j + 2][lane + 32 * c], v3 = vs[j + 3][lane + 32 * c];
#pragma unroll
                for (int r = 0; r < ROWS; ++r) {
                    acc[r][c] = fmaf(p[r].x, v0, acc[r][c]);
                    acc[r][c] = fmaf(p[r].y, v1, acc[r][c]);
                    acc[r][c] = fmaf(p[r].z, v2, acc[r][c]);
                    acc[r][c] = fmaf(p[r].w, v3, acc[r][c]);
                }
            }
        }
    }

#pragma unroll
    for (int r = 0; r < ROWS; ++r) {
        const int row = row0 + warp * ROWS + r;
        if (row < n) {
            const float inverse = row_sum[r] > 0.0f ? 1.0f / row_sum[r] : 0.0f;
#pragma unroll
            for (int c = 0; c < COLS; ++c)
                out[(size_t)row * D + lane + 32 * c] = acc[r][c] * inverse;
            if (lane == 0)
                lse[(size_t)head * n + row] = row_sum[r] > 0.0f ? row_max[r] + __logf(row_sum[r]) : minus_infinity();
        }
    }
}
