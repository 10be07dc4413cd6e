// Decoding: one query a head and many keys. A block a query would leave most of a GPU idle, so the keys are split
// among warps, each of which attends to its own range; a second kernel merges what they found.
//
// Shapes: q (h, d), k and v (h / group, m, d), parts (h, splits, d), part_lse (h, splits), out (h, d), lse (h); d is D.
// `group` query heads share a key/value head. The query is the newest token: it sees every key.
#ifndef D
#define D 64
#endif
#define WARPS 4                      // splits of a block
#define PER_LANE (D / 32)            // entries of a row that a lane owns, side by side
#define MINUS_INFINITY __int_as_float(0xff800000)
#define ALL_LANES 0xffffffffu

// A lane's share of a row, read and written in one piece.
struct __align__(4 * PER_LANE) Share { float at[PER_LANE]; };

__device__ float warp_sum(float x)
{
    for (int step = 16; step > 0; step /= 2) x += __shfl_xor_sync(ALL_LANES, x, step);
    return x;
}

// ANCHOR: split
// One warp a split: keys split · size … (split + 1) · size − 1. Grid (⌈splits/WARPS⌉, h), block 32 · WARPS.
extern "C" __global__ void split(const Share* __restrict__ q, const Share* __restrict__ k, const Share* __restrict__ v,
                                 Share* __restrict__ parts, float* __restrict__ part_lse,
                                 int m, int group, int splits, float scale)
{
    const int lane = threadIdx.x % 32, head = blockIdx.y;
    const int split = blockIdx.x * WARPS + threadIdx.x / 32;
    if (split >= splits) return;             // whole warps: the shuffles below miss nobody
    const int size = (m + splits - 1) / splits;
    const Share* keys = k + (size_t)(head / group) * m * 32;
    const Share* values = v + (size_t)(head / group) * m * 32;
    const Share query = q[head * 32 + lane];

    float row_max = MINUS_INFINITY, row_sum = 0.0f;
    Share sum = {};
    const int end = min((split + 1) * size, m);
    for (int j = split * size; j < end; ++j) {
        const Share key = keys[(size_t)j * 32 + lane], value = values[(size_t)j * 32 + lane];
        float dot = 0.0f;
        for (int e = 0; e < PER_LANE; ++e) dot = fmaf(query.at[e], key.at[e], dot);
        const float score = warp_sum(dot) * scale;
        const float new_max = fmaxf(row_max, score);
        const float correction = __expf(row_max - new_max), weight = __expf(score - new_max);
        row_sum = row_sum * correction + weight;
        row_max = new_max;
        for (int e = 0; e < PER_LANE; ++e) sum.at[e] = fmaf(weight, value.at[e], sum.at[e] * correction);
    }

    const int part = head * splits + split;
    const float inverse = row_sum > 0.0f ? 1.0f / row_sum : 0.0f;   // a split without keys: zeros, and −∞
    for (int e = 0; e < PER_LANE; ++e) sum.at[e] *= inverse;
    parts[part * 32 + lane] = sum;
    if (lane == 0) part_lse[part] = row_max + __logf(row_sum);
}
// ANCHOR_END: split

// ANCHOR: merge
// Puts the splits of a head together: parts (h, splits, d) and part_lse (h, splits) become out (h, d) and lse (h).
// A split without keys has zeros for its part and −∞ for its lse. Grid h, block d: a thread a column.
extern "C" __global__ void merge(const float* __restrict__ parts, const float* __restrict__ part_lse,
                                 float* __restrict__ out, float* __restrict__ lse, int splits)
{
    const int head = blockIdx.x, c = threadIdx.x;
    // SOLUTION 9.5: weigh the parts by what their softmax was divided by
    float most = MINUS_INFINITY;
    for (int s = 0; s < splits; ++s) most = fmaxf(most, part_lse[head * splits + s]);
    const float shift = most == MINUS_INFINITY ? 0.0f : most;
    float total = 0.0f, sum = 0.0f;
    for (int s = 0; s < splits; ++s) {
        const float weight = __expf(part_lse[head * splits + s] - shift);
        total += weight;
        sum = fmaf(weight, parts[(head * splits + s) * D + c], sum);
    }
    out[head * D + c] = total > 0.0f ? sum / total : 0.0f;
    if (c == 0) lse[head] = most + __logf(total);
    // END SOLUTION
}
// ANCHOR_END: merge
