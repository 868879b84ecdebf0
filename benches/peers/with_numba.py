"""Numba: one loop over blocks of cells by prange, fastmath, everything of a block fused in it.

The wheel of llvmlite has no vector exponential, so there is one here, as polynomial. Loops over classes are unrolled: a
tuple, `unrolled`, says at compile time how many there are.
"""

import numba
import numpy as np
from numba import njit, prange

from problem import BINS, THRESHOLD, WIDTH

BLOCK = 128
# Cells whose float32 sums are kept apart.
CHUNK = 8192
F = np.float32
# Without the check for a divisor of 0 loops that divide become vectors.
OPTIONS = dict(fastmath=True, error_model="numpy")


@njit(**OPTIONS)
def exp(x):
    """Of -87 to 88, to two roundings: 2^n times a polynomial (Cephes)."""
    n = np.floor(x * F(1.44269504) + F(0.5))
    r = x - n * F(0.693359375) + n * F(2.12194440e-4)
    p = F(1.9875691500e-4) * r + F(1.3981999507e-3)
    p = ((p * r + F(8.3334519073e-3)) * r + F(4.1665795894e-2)) * r + F(1.6666665459e-1)
    p = (p * r + F(0.5)) * r * r + r + F(1)
    return p * np.int32((np.int32(n) + np.int32(127)) << np.int32(23)).view(F)


@njit(**OPTIONS)
def three(classes):
    return np.empty((classes, BLOCK), F), np.empty((classes, BLOCK), F), np.empty((classes, BLOCK), F)


@njit(**OPTIONS)
def first(rate, time, y):
    """1 - exp(-x), of a small x by its series."""
    for k in range(rate.shape[0]):
        for i in range(BLOCK):
            x = rate[k, i] * time
            series = x * (F(1) - x * (F(1 / 2) - x * (F(1 / 6) - x * F(1 / 24))))
            y[k, i] = series if x < F(0.03) else F(1) - exp(-min(x, F(80)))


@njit(**OPTIONS)
def begin(base, size, filled, weight, rate, slope, curve, background, share, rates, start):
    start[:] = 0
    for k in range(weight.size):
        for i in range(BLOCK):
            u = size[base + i]
            rates[k, i] = rate[k] * exp(-u * (slope[k] + curve[k] * u)) + background
            share[k, i] = weight[k] * filled[k, base + i]
            start[i] += share[k, i]


@njit(**OPTIONS)
def double(share, y, gone, unrolled):
    """What charge is lost, and then what will be after twice the time."""
    for i in range(BLOCK):
        sum = F(0)
        for k in range(len(unrolled)):
            sum += share[k, i] * y[k, i]
            y[k, i] = y[k, i] * (F(2) - y[k, i])
        gone[i] = sum


@njit(**OPTIONS)
def bake_chunk(unrolled, chunk, times, octave, q, background, size, filled, weight, rate, slope, curve, total):
    share, rates, y = three(weight.size)
    start, gone = np.empty(BLOCK, F), np.empty(BLOCK, F)
    for base in range(chunk * CHUNK, (chunk + 1) * CHUNK, BLOCK):
        begin(base, size, filled, weight, rate, slope, curve, background, share, rates, start)
        for sequence in range(octave):
            first(rates, times[sequence], y)
            for t in range(sequence, times.size, octave):
                double(share, y, gone, unrolled)
                part = F(0)
                for i in range(BLOCK):
                    part += F(1) / (F(1) - q * (start[i] - gone[i]))
                total[t] += part


@njit(**OPTIONS, parallel=True)
def bake(unrolled, times, octave, q, background, size, filled, weight, rate, slope, curve):
    chunks = size.size // CHUNK
    total = np.zeros((chunks, times.size))
    for chunk in prange(chunks):
        bake_chunk(
            unrolled, chunk, times, octave, q, background, size, filled, weight, rate, slope, curve, total[chunk]
        )
    return total


@njit(**OPTIONS)
def look(x, nominal, sums, quantity):
    """Adds what one block has of a quantity."""
    total, square, least, most = F(0), F(0), F(3e38), F(-3e38)
    for i in range(BLOCK):
        d = x[i] - nominal
        total += d
        square += d * d
        least = min(least, x[i])
        most = max(most, x[i])
    sums[0, quantity] += total
    sums[1, quantity] += square
    sums[2, quantity] = min(sums[2, quantity], least)
    sums[3, quantity] = max(sums[3, quantity], most)


