/* The bake, its statistics and the programming as a good C programmer would write them: exponentials once a cell, from
 * libmvec; then doublings, y <- y (2 - y) with y what a class has lost, blocks of cells that stay in the first cache,
 * explicit vectors, OpenMP over pieces of 8192 cells. Programming is one train of pulses: see problem.py.
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

/* Vectors of cells that are stepped side by side, to hide how long each operation takes. */
#define SIDE 4

/* Of x <= 0, to two roundings: 2^n times a polynomial (Cephes). A call of libmvec would drive the state to memory. */
static inline vector exp_of(vector x) {
    whole n = __builtin_convertvector(x * 1.44269504f - 0.5f, whole);
    vector whole_part = __builtin_convertvector(n, vector);
    vector r = x - whole_part * 0.693359375f + whole_part * 2.12194440e-4f;
    vector p = r * 1.9875691500e-4f + 1.3981999507e-3f;
    p = ((p * r + 8.3334519073e-3f) * r + 4.1665795894e-2f) * r + 1.6666665459e-1f;
    return ((p * r + 0.5f) * r * r + r + 1) * (vector)((n + 127) << 23);
}

struct slopes {
    vector y[SIDE], uptake[SIDE];
};

static inline struct slopes slopes_at(const vector *y, const vector *along, vector share, const vector *h,
                                      const vector *limit) {
    struct slopes s;
#pragma GCC unroll 8
    for (int v = 0; v < SIDE; v++) {
        vector left = limit[v] * exp_of(-(y[v] + share * h[v] * along[v]));
        vector filling = limit[v] - left, empty = 1 - filling, open = empty / (1 - p.q * filling);
        vector speed = all(p.mean_speed[COEFFICIENTS - 1]);
#pragma GCC unroll 8
        for (int i = COEFFICIENTS - 2; i >= 0; i--) speed = speed * filling + p.mean_speed[i];
        s.y[v] = open * empty * speed;
        s.uptake[v] = open * left;
    }
    return s;
}

/* All pulses of some vectors of cells from `from` on. */
static inline void train(size_t from, vector *occupancies) {
    vector y[SIDE], uptake[SIDE], x[SIDE], limit[SIDE], inverse_limit;
    for (int v = 0; v < SIDE; v++) {
        vector dose = {0}, offer;
        for (int n = 0; n < PULSES; n++) {
            memcpy(&offer, p.offers + (size_t)n * p.cells + from + v * LANES, sizeof offer);
            dose += offer;
        }
        memcpy(&inverse_limit, p.inverse_limit + from + v * LANES, sizeof inverse_limit);
        x[v] = dose * inverse_limit;
        limit[v] = 1 / inverse_limit;
        y[v] = uptake[v] = all(0);
    }
    for (int n = 0; n < STEPS; n++) {
        vector h[SIDE];
        for (int v = 0; v < SIDE; v++) h[v] = x[v] * p.shares[n];
        struct slopes a = slopes_at(y, y, all(0), h, limit);
        struct slopes b = slopes_at(y, a.y, all(0.5f), h, limit);
        struct slopes c = slopes_at(y, b.y, all(0.5f), h, limit);
        struct slopes d = slopes_at(y, c.y, all(1), h, limit);
#pragma GCC unroll 8
        for (int v = 0; v < SIDE; v++) {
            y[v] += h[v] * (1 / 6.0f) * (a.y[v] + 2 * (b.y[v] + c.y[v]) + d.y[v]);
            uptake[v] += h[v] * (1 / 6.0f) * (a.uptake[v] + 2 * (b.uptake[v] + c.uptake[v]) + d.uptake[v]);
        }
    }
    for (int v = 0; v < SIDE; v++) {
        vector empty[K], of_all = {0}, ready = {0}, filling = {0};
#pragma GCC unroll 32
        for (int k = 0; k < K; k++) {
            empty[k] = exp_of(-p.speed[k] * uptake[v]);
            of_all += p.weight[k] * empty[k];
            ready += p.weight[k] * p.speed[k] * empty[k];
        }
        /* The U that makes the filling is so near that an exponential of the difference is a straight line. */
        vector correction = (limit[v] - limit[v] * exp_of(-y[v]) - (1 - of_all)) / ready;
#pragma GCC unroll 32
        for (int k = 0; k < K; k++) {
            vector f = 1 - empty[k] * (1 - p.speed[k] * correction);
            filling += p.weight[k] * f;
            occupancies[k] += f;
        }
        memcpy(filling_after + from + v * LANES, &filling, sizeof filling);
    }
}

void program(double *occupancies) {
    double sums[K] = {0};
#pragma omp parallel for num_threads(threads) schedule(static) reduction(+ : sums)
    for (int chunk = 0; chunk < p.cells / CHUNK; chunk++)
        for (int block = 0; block < CHUNK; block += BLOCK) {
            size_t from = (size_t)chunk * CHUNK + block;
            vector sum[K];
            memset(sum, 0, sizeof sum);
            for (int side = 0; side < BLOCK; side += SIDE * LANES) train(from + side, sum);
            for (int k = 0; k < K; k++) sums[k] += total(sum[k]);
        }
    for (int k = 0; k < K; k++) occupancies[k] = sums[k] / p.cells;
}
