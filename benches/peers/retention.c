/* The retention kernel as a good C programmer would write it: the peer of the CPU backend in benches/retention.rs.
 *
 * n cells of K = 8 classes; a cell's depths are shifted by u (s_k + c_k u), u its ln(size). At each checkpoint, whose times
 * double, F = sum w_k f_k exp(-e_k t) and the mean over the cells of 1/(1 - q F). State is one array per class.
 *
 *   cc -O3 -march=native -ffast-math -fopenmp -o retention retention.c -lm
 *   retention exp|recurrence THREADS ITERATIONS INPUT
 *
 * INPUT, little-endian: u32 n, u32 checkpoints; f32 q, first time; f32 w[K], e[K], s[K], c[K]; f32 u[n]; f32 f[K][n].
 * Prints the seconds of all iterations, then the means. gcc takes exp of vectors from libmvec.
 */
#include <math.h>
#include <omp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define K 8
#define BLOCK 128
#define MOST 64
/* Past this exponent nothing is left; beyond f32's range libmvec takes the slow way, one number at a time. */
#define LAST 80.0f

static uint32_t n, checkpoints;
static float q, first_time, w[K], e[K], s[K], c[K], *u, *f;

/* Adds the sums of one block of m cells, m a multiple of nothing in particular. */
static void block(size_t at, int m, int recurrence, double *sum) {
    float rate[K][BLOCK], share[K][BLOCK], y[K][BLOCK], filling[BLOCK];
    for (int k = 0; k < K; k++) {
        const float *occupancy = f + (size_t)k * n + at;
        for (int i = 0; i < m; i++) {
            float size = u[at + i];
            rate[k][i] = e[k] * expf(-size * (s[k] + c[k] * size));
            share[k][i] = w[k] * occupancy[i];
        }
    }
    float time = first_time;
    for (uint32_t t = 0; t < checkpoints; t++, time *= 2) {
        if (!recurrence) {
            for (int i = 0; i < m; i++) filling[i] = 0;
            for (int k = 0; k < K; k++)
                for (int i = 0; i < m; i++) filling[i] += share[k][i] * expf(-fminf(rate[k][i] * time, LAST));
        } else if (t == 0) {
            for (int i = 0; i < m; i++) filling[i] = 0;
            for (int k = 0; k < K; k++)
                for (int i = 0; i < m; i++) {
                    y[k][i] = -expm1f(-fminf(rate[k][i] * time, LAST));
                    filling[i] += share[k][i] - share[k][i] * y[k][i];
                }
        } else {
            /* One pass over the cells with the classes unrolled: the filling stays in a register. */
            for (int i = 0; i < m; i++) {
                float left = 0;
#pragma GCC unroll 8
                for (int k = 0; k < K; k++) {
                    y[k][i] = y[k][i] * (2 - y[k][i]);
                    left += share[k][i] - share[k][i] * y[k][i];
                }
                filling[i] = left;
            }
        }
        float part = 0;
        for (int i = 0; i < m; i++) part += 1 / (1 - q * filling[i]);
        sum[t] += part;
    }
}

static void means(int recurrence, double *mean) {
    double total[MOST] = {0};
    long blocks = (n + BLOCK - 1) / BLOCK;
#pragma omp parallel
    {
        double sum[MOST] = {0};
#pragma omp for schedule(static)
        for (long b = 0; b < blocks; b++) {
            size_t at = (size_t)b * BLOCK;
            block(at, n - at < BLOCK ? (int)(n - at) : BLOCK, recurrence, sum);
        }
#pragma omp critical
        for (uint32_t t = 0; t < checkpoints; t++) total[t] += sum[t];
    }
    for (uint32_t t = 0; t < checkpoints; t++) mean[t] = total[t] / n;
}

static void take(FILE *file, void *to, size_t bytes) {
    if (fread(to, 1, bytes, file) != bytes) {
        fprintf(stderr, "the input is too short\n");
        exit(1);
    }
}

int main(int argc, char **argv) {
    FILE *file = argc == 5 ? fopen(argv[4], "rb") : NULL;
    if (!file) {
        fprintf(stderr, "usage: retention exp|recurrence THREADS ITERATIONS INPUT\n");
        return 1;
    }
    int recurrence = !strcmp(argv[1], "recurrence");
    omp_set_num_threads(atoi(argv[2]));
    long iterations = atol(argv[3]);
    take(file, &n, 4);
    take(file, &checkpoints, 4);
    take(file, &q, 4);
    take(file, &first_time, 4);
    take(file, w, sizeof w);
    take(file, e, sizeof e);
    take(file, s, sizeof s);
    take(file, c, sizeof c);
    u = malloc(n * sizeof *u);
    f = malloc((size_t)K * n * sizeof *f);
    if (!u || !f || checkpoints > MOST) {
        fprintf(stderr, "the input is too large\n");
        return 1;
    }
    take(file, u, n * sizeof *u);
    take(file, f, (size_t)K * n * sizeof *f);
    double mean[MOST];
    /* Once untimed: threads started, memory touched. */
    means(recurrence, mean);
    double start = omp_get_wtime();
    for (long i = 0; i < iterations; i++) means(recurrence, mean);
    printf("%.9e\n", omp_get_wtime() - start);
    for (uint32_t t = 0; t < checkpoints; t++) printf("%.9e\n", mean[t]);
    return 0;
}
