/* The twin of cells.c in CUDA C++: one thread a cell with its classes in registers, sums and histograms of a block of
 * threads in shared memory until it is done with all of its cells. `program` leaves the fillings on the device.
 *
 *   nvcc -O3 -arch=native -use_fast_math -shared -Xcompiler -fPIC -DK=16 -o cuda.so cuda.cu
 */
#include "cells.h"

#include <cstring>

#define THREADS 256
#define ALL 0xffffffffu

struct constants {
    int cells, checkpoints, octave;
    float q, direct, hopping, background, threshold;
    float weight[K], speed[K], rate[K], slope[K], curve[K];
    float mean_speed[COEFFICIENTS], shares[STEPS];
    float nominal[MOST_CHECKPOINTS][4], low[3], per_unit[3];
};

/* On the device: inputs of cells, and answers. Least and most are integers that are ordered as their numbers are. */
struct arrays {
    float *size, *area, *filled, *inverse_limit, *offers, *filling;
    double *means, *sum, *square, *occupancies;
    int *least, *most;
    unsigned long long *counts, *failed;
};

__constant__ constants c;
static arrays device;
static int cells, checkpoints, blocks;

/* --- On the device ----------------------------------------------------------------------------------------------- */

__device__ static int ordered(float x) {
    int bits = __float_as_int(x);
    return bits < 0 ? bits ^ 0x7fffffff : bits;
}

__device__ static float sum_of_warp(float x) {
    for (int step = 16; step; step /= 2) x += __shfl_xor_sync(ALL, x, step);
    return x;
}

__device__ static float begin(const arrays &a, int cell, float *share, float *rate) {
    float u = a.size[cell], start = 0;
#pragma unroll
    for (int k = 0; k < K; k++) {
        rate[k] = c.rate[k] * expf(-u * (c.slope[k] + c.curve[k] * u)) + c.background;
        share[k] = c.weight[k] * a.filled[(size_t)k * c.cells + cell];
        start += share[k];
    }
    return start;
}

__device__ static void first(const float *rate, float time, float *y) {
#pragma unroll
    for (int k = 0; k < K; k++) y[k] = -expm1f(-rate[k] * time);
}

/* What charge is lost; then doubles the time. */
__device__ static float gone_by_now(const float *share, float *y) {
    float gone = 0;
#pragma unroll
    for (int k = 0; k < K; k++) {
        gone += share[k] * y[k];
        y[k] *= 2 - y[k];
    }
    return gone;
}

__global__ static void bake_kernel(arrays a) {
    __shared__ double sums[MOST_CHECKPOINTS];
    for (int t = threadIdx.x; t < c.checkpoints; t += THREADS) sums[t] = 0;
    __syncthreads();
    float share[K], rate[K], y[K];
    for (int cell = blockIdx.x * THREADS + threadIdx.x; cell < c.cells; cell += gridDim.x * THREADS) {
        float start = begin(a, cell, share, rate);
        for (int s = 0; s < c.octave; s++) {
            first(rate, exp2f((float)s / c.octave), y);
            for (int t = s; t < c.checkpoints; t += c.octave) {
                float part = sum_of_warp(1 / (1 - c.q * (start - gone_by_now(share, y))));
                if (threadIdx.x % 32 == 0) atomicAdd(&sums[t], (double)part);
            }
        }
    }
    __syncthreads();
    for (int t = threadIdx.x; t < c.checkpoints; t += THREADS) atomicAdd(&a.means[t], sums[t]);
}

/* What a block of threads keeps of one checkpoint. Two warps share the cells of a quantity. */
struct tally {
    double sum[4][2], square[4][2];
    float least[4][2], most[4][2];
    unsigned counts[3 * WIDTH], failed;
};

__device__ static void clear(tally *all) {
    for (int t = threadIdx.x; t < c.checkpoints; t += THREADS) {
        for (int i = 0; i < 8; i++) {
            all[t].sum[i / 2][i % 2] = all[t].square[i / 2][i % 2] = 0;
            all[t].least[i / 2][i % 2] = 3e38f;
            all[t].most[i / 2][i % 2] = -3e38f;
        }
        for (int i = 0; i < 3 * WIDTH; i++) all[t].counts[i] = 0;
        all[t].failed = 0;
    }
    __syncthreads();
}

