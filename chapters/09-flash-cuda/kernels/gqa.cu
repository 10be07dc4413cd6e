// Grouped queries: the warp rung, but a block takes its rows from all the query heads that share a key/value head, so
// that a tile of keys and values is read once for the group and not once for each of its heads.
//
// Shapes: q (h, n, d), k and v (h / group, m, d), out (h, n, d), lse (h, n); d is D. Causal is aligned bottom-right:
// query i sees the keys up to m − n + i.
#ifndef D
#define D 64
#endif
#define WARPS 4
#define ROWS 4                       // rows of a warp
#define BLOCK_ROWS (WARPS * ROWS)    // rows of a block
#define KEYS 32                      // keys of a tile, one a lane
#define FOURS (D / 4)                // float4 of a row
#define PER_LANE (D / 32)            // entries of an output row that a lane owns, side by side
#define MINUS_INFINITY __int_as_float(0xff800000)
#define ALL_LANES 0xffffffffu

__device__ float warp_max(float x)
{
    for (int step = 16; step > 0; step /= 2) x = fmaxf(x, __shfl_xor_sync(ALL_LANES, x, step));
    return x;
}

__device__ float warp_sum(float x)
{
    for (int step = 16; step > 0; step /= 2) x += __shfl_xor_sync(ALL_LANES, x, step);
    return x;
}

// Four products of a dot product.
__device__ float dot4(float4 a, float4 b, float sum)
{
    return fmaf(a.w, b.w, fmaf(a.z, b.z, fmaf(a.y, b.y, fmaf(a.x, b.x, sum))));
}

// A lane's share of a row, read and written in one piece.
struct __align__(4 * PER_LANE) Share { float at[PER_LANE]; };

// ANCHOR: rows
// The rows of a key/value head are its n · group queries, those of one token side by side. Which row of q (h, n, d),
// counted over all heads, is row `packed` of key/value head `kv_head`?
__device__ size_t row_of(int packed, int kv_head, int n, int group)
{
    const int i = packed / group, head = kv_head * group + packed % group;
    return (size_t)head * n + i;
}
// ANCHOR_END: rows

// ANCHOR: gqa
// Grid (⌈n · group/BLOCK_ROWS⌉, h / group), block 32 · WARPS.
extern "C" __global__ void gqa(const float4* __restrict__ q, const float4* __restrict__ k, const float4* __restrict__ v,
                               Share* __restrict__ out, float* __restrict__ lse,
                               int n, int m, int group, float scale, int causal)
{
    __shared__ float4 qs[BLOCK_ROWS * FOURS];
    __shared__ float4 ks[KEYS * (FOURS + 1)];   // + 1: lanes that walk down a column meet different banks
    __shared__ float4 vs[KEYS * FOURS];

    const int lane = threadIdx.x % 32, first_row = threadIdx.x / 32 * ROWS;
    const int first = blockIdx.x * BLOCK_ROWS, rows = n * group, kv_head = blockIdx.y;
    const float4* keys = k + (size_t)kv_head * m * FOURS;
    const float4* values = v + (size_t)kv_head * m * FOURS;
    const float4 zeros = make_float4(0.0f, 0.0f, 0.0f, 0.0f);

    for (int at = threadIdx.x; at < BLOCK_ROWS * FOURS; at += 32 * WARPS) {
        const int packed = first + at / FOURS;
        qs[at] = packed < rows ? q[row_of(packed, kv_head, n, group) * FOURS + at % FOURS] : zeros;
    }

    float row_max[ROWS], row_sum[ROWS];         // the same in all lanes
    Share sum[ROWS];                            // of the output, not yet divided
#pragma unroll
    for (int r = 0; r < ROWS; ++r) {
        row_max[r] = MINUS_INFINITY;
        row_sum[r] = 0.0f;
        sum[r] = {};
    }

    const int last = (min(first + BLOCK_ROWS, rows) - 1) / group;   // the newest token of the block
    const int end = causal ? m - n + last + 1 : m;
    for (int start = 0; start < end; start += KEYS) {
        __syncthreads();                        // nobody reads the tile before this one any more
        for (int at = threadIdx.x; at < KEYS * FOURS; at += 32 * WARPS) {
            const bool inside = start + at / FOURS < m;
            ks[at / FOURS * (FOURS + 1) + at % FOURS] = inside ? keys[start * FOURS + at] : zeros;
            vs[at] = inside ? values[start * FOURS + at] : zeros;
        }
        __syncthreads();                        // the whole tile is there

        float dot[ROWS] = {};                   // of key `lane` with each of the warp's queries
        for (int four = 0; four < FOURS; ++four) {
            const float4 key = ks[lane * (FOURS + 1) + four];
#pragma unroll
            for (int r = 0; r < ROWS; ++r) dot[r] = dot4(qs[(first_row + r) * FOURS + four], key, dot[r]);
        }
#pragma unroll
        for (int r = 0; r < ROWS; ++r) {
            const int i = (first + first_row + r) / group, j = start + lane;
            const bool visible = j < m && (!causal || j <= m - n + i);
            const float score = visible ? dot[r] * scale : MINUS_INFINITY;
            const float new_max = fmaxf(row_max[r], warp_max(score));
            const float shift = new_max == MINUS_INFINITY ? 0.0f : new_max;
            const float correction = __expf(row_max[r] - shift);
            dot[r] = __expf(score - shift);     // from here on the weight
            row_sum[r] = row_sum[r] * correction + warp_sum(dot[r]);
            row_max[r] = new_max;
            for (int e = 0; e < PER_LANE; ++e) sum[r].at[e] *= correction;
        }
        for (int t = 0; t < KEYS; ++t) {
            const Share value = reinterpret_cast<const Share*>(vs)[t * 32 + lane];
#pragma unroll
            for (int r = 0; r < ROWS; ++r) {
                const float weight = __shfl_sync(ALL_LANES, dot[r], t);
                for (int e = 0; e < PER_LANE; ++e) sum[r].at[e] = fmaf(weight, value.at[e], sum[r].at[e]);
            }
        }
    }

#pragma unroll
    for (int r = 0; r < ROWS; ++r) {
        if (first + first_row + r >= rows) continue;
        const size_t row = row_of(first + first_row + r, kv_head, n, group);
        const float inverse = row_sum[r] > 0.0f ? 1.0f / row_sum[r] : 0.0f;
        for (int e = 0; e < PER_LANE; ++e) sum[r].at[e] *= inverse;
        out[row * 32 + lane] = sum[r];
        if (lane == 0) lse[row] = row_max[r] + __logf(row_sum[r]);
    }
}
// ANCHOR_END: gqa
