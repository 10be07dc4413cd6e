// Rung 5: the tensor rung, but while a tile is computed with, the next one comes. `cp.async` copies it past the registers, and
// nobody waits for it before it is needed. For that there is room for two tiles of keys and two of values.
//
// Shapes: q (h, n, d), k and v (h / group, m, d), in bf16; out (h, n, d), lse (h, n), in f32; d is D, 64 or 128. `group`
// query heads share a key/value head. Causal is aligned bottom-right: query i sees the keys up to m − n + i.
#ifndef D
#define D 64
#endif
#define WARPS 4
#define ROWS 16                      // queries of a warp
#define QUERIES (WARPS * ROWS)       // queries of a block
#define KEYS (4096 / D)              // keys of a tile, so that two tiles fit: 64 or 32
#define CHUNKS (D / 8)               // pieces of a row: 8 bf16, 16 bytes
#define MINUS_INFINITY __int_as_float(0xff800000)
#define LOG2_E 1.44269504f           // exp(x) is exp2(LOG2_E · x)
#define ALL_LANES 0xffffffffu

// Macros and not functions, so that compiler and simulator name the line that uses them.
// Four matrices of 8 · 8 bf16, whose rows the lanes point to: lane 8 i + r to row r of matrix i.
#define LOAD(r, row) \
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];" \
                 : "=r"((r)[0]), "=r"((r)[1]), "=r"((r)[2]), "=r"((r)[3]) : "r"(row) : "memory")
// The same, transposed.
#define LOAD_TRANSPOSED(r, row) \
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];" \
                 : "=r"((r)[0]), "=r"((r)[1]), "=r"((r)[2]), "=r"((r)[3]) : "r"(row) : "memory")
// sum (16, 8) += a (16, 16) · b (16, 8), each in the fragments of all lanes.
#define MULTIPLY_ADD(sum, a, b0, b1) \
    asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 " \
                 "{%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};" \
                 : "+f"((sum)[0]), "+f"((sum)[1]), "+f"((sum)[2]), "+f"((sum)[3]) \
                 : "r"((a)[0]), "r"((a)[1]), "r"((a)[2]), "r"((a)[3]), "r"(b0), "r"(b1))

// Copies a chunk from global to shared memory, or writes zeros where it is not `inside`. It only starts to.
#define COPY(to, from, inside) \
    asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" :: "r"(to), "l"(from), "r"((inside) ? 16 : 0) : "memory")
// Makes a group of the copies that this thread has started since the last one.
#define COMMIT() asm volatile("cp.async.commit_group;" ::: "memory")
// Waits until at most the last `left` groups of this thread are under way.
#define WAIT(left) asm volatile("cp.async.wait_group %0;" :: "n"(left) : "memory")

// ANCHOR: place
// Where chunk `chunk` of row `row` stands in a tile of rows of CHUNKS chunks, without room to spare. It is written with
// neighbouring lanes at neighbouring chunks, and read with eight lanes at one chunk of eight neighbouring rows.
__device__ int place(int row, int chunk)
{
    return row * CHUNKS + (chunk ^ row % 8);
}
// ANCHOR_END: place

// The address in shared memory of a chunk of a tile.
__device__ unsigned address(const uint4* tile, int row, int chunk)
{
    return (unsigned)__cvta_generic_to_shared(tile + place(row, chunk));
}

// ANCHOR: pack
// Two numbers as bf16 in one register, the first in the lower half.
__device__ unsigned pack(float low, float high)
{
    unsigned both;
    asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(both) : "f"(high), "f"(low));
    return both;
}
// ANCHOR_END: pack

__device__ float exp2_of(float x)
{
    float y;
    asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
    return y;
}

// ANCHOR: key_end
// One past the last key that any of the queries `first` … `first + QUERIES − 1` of a block may see. Tiles from there on
// are not visited.
__device__ int key_end(int first, int n, int m, int causal)
{
    if (!causal) return m;
    return m - n + min(first + QUERIES, n);
}
// ANCHOR_END: key_end

