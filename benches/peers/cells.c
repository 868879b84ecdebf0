/* The bake, its statistics and the programming as a good C programmer would write them: exponentials once a cell, from
 * libmvec; then doublings, y <- y (2 - y) with y what a class has lost, blocks of cells that stay in the first cache,
 * explicit vectors, OpenMP over pieces of 8192 cells. Programming is one step a pulse: see `pulse`.
 *
 *   gcc -O3 -march=native -ffast-math -fopenmp -shared -fPIC -DK=16 -o cells.so cells.c -lm
 */
#include "cells.h"

#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>
#if defined(__AVX__)
#include <immintrin.h>
#endif

#define BLOCK 128
#define CHUNK 8192
#if defined(__AVX512F__)
#define LANES 16
#elif defined(__AVX__)
#define LANES 8
#else
#define LANES 4
#endif
#define VECTORS (BLOCK / LANES)

typedef float vector __attribute__((vector_size(4 * LANES)));
typedef int32_t whole __attribute__((vector_size(4 * LANES)));

static struct problem p;
static int threads = 1;
static float *filling_after;

const char *setup(const struct problem *problem, int of_threads) {
    p = *problem;
    threads = of_threads;
    free(filling_after);
    filling_after = malloc(p.cells * sizeof *filling_after);
    if (!filling_after) return "out of memory";
    if (p.cells % CHUNK || p.checkpoints > MOST_CHECKPOINTS) return "cells not in blocks of 8192, or many checkpoints";
    return 0;
}

void fillings(float *filling) { memcpy(filling, filling_after, p.cells * sizeof *filling); }

#if defined(__AVX512F__)
static inline vector less(vector a, vector b) { return _mm512_min_ps(a, b); }
static inline vector more(vector a, vector b) { return _mm512_max_ps(a, b); }
#elif defined(__AVX__)
static inline vector less(vector a, vector b) { return _mm256_min_ps(a, b); }
static inline vector more(vector a, vector b) { return _mm256_max_ps(a, b); }
#else
static inline vector more(vector a, vector b) {
    whole first = a > b;
    return (vector)(((whole)a & first) | ((whole)b & ~first));
}
static inline vector less(vector a, vector b) { return -more(-a, -b); }
#endif
static inline vector all(float x) { return x - (vector){0}; }

static double total(vector x) {
    double sum = 0;
    for (int i = 0; i < LANES; i++) sum += x[i];
    return sum;
}

/* --- Bake ------------------------------------------------------------------------------------------------- */

/* One block of cells: the charge of each class, over nothing, and how often it is emptied in 1 s. */
struct block {
    float share[K][BLOCK], rate[K][BLOCK], y[K][BLOCK];
} __attribute__((aligned(64)));

static void begin(struct block *b, size_t at) {
    for (int k = 0; k < K; k++) {
        const float *filled = p.filled + (size_t)k * p.cells + at;
        for (int i = 0; i < BLOCK; i++) {
            float u = p.size[at + i];
            b->rate[k][i] = p.rate[k] * expf(-u * (p.slope[k] + p.curve[k] * u)) + p.background;
            b->share[k][i] = p.weight[k] * filled[i];
        }
    }
}

/* What is lost at the first checkpoint of a sequence, `time` s. */
static void first(struct block *b, float time) {
    for (int k = 0; k < K; k++)
        for (int i = 0; i < BLOCK; i++) b->y[k][i] = -expm1f(-fminf(b->rate[k][i] * time, LAST));
}

static inline vector at(const float *x, int v) { return ((const vector *)x)[v]; }

/* All checkpoints of a sequence of one vector of cells: state in registers. */
static inline void means_of(const struct block *b, int v, int sequence, vector *sum) {
    vector y[K], share[K], start = {0};
#pragma GCC unroll 32
    for (int k = 0; k < K; k++) {
        y[k] = at(b->y[k], v);
        share[k] = at(b->share[k], v);
        start += share[k];
    }
    for (int t = sequence; t < p.checkpoints; t += p.octave) {
        vector left = start;
#pragma GCC unroll 32
        for (int k = 0; k < K; k++) {
            left -= share[k] * y[k];
            y[k] = y[k] * (2 - y[k]);
        }
        sum[t] += 1 / (1 - p.q * left);
    }
}

