// Rung 3: the maximum and the sum of a row pass from lane to lane by shuffles instead of through shared memory, each
// warp owns several rows, global memory is read sixteen bytes a lane, and tiles that the mask hides are not visited.
//
// Shapes: q (h, n, d), k and v (h / group, m, d), out (h, n, d), lse (h, n); d is D. `group` query heads share a
// key/value head. Causal is aligned bottom-right: query i sees the keys up to m − n + i.
#ifndef D
#define D 64
#endif
#define WARPS 4
#define ROWS 4                       // queries of a warp
#define QUERIES (WARPS * ROWS)       // queries of a block
#define KEYS 32                      // keys of a tile, one a lane
#define FOURS (D / 4)                // float4 of a row
#define PER_LANE (D / 32)            // entries of an output row that a lane owns, side by side
#define MINUS_INFINITY __int_as_float(0xff800000)
#define ALL_LANES 0xffffffffu

// ANCHOR: reductions
// The largest, and the sum, of the 32 lanes' numbers; every lane gets it.
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
// ANCHOR_END: reductions

// ANCHOR: place
// Where the `four`-th float4 of a key stands in the tile `ks`, which has room for KEYS · (FOURS + 1) of them.
// It is written with neighbouring lanes at neighbouring `four`, and read with neighbouring lanes at neighbouring `key`.
__device__ int place(int key, int four)
{
    // SOLUTION 9.3: a place that gives no bank conflict, neither when it is written nor when it is read
    return key * (FOURS + 1) + four;
    // END SOLUTION
}
// ANCHOR_END: place

// ANCHOR: key_end
// One past the last key that any of the queries `first` … `first + QUERIES − 1` of a block may see (there may be
// fewer: n queries in all). Tiles from there on are not visited.
__device__ int key_end(int first, int n, int m, int causal)
{
    // SOLUTION 9.4: where this block may stop
    if (!causal) return m;
    const int last = min(first + QUERIES, n) - 1;
    return m - n + last + 1;
    // END SOLUTION
}
// ANCHOR_END: key_end

// Four products of a dot product.
__device__ float dot4(float4 a, float4 b, float sum)
{
    return fmaf(a.w, b.w, fmaf(a.z, b.z, fmaf(a.y, b.y, fmaf(a.x, b.x, sum))));
}

// A lane's share of a row, read and written in one piece.
struct __align__(4 * PER_LANE) Share { float at[PER_LANE]; };

// ANCHOR: warp
// Grid (⌈n/QUERIES⌉, h), block 32 · WARPS.
extern "C" __global__ void warp(const float4* __restrict__ q, const float4* __restrict__ k, const float4* __restrict__ v,
                                Share* __restrict__ out, float* __restrict__ lse,
                                int n, int m, int group, float scale, int causal)
{
    __shared__ float4 qs[QUERIES * FOURS];
    __shared__ float4 ks[KEYS * (FOURS + 1)];
    __shared__ float4 vs[KEYS * FOURS];

    const int lane = threadIdx.x % 32, first_row = threadIdx.x / 32 * ROWS;
    const int first = blockIdx.x * QUERIES;
    const float4* queries = q + ((size_t)blockIdx.y * n + first) * FOURS;
    const float4* keys = k + (size_t)(blockIdx.y / group) * m * FOURS;
    const float4* values = v + (size_t)(blockIdx.y / group) * m * FOURS;
    const float4 zeros = make_float4(0.0f, 0.0f, 0.0f, 0.0f);

    for (int at = threadIdx.x; at < QUERIES * FOURS; at += 32 * WARPS)
        qs[at] = first + at / FOURS < n ? queries[at] : zeros;

    float row_max[ROWS], row_sum[ROWS];     // the same in all lanes
    Share sum[ROWS];                        // of the output, not yet divided
#pragma unroll
    for (int r = 0; r < ROWS; ++r) {
        row_max[r] = MINUS_INFINITY;
        row_sum[r] = 0.0f;
        sum[r] = {};
    }

    const int end = key_end(first, n, m, causal);
    for (int start = 0; start < end; start += KEYS) {
        __syncthreads();                    // nobody reads the tile before this one any more
        for (int at = threadIdx.x; at < KEYS * FOURS; at += 32 * WARPS) {
            const bool inside = start + at / FOURS < m;
            ks[place(at / FOURS, at % FOURS)] = inside ? keys[start * FOURS + at] : zeros;
            vs[at] = inside ? values[start * FOURS + at] : zeros;
        }
        __syncthreads();                    // the whole tile is there

        float dot[ROWS] = {};               // of key `lane` with each of the warp's queries
        for (int four = 0; four < FOURS; ++four) {
            const float4 key = ks[place(lane, four)];
#pragma unroll
            for (int r = 0; r < ROWS; ++r) dot[r] = dot4(qs[(first_row + r) * FOURS + four], key, dot[r]);
        }
#pragma unroll
        for (int r = 0; r < ROWS; ++r) {
            const int i = first + first_row + r, j = start + lane;
            const bool visible = j < m && (!causal || j <= m - n + i);
            const float score = visible ? dot[r] * scale : MINUS_INFINITY;
            const float new_max = fmaxf(row_max[r], warp_max(score));
            const float shift = new_max == MINUS_INFINITY ? 0.0f : new_max;
            const float correction = __expf(row_max[r] - shift);
            dot[r] = __expf(score - shift); // from here on the weight
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
        const int i = first + first_row + r;
        if (i >= n) continue;
        const size_t row = (size_t)blockIdx.y * n + i;
        const float inverse = row_sum[r] > 0.0f ? 1.0f / row_sum[r] : 0.0f;
        for (int e = 0; e < PER_LANE; ++e) sum[r].at[e] *= inverse;
        out[row * 32 + lane] = sum[r];
        if (lane == 0) lse[row] = row_max[r] + __logf(row_sum[r]);
    }
}
// ANCHOR_END: warp
