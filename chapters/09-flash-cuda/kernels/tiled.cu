// Rung 2: one kernel. A block owns QUERIES queries and walks over the keys, a tile of KEYS at a time, which it holds
// in shared memory. The scores of a tile never leave the block.
//
// Shapes: q (h, n, d), k and v (h / group, m, d), out (h, n, d), lse (h, n); d is D. `group` query heads share a
// key/value head. Causal is aligned bottom-right: query i sees the keys up to m − n + i.
#ifndef D
#define D 64
#endif
#define QUERIES 8        // queries of a block, one a warp
#define KEYS 32          // keys of a tile, one a lane
#define MINUS_INFINITY __int_as_float(0xff800000)

// ANCHOR: online_softmax
// Takes the KEYS scores of a tile into what is known of a row: its maximum and its sum so far (the paper's m and ℓ).
// The scores become weights, relative to the new maximum. Returns the factor that brings everything that was summed
// up relative to the old maximum to the new one. Hidden scores are −∞; so is `row_max` before the first visible one.
__device__ float online_softmax(float* scores, float& row_max, float& row_sum)
{
    // SOLUTION 9.1: the maximum so far, the correction, the weights of this tile, the sum so far
    float new_max = row_max;
    for (int j = 0; j < KEYS; ++j) new_max = fmaxf(new_max, scores[j]);
    const float shift = new_max == MINUS_INFINITY ? 0.0f : new_max;
    const float correction = __expf(row_max - shift);
    row_sum *= correction;
    for (int j = 0; j < KEYS; ++j) {
        scores[j] = __expf(scores[j] - shift);
        row_sum += scores[j];
    }
    row_max = new_max;
    return correction;
    // END SOLUTION
}
// ANCHOR_END: online_softmax

// ANCHOR: tiled
// One warp a query, one lane a key. Grid (⌈n/QUERIES⌉, h), block (KEYS, QUERIES).
extern "C" __global__ void tiled(const float* __restrict__ q, const float* __restrict__ k, const float* __restrict__ v,
                                 float* __restrict__ out, float* __restrict__ lse,
                                 int n, int m, int group, float scale, int causal)
{
    __shared__ float qs[QUERIES][D];
    __shared__ float ks[KEYS][D + 1];       // + 1: lanes that walk down a column meet different banks
    __shared__ float vs[KEYS][D];
    __shared__ float scores[QUERIES][KEYS + 1];
    __shared__ float row_max[QUERIES], row_sum[QUERIES], correction[QUERIES];

    const int lane = threadIdx.x, row = threadIdx.y, thread = row * KEYS + lane;
    const int first = blockIdx.x * QUERIES, i = first + row;
    const float* queries = q + ((size_t)blockIdx.y * n + first) * D;
    const float* keys = k + (size_t)(blockIdx.y / group) * m * D;
    const float* values = v + (size_t)(blockIdx.y / group) * m * D;

    for (int at = thread; at < QUERIES * D; at += QUERIES * KEYS)
        qs[at / D][at % D] = first + at / D < n ? queries[at] * scale : 0.0f;
    if (thread < QUERIES) {
        row_max[thread] = MINUS_INFINITY;
        row_sum[thread] = 0.0f;
    }
    float sum[D / 32] = {};                 // entries lane, lane + 32, … of the output, not yet divided

    for (int start = 0; start < m; start += KEYS) {
        // 1. Bring a tile of keys and values into shared memory; past the last key there are zeros.
        for (int at = thread; at < KEYS * D; at += QUERIES * KEYS) {
            const bool inside = start + at / D < m;
            ks[at / D][at % D] = inside ? keys[(size_t)start * D + at] : 0.0f;
            vs[at / D][at % D] = inside ? values[(size_t)start * D + at] : 0.0f;
        }
        // SOLUTION 9.2: place the barriers, here and below
        __syncthreads();
        // END SOLUTION
        // 2. A score for each query and key.
        float dot = 0.0f;
        for (int c = 0; c < D; ++c) dot = fmaf(qs[row][c], ks[lane][c], dot);
        const int j = start + lane;
        const bool visible = j < m && (!causal || j <= m - n + i);
        scores[row][lane] = visible ? dot : MINUS_INFINITY;
        // SOLUTION
        __syncthreads();
        // END SOLUTION
        // 3. Scores become weights: one thread a row.
        if (thread < QUERIES)
            correction[thread] = online_softmax(scores[thread], row_max[thread], row_sum[thread]);
        // SOLUTION
        __syncthreads();
        // END SOLUTION
        // 4. What was summed up so far, brought to the new maximum, and the values of this tile.
        for (int e = 0; e < D / 32; ++e) {
            sum[e] *= correction[row];
            for (int t = 0; t < KEYS; ++t) sum[e] = fmaf(scores[row][t], vs[t][lane + 32 * e], sum[e]);
        }
        // SOLUTION
        __syncthreads();
        // END SOLUTION
    }

    if (i < n) {
        const size_t at = (size_t)blockIdx.y * n + i;
        const float inverse = row_sum[row] > 0.0f ? 1.0f / row_sum[row] : 0.0f;
        for (int e = 0; e < D / 32; ++e) out[at * D + lane + 32 * e] = sum[e] * inverse;
        if (lane == 0) lse[at] = row_max[row] + __logf(row_sum[row]);
    }
}
// ANCHOR_END: tiled