/* Cells of a warp that fall into one slot are added at once. */
__device__ static void count(unsigned *counts, float x, int which) {
    float place = fminf(fmaxf((x - c.low[which]) * c.per_unit[which] + 1, 0.0f), BINS + 1.0f);
    int slot = which * WIDTH + (int)place;
    unsigned same = __match_any_sync(ALL, slot);
    if ((int)(threadIdx.x % 32) == __ffs(same) - 1) atomicAdd(&counts[slot], __popc(same));
}

/* Each warp takes half of the cells of one quantity. */
__device__ static void moments(tally *to, const float (*seen)[THREADS], const float *nominal) {
    int warp = threadIdx.x / 32, lane = threadIdx.x % 32, quantity = warp % 4, half = warp / 4;
    float sum = 0, square = 0, least = 3e38f, most = -3e38f;
    for (int i = lane; i < THREADS / 2; i += 32) {
        float x = seen[quantity][half * (THREADS / 2) + i], d = x - nominal[quantity];
        sum += d;
        square += d * d;
        least = fminf(least, x);
        most = fmaxf(most, x);
    }
    sum = sum_of_warp(sum);
    square = sum_of_warp(square);
    for (int step = 16; step; step /= 2) {
        least = fminf(least, __shfl_xor_sync(ALL, least, step));
        most = fmaxf(most, __shfl_xor_sync(ALL, most, step));
    }
    if (lane == 0) {
        to->sum[quantity][half] += sum;
        to->square[quantity][half] += square;
        to->least[quantity][half] = fminf(to->least[quantity][half], least);
        to->most[quantity][half] = fmaxf(to->most[quantity][half], most);
    }
}

__device__ static void hand_over(const arrays &a, const tally *all) {
    for (int i = threadIdx.x; i < 8 * c.checkpoints; i += THREADS) {
        int t = i / 8, quantity = i / 2 % 4, half = i % 2, at = 4 * t + quantity;
        atomicAdd(&a.sum[at], all[t].sum[quantity][half]);
        atomicAdd(&a.square[at], all[t].square[quantity][half]);
        atomicMin(&a.least[at], ordered(all[t].least[quantity][half]));
        atomicMax(&a.most[at], ordered(all[t].most[quantity][half]));
    }
    for (int t = 0; t < c.checkpoints; t++) {
        int slot = threadIdx.x;
        if (slot < 3 * WIDTH && all[t].counts[slot])
            atomicAdd(&a.counts[t * 3 * WIDTH + slot], (unsigned long long)all[t].counts[slot]);
        if (slot == 0) atomicAdd(&a.failed[t], (unsigned long long)all[t].failed);
    }
}

__global__ static void statistics_kernel(arrays a) {
    extern __shared__ double memory[];
    tally *all = (tally *)memory;
    /* Two, in turn: one wait a checkpoint is enough. */
    __shared__ float seen[2][4][THREADS];
    clear(all);
    float share[K], rate[K], y[K];
    int turn = 0;
    for (int cell = blockIdx.x * THREADS + threadIdx.x; cell < c.cells; cell += gridDim.x * THREADS) {
        float start = begin(a, cell, share, rate), charge = c.q * start, area = a.area[cell];
        for (int s = 0; s < c.octave; s++) {
            first(rate, exp2f((float)s / c.octave), y);
            for (int t = s; t < c.checkpoints; t += c.octave, turn ^= 1) {
                float gone = gone_by_now(share, y), lost = gone / start, filling = start - gone;
                float conductance = area * (c.direct / (1 - c.q * filling) + c.hopping);
                float kept = (1 - lost) * (1 - charge) / (1 - charge + lost * charge);
                seen[turn][0][threadIdx.x] = conductance;
                seen[turn][1][threadIdx.x] = filling;
                seen[turn][2][threadIdx.x] = lost;
                seen[turn][3][threadIdx.x] = kept;
                count(all[t].counts, conductance, 0);
                count(all[t].counts, filling, 1);
                count(all[t].counts, kept, 2);
                unsigned fails = __ballot_sync(ALL, kept < c.threshold);
                if (threadIdx.x % 32 == 0 && fails) atomicAdd(&all[t].failed, __popc(fails));
                __syncthreads();
                moments(&all[t], seen[turn], c.nominal[t]);
            }
        }
    }
    __syncthreads();
    hand_over(a, all);
}

