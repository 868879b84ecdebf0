"""NumPy: float32 in blocks that stay in the cache, ufuncs in place, blocks over a pool of threads (ufuncs let go of the
interpreter's lock)."""

import concurrent.futures

import numpy as np

from problem import BINS, PULSES, THRESHOLD, WIDTH, blocks, empty_statistics

# Cells of a block: 16 classes of two arrays in 128 KiB.
BLOCK = 1024
F = np.float32


class Numpy:
    def __init__(self, problem, threads):
        self.p = problem
        self.blocks = blocks(problem.cells, BLOCK)
        self.pool = concurrent.futures.ThreadPoolExecutor(threads) if threads > 1 else None
        self.threads = threads

    def over_blocks(self, work):
        """`work` of a list of blocks, for each thread its own; the answers in a list."""
        if not self.pool:
            return [work(self.blocks)]
        return list(self.pool.map(work, [self.blocks[n :: self.threads] for n in range(self.threads)]))

    def rates(self, some):
        p, u = self.p, self.p.size[some]
        rate = np.multiply.outer(p.curve, u)
        rate += p.slope[:, None]
        rate *= -u
        np.exp(rate, out=rate)
        rate *= p.rate[:, None]
        rate += F(p.background)
        return rate

    def lost(self, some):
        """Charges of a block, the filling, and for each checkpoint its number and what charge is lost."""
        p = self.p
        charge = p.weight[:, None] * p.filled[:, some]
        rate, start = self.rates(some), charge.sum(axis=0)

        def each():
            y, double = np.empty_like(rate), np.empty_like(rate)
            for sequence in range(p.octave):
                np.multiply(rate, F(-p.times[sequence]), out=y)
                np.expm1(y, out=y)
                np.negative(y, out=y)
                for t in range(sequence, p.times.size, p.octave):
                    yield t, np.einsum("ki,ki->i", charge, y)
                    np.subtract(F(2), y, out=double)
                    y *= double

        return start, each()

    def bake(self):
        def work(some_blocks):
            total = np.zeros(self.p.times.size)
            for some in some_blocks:
                start, each = self.lost(some)
                for t, gone in each:
                    gone -= start
                    gone *= F(self.p.q)
                    gone += F(1)
                    np.reciprocal(gone, out=gone)
                    total[t] += gone.sum()
            return total

        return {"mean": sum(self.over_blocks(work)) / self.p.cells}

    def statistics(self):
        parts = self.over_blocks(self.statistics_of)
        found = {name: sum(part[name] for part in parts) for name in ("sum", "square", "counts", "failed")}
        found["least"] = np.min([part["least"] for part in parts], axis=0)
        found["most"] = np.max([part["most"] for part in parts], axis=0)
        return found

    def statistics_of(self, some_blocks):
        p = self.p
        found = empty_statistics(p.times.size)
        # Slots of the three histograms follow each other: one count for all of them.
        first = (np.arange(3, dtype=F) * WIDTH + 1)[:, None]
        low, per_unit = p.low[:, None], p.per_unit[:, None]
        for some in some_blocks:
            start, each = self.lost(some)
            area, charge = p.area[some], F(p.q) * start
            ratio = charge / (1 - charge)
            seen = np.empty((4, start.size), F)
            for t, gone in each:
                lost = seen[2]
                np.divide(gone, start, out=lost)
                np.subtract(start, gone, out=seen[1])
                seen[0] = area * (F(p.direct) / (1 - F(p.q) * seen[1]) + F(p.hopping))
                seen[3] = (1 - lost) / (1 + lost * ratio)
                difference = seen - p.nominal[t][:, None]
                found["sum"][t] += difference.sum(axis=1)
                found["square"][t] += np.einsum("qi,qi->q", difference, difference)
                np.minimum(found["least"][t], seen.min(axis=1), out=found["least"][t])
                np.maximum(found["most"][t], seen.max(axis=1), out=found["most"][t])
                place = (seen[[0, 1, 3]] - low) * per_unit
                np.clip(place, -1, BINS, out=place)
                place += first
                found["counts"][t] += np.bincount(place.astype(np.intp).ravel(), minlength=3 * WIDTH).reshape(3, WIDTH)
                found["failed"][t] += np.count_nonzero(seen[3] < F(THRESHOLD))
        return found

    def program(self):
        filling, parts = np.empty(self.p.cells, F), None

        def work(some_blocks):
            means = np.zeros(PULSES)
            for some in some_blocks:
                means += self.program_block(some, filling[some])
            return means

        parts = self.over_blocks(work)
        return {"means": sum(parts) / self.p.cells, "filling": filling}

    def program_block(self, some, filling_after):
        """One step a pulse, as `pulse` of cells.c has it."""
        p, u = self.p, self.p.size[some]
        w, s, one = p.weight, p.speed[:, None], F(1)
        e = p.cold_rate[:, None] * np.exp(-u * (p.cold_slope[:, None] + p.cold_curve[:, None] * u))
        goes = -np.expm1(-e)
        stays, phi = one - goes, goes / e
        f, left, share = (np.zeros_like(e) for _ in range(3))
        inverse_limit, q, means = p.inverse_limit[some], F(p.q), np.zeros(PULSES)
        at_once = w[:, None] * s * phi
        for n in range(PULSES):
            offer = p.offers[n, some]
            np.multiply(stays, f, out=left)
            filling, staying = w @ f, w @ left
            empty = np.einsum("ki,ki->i", at_once, np.subtract(one, f, out=share))
            means[n] = filling.sum(dtype=np.float64)
            through = one / (one - q * filling)
            blocked, room = (one - filling) * through, np.maximum(one - filling * inverse_limit, 0)
            uptake = offer * blocked * room
            approach = offer * ((one - q) * through * through * room + blocked * inverse_limit) * empty + uptake
            middle = F(0.5) * (filling + staying) + F(0.5) * uptake * empty / (one + approach * F(1 / 3))
            caught = offer * (one - middle) / (one - q * middle) * np.maximum(one - middle * inverse_limit, 0)
            capture = np.multiply(s, caught, out=share)
            capture *= one - capture * (F(0.5) - capture * F(1 / 6))
            np.subtract(phi, left, out=f)
            f *= capture
            f += left
            f *= stays
        np.matmul(w, f, out=filling_after)
        return means


def peer(problem, threads, folder):
    return Numpy(problem, threads), f"NumPy {np.__version__}"