@njit(**OPTIONS)
def count(x, low, per_unit, slot, counts):
    for i in range(BLOCK):
        slot[i] = np.uint32(np.int32(min(max((x[i] - low) * per_unit + F(1), F(0)), F(BINS + 1))))
    for i in range(BLOCK):
        counts[slot[i]] += 1


@njit(**OPTIONS)
def read(start, gone, area, q, direct, hopping, seen):
    conductance, filling_of, lost_of, kept = seen[0], seen[1], seen[2], seen[3]
    for i in range(BLOCK):
        charge, lost, filling = q * start[i], gone[i] / start[i], start[i] - gone[i]
        conductance[i] = area[i] * (direct / (F(1) - q * filling) + hopping)
        filling_of[i] = filling
        lost_of[i] = lost
        kept[i] = (F(1) - lost) * (F(1) - charge) / (F(1) - charge + lost * charge)


@njit(**OPTIONS)
def fails(kept, threshold):
    count = 0
    for i in range(BLOCK):
        count += kept[i] < threshold
    return count


@njit(**OPTIONS)
def statistics_chunk(
    unrolled,
    chunk,
    times,
    octave,
    q,
    direct,
    hopping,
    threshold,
    background,
    size,
    area,
    filled,
    weight,
    rate,
    slope,
    curve,
    nominal,
    low,
    per_unit,
    sums,
    counts,
    failed,
):
    share, rates, y = three(weight.size)
    start, gone, slot, seen = (
        np.empty(BLOCK, F),
        np.empty(BLOCK, F),
        np.empty(BLOCK, np.uint32),
        np.empty((4, BLOCK), F),
    )
    sums[:, 2] = 3e38
    sums[:, 3] = -3e38
    for base in range(chunk * CHUNK, (chunk + 1) * CHUNK, BLOCK):
        begin(base, size, filled, weight, rate, slope, curve, background, share, rates, start)
        for sequence in range(octave):
            first(rates, times[sequence], y)
            for t in range(sequence, times.size, octave):
                double(share, y, gone, unrolled)
                read(start, gone, area[base : base + BLOCK], q, direct, hopping, seen)
                for quantity in range(4):
                    look(seen[quantity], nominal[t, quantity], sums[t], quantity)
                for h in range(3):
                    count(seen[h if h < 2 else 3], low[h], per_unit[h], slot, counts[t, h])
                failed[t] += fails(seen[3], threshold)


@njit(**OPTIONS, parallel=True)
def statistics(
    unrolled,
    times,
    octave,
    q,
    direct,
    hopping,
    threshold,
    background,
    size,
    area,
    filled,
    weight,
    rate,
    slope,
    curve,
    nominal,
    low,
    per_unit,
):
    chunks, n = size.size // CHUNK, times.size
    sums = np.zeros((chunks, n, 4, 4))
    counts = np.zeros((chunks, n, 3, WIDTH), np.int32)
    failed = np.zeros((chunks, n), np.int64)
    for chunk in prange(chunks):
        statistics_chunk(
            unrolled,
            chunk,
            times,
            octave,
            q,
            direct,
            hopping,
            threshold,
            background,
            size,
            area,
            filled,
            weight,
            rate,
            slope,
            curve,
            nominal,
            low,
            per_unit,
            sums[chunk],
            counts[chunk],
            failed[chunk],
        )
    return sums, counts, failed


@njit(**OPTIONS)
def slopes(y, limit, q, c):
    """Of y and U by x: see problem.py."""
    left = limit * exp(-y)
    filling = limit - left
    empty = F(1) - filling
    open_share = empty / (F(1) - q * filling)
    speed = ((c[3] * filling + c[2]) * filling + c[1]) * filling + c[0]
    return open_share * empty * speed, open_share * left


@njit(**OPTIONS)
def train_step(share, q, c, x, limit, y, uptake):
    for i in range(BLOCK):
        h = x[i] * share
        a, of_a = slopes(y[i], limit[i], q, c)
        b, of_b = slopes(y[i] + F(0.5) * h * a, limit[i], q, c)
        d, of_d = slopes(y[i] + F(0.5) * h * b, limit[i], q, c)
        e, of_e = slopes(y[i] + h * d, limit[i], q, c)
        y[i] += h * F(1 / 6) * (a + F(2) * (b + d) + e)
        uptake[i] += h * F(1 / 6) * (of_a + F(2) * (of_b + of_d) + of_e)


