// Rung 1: the formula as it stands, in three kernels.
//
// Each kernel leaves its whole result in global memory for the next one: n·m scores are written once and read and
// written again. That traffic is what the other rungs do away with.
//
// Shapes: q (h, n, d), k and v (h / group, m, d), scores (h, n, m), out (h, n, d), lse (h, n); d is D, fixed when
// this is compiled. `group` query heads share a key/value head. Causal is aligned bottom-right: query i sees the
// keys up to m − n + i.
#ifndef D
#define D 64
#endif
#define MINUS_INFINITY __int_as_float(0xff800000)

// ANCHOR: scores
// One thread a score. Grid (⌈m/32⌉, ⌈n/8⌉, h), block (32, 8).
extern "C" __global__ void naive_scores(const float* __restrict__ q, const float* __restrict__ k,
                                        float* __restrict__ scores, int n, int m, int group, float scale, int causal)
{
    const int j = blockIdx.x * blockDim.x + threadIdx.x;            // key
    const int i = blockIdx.y * blockDim.y + threadIdx.y;            // query
    const int head = blockIdx.z;
    if (i >= n || j >= m) return;
    const float* query = q + ((size_t)head * n + i) * D;            // (d): the same for all lanes of a warp
    const float* key = k + ((size_t)(head / group) * m + j) * D;    // (d): each lane walks a row of its own
    float dot = 0.0f;
    for (int c = 0; c < D; ++c) dot = fmaf(query[c], key[c], dot);
    const bool visible = !causal || j <= m - n + i;
    scores[((size_t)head * n + i) * m + j] = visible ? dot * scale : MINUS_INFINITY;
}
// ANCHOR_END: scores

// ANCHOR: softmax
// One thread a row, in place: scores become weights. Grid (⌈n/32⌉, h), block 32.
extern "C" __global__ void naive_softmax(float* __restrict__ scores, float* __restrict__ lse, int n, int m)
{
    const int i = blockIdx.x * blockDim.x + threadIdx.x;            // query
    if (i >= n) return;
    float* row = scores + ((size_t)blockIdx.y * n + i) * m;         // (m)
    float row_max = MINUS_INFINITY;
    for (int j = 0; j < m; ++j) row_max = fmaxf(row_max, row[j]);
    const float shift = row_max == MINUS_INFINITY ? 0.0f : row_max; // −∞ − (−∞) is NaN
    float row_sum = 0.0f;
    for (int j = 0; j < m; ++j) {
        row[j] = __expf(row[j] - shift);
        row_sum += row[j];
    }
    const float inverse = row_sum > 0.0f ? 1.0f / row_sum : 0.0f;   // a row that sees nothing is zeros
    for (int j = 0; j < m; ++j) row[j] *= inverse;
    lse[(size_t)blockIdx.y * n + i] = row_max + __logf(row_sum);    // log 0 is −∞
}
// ANCHOR_END: softmax

// ANCHOR: weighted
// One thread an entry of the output. Grid (n, h), block d.
extern "C" __global__ void naive_weighted(const float* __restrict__ weights, const float* __restrict__ v,
                                          float* __restrict__ out, int n, int m, int group)
{
    const int c = threadIdx.x;                                      // column of v and out
    const size_t row = (size_t)blockIdx.y * n + blockIdx.x;         // head and query
    const float* values = v + (size_t)(blockIdx.y / group) * m * D; // (m, d)
    float sum = 0.0f;
    for (int j = 0; j < m; ++j) sum = fmaf(weights[row * m + j], values[(size_t)j * D + c], sum);
    out[row * D + c] = sum;
}
// ANCHOR_END: weighted
