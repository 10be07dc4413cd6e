// ANCHOR: mine
// A thread a column of one query; each computes every score anew.
// Grid (n, h), block D.
extern "C" __global__ void mine(
    const float* q, const float* k, const float* v, float* out, float* lse,
    int n, int m, int group, float scale, int causal)
{
    const int i = blockIdx.x, head = blockIdx.y, c = threadIdx.x;
    const float* query = q + (head * n + i) * D;
    float row_max = MINUS_INFINITY, row_sum = 0.0f, sum = 0.0f;
    for (int j = 0; j < m && (!causal || j <= m - n + i); ++j) {
        const int row = (head / group * m + j) * D;
        float score = 0.0f;
        for (int e = 0; e < D; ++e) score += query[e] * k[row + e] * scale;
        const float new_max = fmaxf(row_max, score);
        const float correction = __expf(row_max - new_max);
        const float weight = __expf(score - new_max);
        row_sum = row_sum * correction + weight;
        sum = sum * correction + weight * v[row + c];
        row_max = new_max;
    }
    out[(head * n + i) * D + c] = row_sum > 0.0f ? sum / row_sum : 0.0f;
    if (c == 0) lse[head * n + i] = row_max + __logf(row_sum);
}
// ANCHOR_END: mine