void bake(double *mean) {
    double sums[MOST_CHECKPOINTS] = {0};
#pragma omp parallel for num_threads(threads) schedule(static) reduction(+ : sums)
    for (int chunk = 0; chunk < p.cells / CHUNK; chunk++) {
        struct block b;
        vector sum[MOST_CHECKPOINTS];
        memset(sum, 0, sizeof sum);
        for (int from = 0; from < CHUNK; from += BLOCK) {
            begin(&b, (size_t)chunk * CHUNK + from);
            for (int s = 0; s < p.octave; s++) {
                first(&b, exp2f((float)s / p.octave));
                for (int v = 0; v < VECTORS; v++) means_of(&b, v, s, sum);
            }
        }
        for (int t = 0; t < p.checkpoints; t++) sums[t] += total(sum[t]);
    }
    for (int t = 0; t < p.checkpoints; t++) mean[t] = sums[t] / p.cells;
}

/* --- Bake with all statistics ------------------------------------------------------------------------------ */

/* Of one checkpoint, in vectors. */
struct moments {
    vector sum[4], square[4], least[4], most[4];
};

/* What a thread counts at one checkpoint. */
struct counters {
    uint32_t counts[3 * WIDTH];
    whole failed;
};

/* Of one block at one checkpoint: the counters its cells fall into. */
struct places {
    int32_t slot[3][BLOCK];
    vector low[3], high[3];
} __attribute__((aligned(64)));

static inline void look(struct moments *m, int quantity, vector x, float nominal) {
    vector d = x - nominal;
    m->sum[quantity] += d;
    m->square[quantity] += d * d;
    m->least[quantity] = less(m->least[quantity], x);
    m->most[quantity] = more(m->most[quantity], x);
}

static inline void place(struct places *to, int which, int v, vector x) {
    vector bin = less(more((x - p.low[which]) * p.per_unit[which] + 1, all(0)), all(BINS + 1));
    ((whole *)to->slot[which])[v] = __builtin_convertvector(bin, whole);
    to->low[which] = less(to->low[which], bin);
    to->high[which] = more(to->high[which], bin);
}

/* Neighbours in a block lie in few bins: each bin is compared with all cells, unless there are too many. */
static void count(const int32_t *slot, vector low, vector high, uint32_t *counts) {
    float lowest = low[0], highest = high[0];
    for (int i = 1; i < LANES; i++) {
        lowest = fminf(lowest, low[i]);
        highest = fmaxf(highest, high[i]);
    }
    int32_t least = (int32_t)lowest, most = (int32_t)highest;
    if (most - least > 6) {
        for (int i = 0; i < BLOCK; i++) counts[slot[i]]++;
        return;
    }
    for (int32_t bin = least; bin <= most; bin++) {
        uint32_t here = 0;
        for (int i = 0; i < BLOCK; i++) here += slot[i] == bin;
        counts[bin] += here;
    }
}