// ANCHOR: hide
// Takes what is hidden out of the scores of a warp's queries, from `i` on, and of the keys from `start` on. A tile that
// all of the queries see whole is left alone.
__device__ void hide(float (&score)[KEYS / 8][4], int i, int start, int n, int m, int causal)
{
    const int lane = threadIdx.x % 32;
    const int first_hidden = causal ? min(m, m - n + i + 1) : m;    // of the warp's first query
    if (start + KEYS <= first_hidden) return;
#pragma unroll
    for (int t = 0; t < KEYS / 8; ++t) {
#pragma unroll
        for (int e = 0; e < 4; ++e) {
            const int row = i + lane / 4 + 8 * (e / 2), key = start + 8 * t + lane % 4 * 2 + e % 2;
            if (key >= m || (causal && key > m - n + row)) score[t][e] = MINUS_INFINITY;
        }
    }
}
// ANCHOR_END: hide

// ANCHOR: softmax
// The online softmax of a tile, on the fragments of the scores: a lane holds numbers of two rows, and the four lanes of
// its group all numbers of these. `factor` makes of scores the exponents of 2. Scores become weights, and what was summed
// up so far is corrected; `row_sum` is each lane's own part.
__device__ void softmax(float (&score)[KEYS / 8][4], float (&out)[D / 8][4], float (&row_max)[2], float (&row_sum)[2],
                        float factor)
{
#pragma unroll
    for (int r = 0; r < 2; ++r) {
        float new_max = row_max[r];
#pragma unroll
        for (int t = 0; t < KEYS / 8; ++t) new_max = fmaxf(new_max, fmaxf(score[t][2 * r], score[t][2 * r + 1]));
        new_max = fmaxf(new_max, __shfl_xor_sync(ALL_LANES, new_max, 1));
        new_max = fmaxf(new_max, __shfl_xor_sync(ALL_LANES, new_max, 2));
        const float shift = new_max == MINUS_INFINITY ? 0.0f : new_max * factor;
        const float correction = exp2_of(row_max[r] * factor - shift);
        row_max[r] = new_max;
        row_sum[r] *= correction;
#pragma unroll
        for (int t = 0; t < KEYS / 8; ++t) {
#pragma unroll
            for (int e = 2 * r; e < 2 * r + 2; ++e) {
                score[t][e] = exp2_of(fmaf(score[t][e], factor, -shift));
                row_sum[r] += score[t][e];
            }
        }
#pragma unroll
        for (int t = 0; t < D / 8; ++t) {
            out[t][2 * r] *= correction;
            out[t][2 * r + 1] *= correction;
        }
    }
}
// ANCHOR_END: softmax