@njit(**OPTIONS)
def end_train(weight, speed, y, uptake, limit, empty, correction, ready, filling, total):
    """The U that makes the filling is so near that an exponential of the difference is a straight line."""
    ready[:] = 0
    filling[:] = 0
    for i in range(BLOCK):
        correction[i] = limit[i] - limit[i] * exp(-y[i]) - F(1)
    for k in range(weight.size):
        w, s, empty_k = weight[k], speed[k], empty[k]
        for i in range(BLOCK):
            empty_k[i] = exp(-s * uptake[i])
            correction[i] += w * empty_k[i]
            ready[i] += w * s * empty_k[i]
    for i in range(BLOCK):
        correction[i] /= ready[i]
    for k in range(weight.size):
        w, s, empty_k, part = weight[k], speed[k], empty[k], F(0)
        for i in range(BLOCK):
            f = F(1) - empty_k[i] * (F(1) - s * correction[i])
            filling[i] += w * f
            part += f
        total[k] += part


@njit(**OPTIONS)
def program_chunk(chunk, q, inverse_limit, offers, weight, speed, mean_speed, shares, after, total):
    limit, x, y, uptake = np.empty(BLOCK, F), np.empty(BLOCK, F), np.empty(BLOCK, F), np.empty(BLOCK, F)
    empty, correction, ready = np.empty((weight.size, BLOCK), F), np.empty(BLOCK, F), np.empty(BLOCK, F)
    c = (mean_speed[0], mean_speed[1], mean_speed[2], mean_speed[3])
    for base in range(chunk * CHUNK, (chunk + 1) * CHUNK, BLOCK):
        x[:] = 0
        y[:] = 0
        uptake[:] = 0
        for n in range(offers.shape[0]):
            offers_n = offers[n, base : base + BLOCK]
            for i in range(BLOCK):
                x[i] += offers_n[i]
        for i in range(BLOCK):
            x[i] *= inverse_limit[base + i]
            limit[i] = F(1) / inverse_limit[base + i]
        for n in range(shares.size):
            train_step(shares[n], q, c, x, limit, y, uptake)
        filling = after[base : base + BLOCK]
        end_train(weight, speed, y, uptake, limit, empty, correction, ready, filling, total)


@njit(**OPTIONS, parallel=True)
def program(q, inverse_limit, offers, weight, speed, mean_speed, shares, after):
    chunks = inverse_limit.size // CHUNK
    total = np.zeros((chunks, weight.size))
    for chunk in prange(chunks):
        program_chunk(chunk, q, inverse_limit, offers, weight, speed, mean_speed, shares, after, total[chunk])
    return total


class Numba:
    def __init__(self, problem, threads):
        numba.set_num_threads(threads)
        self.p = problem
        self.unrolled = (0,) * problem.classes
        self.times = problem.times.astype(F)

    def classes(self):
        return self.p.weight, self.p.rate, self.p.slope, self.p.curve

    def bake(self):
        p = self.p
        total = bake(self.unrolled, self.times, p.octave, F(p.q), F(p.background), p.size, p.filled, *self.classes())
        return {"mean": total.sum(axis=0) / p.cells}

    def statistics(self):
        p = self.p
        sums, counts, failed = statistics(
            self.unrolled,
            self.times,
            p.octave,
            F(p.q),
            F(p.direct),
            F(p.hopping),
            F(THRESHOLD),
            F(p.background),
            p.size,
            p.area,
            p.filled,
            *self.classes(),
            p.nominal,
            p.low,
            p.per_unit,
        )
        return {
            "sum": sums[:, :, 0].sum(axis=0),
            "square": sums[:, :, 1].sum(axis=0),
            "least": sums[:, :, 2].min(axis=0),
            "most": sums[:, :, 3].max(axis=0),
            "counts": counts.sum(axis=0),
            "failed": failed.sum(axis=0),
        }

    def program(self):
        p, filling = self.p, np.empty(self.p.cells, F)
        total = program(F(p.q), p.inverse_limit, p.offers, p.weight, p.speed, p.mean_speed, p.shares, filling)
        return {"occupancies": total.sum(axis=0) / p.cells, "filling": filling}


def peer(problem, threads, folder):
    return Numba(problem, threads), f"Numba {numba.__version__}"
