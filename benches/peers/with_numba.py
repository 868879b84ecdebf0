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
def fresh(size, cold_rate, cold_slope, cold_curve, f, stays, phi):
    f[:] = 0
    for k in range(cold_rate.size):
        for i in range(BLOCK):
            u = size[i]
            e = cold_rate[k] * exp(-u * (cold_slope[k] + cold_curve[k] * u))
            stays[k, i] = exp(-min(e, F(80)))
            phi[k, i] = (F(1) - stays[k, i]) / e if e > F(0.03) else F(1) - e * (F(1 / 2) - e * F(1 / 6))


@njit(**OPTIONS)
def fillings(weight, speed, f, stays, phi, filling, staying, empty):
    filling[:] = 0
    staying[:] = 0
    empty[:] = 0
    for k in range(weight.size):
        w, at_once, f_k, stays_k, phi_k = weight[k], weight[k] * speed[k], f[k], stays[k], phi[k]
        for i in range(BLOCK):
            charge = w * f_k[i]
            filling[i] += charge
            staying[i] += charge * stays_k[i]
            empty[i] += at_once * phi_k[i] * (F(1) - f_k[i])


@njit(**OPTIONS)
def uptakes(q, offers, inverse_limit, filling, staying, empty):
    """What an empty trap of speed 1 catches, into `empty`; the sum of the fillings."""
    part = F(0)
    for i in range(BLOCK):
        part += filling[i]
        offer, inverse = offers[i], inverse_limit[i]
        through = F(1) / (F(1) - q * filling[i])
        blocked, room = (F(1) - filling[i]) * through, max(F(1) - filling[i] * inverse, F(0))
        uptake = offer * blocked * room
        approach = offer * ((F(1) - q) * through * through * room + blocked * inverse) * empty[i] + uptake
        middle = F(0.5) * (filling[i] + staying[i] + uptake * empty[i] / (F(1) + approach * F(1 / 3)))
        empty[i] = offer * (F(1) - middle) / (F(1) - q * middle) * max(F(1) - middle * inverse, F(0))
    return part


@njit(**OPTIONS)
def capture(speed, caught, f, stays, phi):
    for k in range(speed.size):
        s, f_k, stays_k, phi_k = speed[k], f[k], stays[k], phi[k]
        for i in range(BLOCK):
            c, left = s * caught[i], stays_k[i] * f_k[i]
            share = c * (F(1) - c * (F(1 / 2) - c * F(1 / 6)))
            f_k[i] = stays_k[i] * (left + share * (phi_k[i] - left))


@njit(**OPTIONS)
def program_chunk(
    chunk, q, size, inverse_limit, offers, weight, speed, cold_rate, cold_slope, cold_curve, after, total
):
    """One step a pulse, as `pulse` of cells.c has it."""
    f, stays, phi = three(weight.size)
    filling, staying, empty = np.empty(BLOCK, F), np.empty(BLOCK, F), np.empty(BLOCK, F)
    for base in range(chunk * CHUNK, (chunk + 1) * CHUNK, BLOCK):
        fresh(size[base : base + BLOCK], cold_rate, cold_slope, cold_curve, f, stays, phi)
        for n in range(offers.shape[0]):
            fillings(weight, speed, f, stays, phi, filling, staying, empty)
            total[n] += uptakes(
                q, offers[n, base : base + BLOCK], inverse_limit[base : base + BLOCK], filling, staying, empty
            )
            capture(speed, empty, f, stays, phi)
        fillings(weight, speed, f, stays, phi, filling, staying, empty)
        after[base : base + BLOCK] = filling


@njit(**OPTIONS, parallel=True)
def program(q, size, inverse_limit, offers, weight, speed, cold_rate, cold_slope, cold_curve, after):
    chunks = size.size // CHUNK
    total = np.zeros((chunks, offers.shape[0]))
    for chunk in prange(chunks):
        program_chunk(
            chunk, q, size, inverse_limit, offers, weight, speed, cold_rate, cold_slope, cold_curve, after, total[chunk]
        )
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
        total = program(
            F(p.q),
            p.size,
            p.inverse_limit,
            p.offers,
            p.weight,
            p.speed,
            p.cold_rate,
            p.cold_slope,
            p.cold_curve,
            filling,
        )
        return {"means": total.sum(axis=0) / p.cells, "filling": filling}


def peer(problem, threads, folder):
    return Numba(problem, threads), f"Numba {numba.__version__}"