/* Slopes of y and U by x: see problem.py. */
__device__ static float2 slopes(float y, float limit) {
    float left = limit * expf(-y), filling = limit - left, empty = 1 - filling;
    float open = empty / (1 - c.q * filling), speed = c.mean_speed[COEFFICIENTS - 1];
#pragma unroll
    for (int i = COEFFICIENTS - 2; i >= 0; i--) speed = speed * filling + c.mean_speed[i];
    return make_float2(open * empty * speed, open * left);
}

__global__ static void program_kernel(arrays a) {
    __shared__ double sums[K];
    if (threadIdx.x < K) sums[threadIdx.x] = 0;
    __syncthreads();
    for (int cell = blockIdx.x * THREADS + threadIdx.x; cell < c.cells; cell += gridDim.x * THREADS) {
        float dose = 0, y = 0, uptake = 0, inverse_limit = a.inverse_limit[cell], limit = 1 / inverse_limit;
#pragma unroll
        for (int n = 0; n < PULSES; n++) dose += a.offers[(size_t)n * c.cells + cell];
        for (int n = 0; n < STEPS; n++) {
            float h = dose * inverse_limit * c.shares[n];
            float2 at = slopes(y, limit), half = slopes(y + 0.5f * h * at.x, limit);
            float2 again = slopes(y + 0.5f * h * half.x, limit), end = slopes(y + h * again.x, limit);
            y += h * (1 / 6.0f) * (at.x + 2 * (half.x + again.x) + end.x);
            uptake += h * (1 / 6.0f) * (at.y + 2 * (half.y + again.y) + end.y);
        }
        float empty[K], of_all = 0, ready = 0, filling = 0;
#pragma unroll
        for (int k = 0; k < K; k++) {
            empty[k] = expf(-c.speed[k] * uptake);
            of_all += c.weight[k] * empty[k];
            ready += c.weight[k] * c.speed[k] * empty[k];
        }
        /* The U that makes the filling is so near that an exponential of the difference is a straight line. */
        float correction = (limit - limit * expf(-y) - (1 - of_all)) / ready;
#pragma unroll
        for (int k = 0; k < K; k++) {
            float f = 1 - empty[k] * (1 - c.speed[k] * correction);
            filling += c.weight[k] * f;
            float part = sum_of_warp(f);
            if (threadIdx.x % 32 == 0) atomicAdd(&sums[k], (double)part);
        }
        a.filling[cell] = filling;
    }
    __syncthreads();
    if (threadIdx.x < K) atomicAdd(&a.occupancies[threadIdx.x], sums[threadIdx.x]);
}

/* --- On the host ------------------------------------------------------------------------------------------------- */

template <class T> static void room_for(T **array, size_t count) {
    if (*array) cudaFree(*array);
    cudaMalloc((void **)array, count * sizeof(T));
}

static void send(float **array, const float *from, size_t count) {
    room_for(array, count);
    cudaMemcpy(*array, from, count * sizeof(float), cudaMemcpyHostToDevice);
}

static size_t shared_bytes() { return checkpoints * sizeof(tally); }

static void send_constants(const struct problem *p) {
    constants host;
    memset(&host, 0, sizeof host);
    host.cells = p->cells, host.checkpoints = p->checkpoints, host.octave = p->octave;
    host.q = p->q, host.direct = p->direct, host.hopping = p->hopping;
    host.background = p->background, host.threshold = p->threshold;
    const float *from[] = {p->weight, p->speed, p->rate, p->slope, p->curve};
    float *to[] = {host.weight, host.speed, host.rate, host.slope, host.curve};
    for (int i = 0; i < 5; i++) memcpy(to[i], from[i], K * sizeof(float));
    memcpy(host.mean_speed, p->mean_speed, sizeof host.mean_speed);
    memcpy(host.shares, p->shares, sizeof host.shares);
    memcpy(host.nominal, p->nominal, 4 * p->checkpoints * sizeof(float));
    memcpy(host.low, p->low, sizeof host.low);
    memcpy(host.per_unit, p->per_unit, sizeof host.per_unit);
    cudaMemcpyToSymbol(c, &host, sizeof host);
}

