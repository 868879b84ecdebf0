/* What the C and the CUDA peer are handed: see problem.py, which says what each number is. Mirrored in with_c.py. */
#ifndef CELLS_H
#define CELLS_H
#include <stdint.h>

#ifndef K
#define K 16
#endif
#define PULSES 30
#define STEPS 8
#define COEFFICIENTS 4
#define BINS 64
#define WIDTH (BINS + 2)
#define MOST_CHECKPOINTS 128
/* Past this exponent nothing is left; beyond f32's range libmvec takes the slow way, one number at a time. */
#define LAST 80.0f

struct problem {
    int32_t cells, checkpoints, octave;
    float q, direct, hopping, background, threshold;
    /* Of classes. */
    const float *weight, *speed, *rate, *slope, *curve;
    /* (COEFFICIENTS), (STEPS). */
    const float *mean_speed, *shares;
    /* Of cells; `filled` is (K, cells), `offers` (PULSES, cells). */
    const float *size, *area, *filled, *inverse_limit, *offers;
    /* (checkpoints, 4), (3), (3). */
    const float *nominal, *low, *per_unit;
};

#ifdef __cplusplus
extern "C" {
#endif
/* 0, or what went wrong, in words. `cells` is a multiple of 8192. */
const char *setup(const struct problem *problem, int threads);
void bake(double *mean);
/* The first four are (checkpoints, 4), counts (checkpoints, 3, WIDTH). */
void statistics(double *sum, double *square, float *least, float *most, int64_t *counts, int64_t *failed);
/* Mean occupancies, (K). */
void program(double *occupancies);
/* Each cell's filling after `program`. */
void fillings(float *filling);
#ifdef __cplusplus
}
#endif
#endif
