// Chapter 9 · FlashAttention in CUDA: your answers.
//
// Replace each `todo`, save, and run `cargo attn check 9`. Stuck? `cargo attn hint 9.1`.
// Add helpers and imports as you like; keep the headings and the first line of each function.

// Each section below takes the place of the function of the same name in kernels/, and may use the other lines of that
// file: tiled.cu for 9.1 and 9.2, warp.cu for 9.3 and 9.4, split.cu for 9.5 (which has a warp_sum, and no warp_max).
#define todo(what) do { __trap(); __builtin_unreachable(); } while (false)

// ━━ 9.1 The online softmax · 20 points · about 30 minutes ━━

// Takes the KEYS scores of a tile into what is known of a row: its maximum and its sum so far (the paper's m and ℓ).
// The scores become weights, relative to the new maximum. Returns the factor that brings everything that was summed
// up relative to the old maximum to the new one. Hidden scores are −∞; so is `row_max` before the first visible one.
__device__ float online_softmax(float* scores, float& row_max, float& row_sum)
{
    todo("9.1: the maximum so far, the correction, the weights of this tile, the sum so far");
}

// ━━ 9.2 Place the barriers · 20 points · about 30 minutes ━━

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
        todo("9.2: place the barriers, here and below");
        // 2. A score for each query and key.
        float dot = 0.0f;
        for (int c = 0; c < D; ++c) dot = fmaf(qs[row][c], ks[lane][c], dot);
        const int j = start + lane;
        const bool visible = j < m && (!causal || j <= m - n + i);
        scores[row][lane] = visible ? dot : MINUS_INFINITY;
        // 3. Scores become weights: one thread a row.
        if (thread < QUERIES)
            correction[thread] = online_softmax(scores[thread], row_max[thread], row_sum[thread]);
        // 4. What was summed up so far, brought to the new maximum, and the values of this tile.
        for (int e = 0; e < D / 32; ++e) {
            sum[e] *= correction[row];
            for (int t = 0; t < KEYS; ++t) sum[e] = fmaf(scores[row][t], vs[t][lane + 32 * e], sum[e]);
        }
    }

    if (i < n) {
        const size_t at = (size_t)blockIdx.y * n + i;
        const float inverse = row_sum[row] > 0.0f ? 1.0f / row_sum[row] : 0.0f;
        for (int e = 0; e < D / 32; ++e) out[at * D + lane + 32 * e] = sum[e] * inverse;
        if (lane == 0) lse[at] = row_max[row] + __logf(row_sum[row]);
    }
}

// ━━ 9.3 Mend the bank conflicts · 20 points · about 30 minutes ━━

// Where the `four`-th float4 of a key stands in the tile `ks`, which has room for KEYS · (FOURS + 1) of them.
// It is written with neighbouring lanes at neighbouring `four`, and read with neighbouring lanes at neighbouring `key`.
__device__ int place(int key, int four)
{
    todo("9.3: a place that gives no bank conflict, neither when it is written nor when it is read");
}

// ━━ 9.4 Skip the tiles that are hidden · 15 points · about 20 minutes ━━

// One past the last key that any of the queries `first` … `first + QUERIES − 1` of a block may see (there may be
// fewer: n queries in all). Tiles from there on are not visited.
__device__ int key_end(int first, int n, int m, int causal)
{
    todo("9.4: where this block may stop");
}

// ━━ 9.5 Merge the splits · 25 points · about 35 minutes ━━

// Puts the splits of a head together: parts (h, splits, d) and part_lse (h, splits) become out (h, d) and lse (h).
// A split without keys has zeros for its part and −∞ for its lse. Grid h, block d: a thread a column.
extern "C" __global__ void merge(const float* __restrict__ parts, const float* __restrict__ part_lse,
                                 float* __restrict__ out, float* __restrict__ lse, int splits)
{
    const int head = blockIdx.x, c = threadIdx.x;
    todo("9.5: weigh the parts by what their softmax was divided by");
}