/* One checkpoint of a block: reads it, and doubles what is lost. */
static void checkpoint(struct block *b, const float *area, const vector *start, const float *nominal,
                       struct moments *moments, struct counters *counters) {
    struct moments m = *moments;
    struct places to;
    for (int h = 0; h < 3; h++) {
        to.low[h] = all(WIDTH);
        to.high[h] = all(0);
    }
    for (int v = 0; v < VECTORS; v++) {
        vector gone = {0};
#pragma GCC unroll 32
        for (int k = 0; k < K; k++) {
            vector y = at(b->y[k], v);
            gone += at(b->share[k], v) * y;
            ((vector *)b->y[k])[v] = y * (2 - y);
        }
        vector charge = p.q * start[v], lost = gone / start[v], filling = start[v] - gone;
        vector conductance = at(area, v) * (p.direct / (1 - p.q * filling) + p.hopping);
        /* (1 - L)/(1 + L r) times 1 - q F0, above and below. */
        vector kept = (1 - lost) * (1 - charge) / (1 - charge + lost * charge);
        look(&m, 0, conductance, nominal[0]);
        look(&m, 1, filling, nominal[1]);
        look(&m, 2, lost, nominal[2]);
        look(&m, 3, kept, nominal[3]);
        place(&to, 0, v, conductance);
        place(&to, 1, v, filling);
        place(&to, 2, v, kept);
        counters->failed -= kept < p.threshold;
    }
    *moments = m;
    for (int h = 0; h < 3; h++) count(to.slot[h], to.low[h], to.high[h], counters->counts + h * WIDTH);
}

static void fold(const struct moments *m, double *sum, double *square, float *least, float *most) {
    for (int quantity = 0; quantity < 4; quantity++) {
        sum[quantity] += total(m->sum[quantity]);
        square[quantity] += total(m->square[quantity]);
        for (int i = 0; i < LANES; i++) {
            least[quantity] = fminf(least[quantity], m->least[quantity][i]);
            most[quantity] = fmaxf(most[quantity], m->most[quantity][i]);
        }
    }
}

static void statistics_of(size_t from, struct moments *m, struct counters *counters) {
    struct block b;
    vector start[VECTORS];
    float area[BLOCK] __attribute__((aligned(64)));
    begin(&b, from);
    memcpy(area, p.area + from, sizeof area);
    memset(start, 0, sizeof start);
    for (int k = 0; k < K; k++)
        for (int v = 0; v < VECTORS; v++) start[v] += at(b.share[k], v);
    for (int s = 0; s < p.octave; s++) {
        first(&b, exp2f((float)s / p.octave));
        for (int t = s; t < p.checkpoints; t += p.octave)
            checkpoint(&b, area, start, p.nominal + 4 * t, m + t, counters + t);
    }
}

void statistics(double *sum, double *square, float *least, float *most, int64_t *counts, int64_t *failed) {
    int n = p.checkpoints;
    for (int i = 0; i < 4 * n; i++) {
        sum[i] = square[i] = 0;
        least[i] = 3e38f;
        most[i] = -3e38f;
    }
    memset(counts, 0, n * 3 * WIDTH * sizeof *counts);
    memset(failed, 0, n * sizeof *failed);
#pragma omp parallel num_threads(threads)
    {
        struct counters *counters = aligned_alloc(64, MOST_CHECKPOINTS * sizeof *counters);
        struct moments *m = aligned_alloc(64, MOST_CHECKPOINTS * sizeof *m);
        memset(counters, 0, MOST_CHECKPOINTS * sizeof *counters);
#pragma omp for schedule(static)
        for (int chunk = 0; chunk < p.cells / CHUNK; chunk++) {
            for (int t = 0; t < n; t++)
                for (int i = 0; i < 4; i++) {
                    m[t].sum[i] = m[t].square[i] = all(0);
                    m[t].least[i] = all(3e38f);
                    m[t].most[i] = all(-3e38f);
                }
            for (int from = 0; from < CHUNK; from += BLOCK)
                statistics_of((size_t)chunk * CHUNK + from, m, counters);
#pragma omp critical
            for (int t = 0; t < n; t++) fold(m + t, sum + 4 * t, square + 4 * t, least + 4 * t, most + 4 * t);
        }
#pragma omp critical
        for (int t = 0; t < n; t++) {
            for (int i = 0; i < 3 * WIDTH; i++) counts[t * 3 * WIDTH + i] += counters[t].counts[i];
            for (int i = 0; i < LANES; i++) failed[t] += counters[t].failed[i];
        }
        free(counters);
        free(m);
    }
}

/* --- Programming ------------------------------------------------------------------------------------------- */