const char *setup(const struct problem *p, int) {
    if (p->cells % 8192 || p->checkpoints > MOST_CHECKPOINTS) return "cells not in blocks of 8192, or many checkpoints";
    cells = p->cells, checkpoints = p->checkpoints;
    int processors = 0;
    cudaDeviceGetAttribute(&processors, cudaDevAttrMultiProcessorCount, 0);
    blocks = cells / THREADS < 8 * processors ? cells / THREADS : 8 * processors;
    send_constants(p);
    send(&device.size, p->size, cells);
    send(&device.area, p->area, cells);
    send(&device.filled, p->filled, (size_t)K * cells);
    send(&device.inverse_limit, p->inverse_limit, cells);
    send(&device.offers, p->offers, (size_t)PULSES * cells);
    room_for(&device.filling, cells);
    room_for(&device.means, MOST_CHECKPOINTS);
    room_for(&device.occupancies, K);
    room_for(&device.sum, 4 * MOST_CHECKPOINTS);
    room_for(&device.square, 4 * MOST_CHECKPOINTS);
    room_for(&device.least, 4 * MOST_CHECKPOINTS);
    room_for(&device.most, 4 * MOST_CHECKPOINTS);
    room_for(&device.counts, 3 * WIDTH * MOST_CHECKPOINTS);
    room_for(&device.failed, MOST_CHECKPOINTS);
    cudaFuncSetAttribute(statistics_kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, (int)shared_bytes());
    cudaError_t wrong = cudaGetLastError();
    return wrong == cudaSuccess ? nullptr : cudaGetErrorString(wrong);
}

/* Waits for the kernel, too. */
template <class T> static void fetch(T *to, const T *from, size_t count) {
    cudaMemcpy(to, from, count * sizeof(T), cudaMemcpyDeviceToHost);
}

void bake(double *mean) {
    cudaMemset(device.means, 0, checkpoints * sizeof(double));
    bake_kernel<<<blocks, THREADS>>>(device);
    fetch(mean, device.means, checkpoints);
    for (int t = 0; t < checkpoints; t++) mean[t] /= cells;
}

static float number(int32_t ordered) {
    int32_t bits = ordered < 0 ? ordered ^ 0x7fffffff : ordered;
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

void statistics(double *sum, double *square, float *least, float *most, int64_t *counts, int64_t *failed) {
    size_t n = checkpoints;
    int32_t low[4 * MOST_CHECKPOINTS], high[4 * MOST_CHECKPOINTS];
    cudaMemset(device.sum, 0, 4 * n * sizeof(double));
    cudaMemset(device.square, 0, 4 * n * sizeof(double));
    /* The largest and the smallest but a little of ordered integers. */
    cudaMemset(device.least, 0x7f, 4 * n * sizeof(int));
    cudaMemset(device.most, 0x80, 4 * n * sizeof(int));
    cudaMemset(device.counts, 0, 3 * WIDTH * n * sizeof(int64_t));
    cudaMemset(device.failed, 0, n * sizeof(int64_t));
    statistics_kernel<<<blocks, THREADS, shared_bytes()>>>(device);
    fetch(sum, device.sum, 4 * n);
    fetch(square, device.square, 4 * n);
    fetch(low, device.least, 4 * n);
    fetch(high, device.most, 4 * n);
    fetch((unsigned long long *)counts, device.counts, 3 * WIDTH * n);
    fetch((unsigned long long *)failed, device.failed, n);
    for (size_t i = 0; i < 4 * n; i++) {
        least[i] = number(low[i]);
        most[i] = number(high[i]);
    }
}

void program(double *occupancies) {
    cudaMemset(device.occupancies, 0, K * sizeof(double));
    program_kernel<<<blocks, THREADS>>>(device);
    fetch(occupancies, device.occupancies, K);
    for (int k = 0; k < K; k++) occupancies[k] /= cells;
}

void fillings(float *filling) { fetch(filling, device.filling, cells); }
