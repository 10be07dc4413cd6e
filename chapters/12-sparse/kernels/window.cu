// Rung 3 of chapter 9 with a window and sinks. Tiles that no query of the block sees are never loaded: a block visits
// the tiles of the first `sinks` keys, jumps to its window, and stops at the diagonal. The warps, the tiles and the
// softmax are those of chapter 9's kernels/warp.cu, where they are explained.
//
// Shapes: q (h, n, d), k and v (h, n, d), out (h, n, d), lse (h, n); d is D. Causal: query i sees the keys
// i − window + 1 … i, and the first `sinks`.
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

__device__ float dot4(float4 a, float4 b, float sum)
{
    return fmaf(a.w, b.w, fmaf(a.z, b.z, fmaf(a.y, b.y, fmaf(a.x, b.x, sum))));
}

struct __align__(4 * PER_LANE) Share { float at[PER_LANE]; };

// ANCHOR: tiles
__device__ bool sees(int i, int j, int window, int sinks)
{
    return j <= i && (j > i - window || j < sinks);
}

// The first key of the tile after the one at `start`, for the queries from `first` on. No query of the block sees a key
// that lies behind the sinks and before the window of its first query.
__device__ int next_tile(int start, int first, int window, int sinks)
{
    const int next = start + KEYS;
    if (next < sinks) return next;
    return max(next, max(first - window + 1, 0) / KEYS * KEYS);
}
// ANCHOR_END: tiles

// Grid (⌈n/QUERIES⌉, h), block 32 · WARPS.
extern "C" __global__ void window(const float4* __restrict__ q, const float4* __restrict__ k, const float4* __restrict__ v,
                                  Share* __restrict__ out, float* __restrict__ lse,
                                  int n, float scale, int window, int sinks)
{
    __shared__ float4 qs[QUERIES * FOURS];
    __shared__ float4 ks[KEYS * (FOURS + 1)];    // a float4 more a row: no bank conflicts
    __shared__ float4 vs[KEYS * FOURS];

    const int lane = threadIdx.x % 32, first_row = threadIdx.x / 32 * ROWS;
    const int first = blockIdx.x * QUERIES;
    const size_t head = (size_t)blockIdx.y * n * FOURS;
    const float4 *queries = q + head + first * FOURS, *keys = k + head, *values = v + head;
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

    // ANCHOR: visits
    const int end = min(first + QUERIES, n);
    int start = next_tile(-KEYS, first, window, sinks);
    for (; start < end; start = next_tile(start, first, window, sinks)) {
        // ANCHOR_END: visits
        __syncthreads();                    // nobody reads the tile before this one any more
        for (int at = threadIdx.x; at < KEYS * FOURS; at += 32 * WARPS) {
            const bool inside = start + at / FOURS < n;
            ks[at / FOURS * (FOURS + 1) + at % FOURS] = inside ? keys[start * FOURS + at] : zeros;
            vs[at] = inside ? values[start * FOURS + at] : zeros;
        }
        __syncthreads();                    // the whole tile is there

        float dot[ROWS] = {};               // of key `lane` with each of the warp's queries
        for (int four = 0; four < FOURS; ++four) {
            const float4 key = ks[lane * (FOURS + 1) + four];
#pragma unroll
            for (int r = 0; r < ROWS; ++r) dot[r] = dot4(qs[(first_row + r) * FOURS + four], key, dot[r]);
        }
#pragma unroll
        for (int r = 0; r < ROWS; ++r) {
            const bool visible = sees(first + first_row + r, start + lane, window, sinks);
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
        for (int e = 0; e < PER_LANE; ++e) sum[r].at[e] /= row_sum[r];
        out[row * 32 + lane] = sum[r];
        if (lane == 0) lse[row] = row_max[r] + __logf(row_sum[r]);
    }
}