struct cells {
    /* Occupancy, exp(-e) and (1 - exp(-e))/e of the emission e of a pulse, which is that of an interval too. */
    float f[K][BLOCK], stays[K][BLOCK], phi[K][BLOCK];
} __attribute__((aligned(64)));

static void fresh(struct cells *c, size_t from) {
    memset(c->f, 0, sizeof c->f);
    for (int k = 0; k < K; k++)
        for (int i = 0; i < BLOCK; i++) {
            float u = p.size[from + i];
            float e = fmaxf(p.cold_rate[k] * expf(-u * (p.cold_slope[k] + p.cold_curve[k] * u)), 1e-30f);
            float goes = -expm1f(-fminf(e, LAST));
            c->stays[k][i] = 1 - goes;
            c->phi[k][i] = goes / e;
        }
}

static inline vector filling_of(const struct cells *c, int v) {
    vector filling = {0};
#pragma GCC unroll 32
    for (int k = 0; k < K; k++) filling += p.weight[k] * at(c->f[k], v);
    return filling;
}

/* A pulse and the interval after it, in one step: the uptake at the filling half-way, which is looked for to third
 * order, and an exponential step of each class with exp of the small capture as a polynomial. Returns the filling
 * before. */
static inline vector pulse(struct cells *c, int v, vector offer, vector inverse_limit) {
    vector filling = {0}, staying = {0}, empty = {0};
#pragma GCC unroll 32
    for (int k = 0; k < K; k++) {
        vector f = at(c->f[k], v), charge = p.weight[k] * f;
        filling += charge;
        staying += charge * at(c->stays[k], v);
        empty += p.weight[k] * p.speed[k] * at(c->phi[k], v) * (1 - f);
    }
    vector through = 1 / (1 - p.q * filling), blocked = (1 - filling) * through;
    vector room = more(1 - filling * inverse_limit, all(0));
    vector uptake = offer * blocked * room;
    vector slope = offer * ((1 - p.q) * through * through * room + blocked * inverse_limit);
    vector approach = slope * empty + uptake;
    vector middle = 0.5f * (filling + staying) + 0.5f * uptake * empty / (1 + approach * (1 / 3.0f));
    vector caught = offer * (1 - middle) / (1 - p.q * middle) * more(1 - middle * inverse_limit, all(0));
#pragma GCC unroll 32
    for (int k = 0; k < K; k++) {
        vector capture = p.speed[k] * caught, stays = at(c->stays[k], v), left = stays * at(c->f[k], v);
        vector share = capture * (1 - capture * (0.5f - capture * (1 / 6.0f)));
        ((vector *)c->f[k])[v] = stays * (left + share * (at(c->phi[k], v) - left));
    }
    return filling;
}

void program(double *means) {
    double sums[PULSES] = {0};
#pragma omp parallel for num_threads(threads) schedule(static) reduction(+ : sums)
    for (int chunk = 0; chunk < p.cells / CHUNK; chunk++) {
        struct cells c;
        for (size_t from = (size_t)chunk * CHUNK; from < ((size_t)chunk + 1) * CHUNK; from += BLOCK) {
            fresh(&c, from);
            vector offer, inverse_limit;
            for (int n = 0; n < PULSES; n++) {
                vector sum = {0};
                for (int v = 0; v < VECTORS; v++) {
                    memcpy(&offer, p.offers + (size_t)n * p.cells + from + v * LANES, sizeof offer);
                    memcpy(&inverse_limit, p.inverse_limit + from + v * LANES, sizeof inverse_limit);
                    sum += pulse(&c, v, offer, inverse_limit);
                }
                sums[n] += total(sum);
            }
            for (int v = 0; v < VECTORS; v++) {
                vector filling = filling_of(&c, v);
                memcpy(filling_after + from + v * LANES, &filling, sizeof filling);
            }
        }
    }
    for (int n = 0; n < PULSES; n++) means[n] = sums[n] / p.cells;
}