// ANCHOR: pipelined
// Grid (⌈n/QUERIES⌉, h), block 32 · WARPS.
extern "C" __global__ void __launch_bounds__(32 * WARPS)
pipelined(const uint4* __restrict__ q, const uint4* __restrict__ k, const uint4* __restrict__ v, float2* __restrict__ out,
          float* __restrict__ lse, int n, int m, int group, float scale, int causal)
{
    __shared__ uint4 qs[QUERIES * CHUNKS];
    __shared__ uint4 ks[2][KEYS * CHUNKS];
    __shared__ uint4 vs[2][KEYS * CHUNKS];

    const int lane = threadIdx.x % 32, first_row = threadIdx.x / 32 * ROWS;
    const int first = blockIdx.x * QUERIES;
    const uint4* queries = q + ((size_t)blockIdx.y * n + first) * CHUNKS;
    const uint4* keys = k + (size_t)(blockIdx.y / group) * m * CHUNKS;
    const uint4* values = v + (size_t)(blockIdx.y / group) * m * CHUNKS;

    // Starts to bring the tile of the keys from `start` on.
    const auto bring = [&](int start, int stage) {
        for (int at = threadIdx.x; at < KEYS * CHUNKS; at += 32 * WARPS) {
            const bool inside = start + at / CHUNKS < m;
            COPY(address(ks[stage], at / CHUNKS, at % CHUNKS), keys + start * CHUNKS + at, inside);
            COPY(address(vs[stage], at / CHUNKS, at % CHUNKS), values + start * CHUNKS + at, inside);
        }
    };

    const int end = key_end(first, n, m, causal);
    for (int at = threadIdx.x; at < QUERIES * CHUNKS; at += 32 * WARPS)
        COPY(address(qs, at / CHUNKS, at % CHUNKS), queries + at, first + at / CHUNKS < n);
    COMMIT();
    if (0 < end) bring(0, 0);
    COMMIT();

    WAIT(1);                                // the queries of this thread are there
    __syncthreads();                        // and those of all others
    unsigned query[D / 16][4];              // the warp's queries, as factors on the left
#pragma unroll
    for (int c = 0; c < D / 16; ++c) LOAD(query[c], address(qs, first_row + lane % 16, 2 * c + lane / 16));

    float row_max[2] = {MINUS_INFINITY, MINUS_INFINITY}, row_sum[2] = {};
    float sum[D / 8][4] = {};               // of the output, not yet divided

    for (int start = 0, stage = 0; start < end; start += KEYS, stage ^= 1) {
        if (start + KEYS < end) bring(start + KEYS, stage ^ 1);
        COMMIT();                           // without a copy in the last turn, so that the groups count the turns
        WAIT(1);                            // this tile, as far as this thread brings it, and not the next one
        __syncthreads();                    // the whole tile is there

        float score[KEYS / 8][4] = {};      // becomes the weights
#pragma unroll
        for (int c = 0; c < D / 16; ++c) {
#pragma unroll
            for (int t = 0; t < KEYS / 16; ++t) {
                unsigned key[4];            // sixteen keys, sixteen of their entries
                LOAD(key, address(ks[stage], 16 * t + lane / 16 * 8 + lane % 8, 2 * c + lane / 8 % 2));
                MULTIPLY_ADD(score[2 * t], query[c], key[0], key[1]);
                MULTIPLY_ADD(score[2 * t + 1], query[c], key[2], key[3]);
            }
        }
        hide(score, first + first_row, start, n, m, causal);
        softmax(score, sum, row_max, row_sum, scale * LOG2_E);
#pragma unroll
        for (int t = 0; t < KEYS / 16; ++t) {
            // A lane's part of two sums is its part of a factor: the same rows, and columns side by side.
            const unsigned weight[4] = {pack(score[2 * t][0], score[2 * t][1]), pack(score[2 * t][2], score[2 * t][3]),
                                        pack(score[2 * t + 1][0], score[2 * t + 1][1]),
                                        pack(score[2 * t + 1][2], score[2 * t + 1][3])};
#pragma unroll
            for (int c = 0; c < D / 16; ++c) {
                unsigned value[4];          // sixteen values, sixteen of their entries
                LOAD_TRANSPOSED(value, address(vs[stage], 16 * t + lane % 16, 2 * c + lane / 16));
                MULTIPLY_ADD(sum[2 * c], weight, value[0], value[1]);
                MULTIPLY_ADD(sum[2 * c + 1], weight, value[2], value[3]);
            }
        }
        __syncthreads();                    // nobody reads this tile any more: the next turn overwrites it
    }

#pragma unroll
    for (int r = 0; r < 2; ++r) {
        row_sum[r] += __shfl_xor_sync(ALL_LANES, row_sum[r], 1);
        row_sum[r] += __shfl_xor_sync(ALL_LANES, row_sum[r], 2);
        const int i = first + first_row + lane / 4 + 8 * r;
        if (i >= n) continue;
        const size_t row = (size_t)blockIdx.y * n + i;
        const float inverse = row_sum[r] > 0.0f ? 1.0f / row_sum[r] : 0.0f;
#pragma unroll
        for (int t = 0; t < D / 8; ++t)
            out[row * (D / 2) + 4 * t + lane % 4] = make_float2(sum[t][2 * r] * inverse, sum[t][2 * r + 1] * inverse);
        if (lane % 4 == 0) lse[row] = row_max[r] * scale + __logf(row_sum[r]);
    }
}
// ANCHOR_END: pipelined
