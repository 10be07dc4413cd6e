// The mathematical functions of CUDA, as the compiler spells them out: tables, wide products, carries, branches.

extern "C" __global__ void math(const float* x, float* out, int n, int which)
{
    const int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= n) return;
    const float a = x[i];
    float y = 0.0f;
    switch (which) {
    case 0: y = sinf(a); break;
    case 1: y = cosf(a); break;
    case 2: y = tanf(a); break;
    case 3: y = expf(a); break;
    case 4: y = logf(a); break;
    case 5: y = powf(a, 1.5f); break;
    case 6: y = tanhf(a); break;
    case 7: y = erff(a); break;
    case 8: y = sqrtf(a); break;
    case 9: y = rsqrtf(a); break;
    case 10: y = cbrtf(a); break;
    case 11: y = fmodf(a, 3.0f); break;
    case 12: y = roundf(a); break;
    case 13: y = rintf(a); break;
    case 14: y = exp2f(a); break;
    case 15: y = log1pf(a); break;
    case 16: y = atan2f(a, 2.0f); break;
    case 17: y = (float)exp((double)a); break;
    case 18: y = (float)log((double)a); break;
    case 19: y = (float)sqrt((double)a); break;
    case 20: y = (float)(1.0 / (double)a); break;
    case 21: y = (float)((long long)(a * 1e6f) % 1000003); break;
    case 22: y = (float)((unsigned long long)(a * 1e6f) / 7u); break;
    case 23: y = (float)((int)a / 7 + (int)a % 13); break;
    }
    out[i] = y;
}
