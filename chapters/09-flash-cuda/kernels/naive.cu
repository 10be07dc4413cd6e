// Attention in three kernels, as one writes it first: every score and every weight goes to memory and comes back.
//
//   q (h, n, d)   k, v (h_kv, m, d)   scores (h, n, m)   out (h, n, d)   lse (h, n)
//
// `group` query heads share a key/value head (1: every head has its own). Causal is aligned bottom-right: query i of n sees
// keys up to m − n + i. A row that sees nothing is zeros, with log-sum-exp −∞.

__device__ __forceinline__ float minus_infinity() { return __int_as_float(0xff800000); }

// scores[h][i][j] = scale · q[h][i] · k[h / group][j], −∞ where query i may not see key j. One thread for each score.
extern "C" __global__ void naive_scores(const float* __restrict__ q, const float* __restrict__ k, float* __restrict__ scores,
                                        int n, int m, int d, float scale, int causal, int group)
{
    const int j = blockIdx.x * blockDim.x + threadIdx.x;
    const int i = blockIdx.y;
    const int head = blockIdx.z;
    if (j >= m) return;
    const float* query = q + ((size_t)head * n + i) * d;
    const float* key = k + ((size_t)(head / group) * m + j) * d;
    float sum = 0.0f;
    for (int c = 0; c < d; ++c)
        sum = fmaf(query[c], key[c], sum);
    const bool seen = !causal || j <= m - n + i;
    scores[((size_t)head * n + i) * m + j] = seen ? sum * scale : minus_infinity();
}

// Turns a row of scores into weights, in place. One thread for each row.
extern "C" __global__ void naive_softmax(float* __restrict__ scores, float* __restrict__ lse, int rows, int m)
{
    const int row = blockIdx.x * blockDim.x + threadIdx.x;
    if (row >= rows) return;
    float* s = scores + (size_t)row * m;
    float row_max = minus_infinity();
    for (int j = 0; j < m; ++j)
        row_max = fmaxf(row_max, s[j]);
    float row_sum = 0.0f;
    for (int j = 0; j < m; ++j) {
        const float p = s[j] == minus_infinity() ? 0.0f : __expf(s[j] - row_max);
        s[j] = p;
        row_sum += p;
    }
    const float inverse = row_sum > 0.0f ? 1.0f / row_sum : 0.0f;
    for (int j = 0; j < m; ++j)
        s[j] *= inverse;
    lse[row] = row_sum > 0.0f ? row_max + __logf(row_sum) : minus_infinity();
}

// out[h][i] = Σ weights[h][i][j] · v[h / group][j]. One thread for each number of the output.
extern "C" __global__ void naive_output(const float* __restrict__ weights, const float* __restrict__ v, float* __restrict__ out,
                                        int n, int m, int d, int group)
{
    const int c = blockIdx.x * blockDim.x + threadIdx.x;
    const int i = blockIdx.y;
    const int head = blockIdx.z;
    if (c >= d) return;
    const float* w = weights + ((size_t)head * n + i) * m;
    const float* value = v + (size_t)(head / group) * m * d;
    float sum = 0.0f;
    for (int j = 0; j < m; ++j)
        sum = fmaf(w[j], value[(size_t)j * d + c], sum);
    out[((size_t)head * n + i) * d + c] = sum;
}
