"""NumPy: float32 in blocks that stay in the cache, ufuncs in place, blocks over a pool of threads (ufuncs let go of the
interpreter's lock)."""

import concurrent.futures

import numpy as np

from problem import BINS, THRESHOLD, WIDTH, blocks, empty_statistics

# Cells of a block: of 16 classes two arrays in 128 KiB. Of a train, which has one number a cell until its end, more.
BLOCK, TRAIN_BLOCK = 1024, 8192
F = np.float32


class Numpy:
    def __init__(self, problem, threads):
        self.p = problem
        self.pool = concurrent.futures.ThreadPoolExecutor(threads) if threads > 1 else None
        self.threads = threads

    def over_blocks(self, work, length=BLOCK):
        """`work` of a list of blocks, for each thread its own; the answers in a list."""
        all_blocks = blocks(self.p.cells, length)
        if not self.pool:
            return [work(all_blocks)]
        return list(self.pool.map(work, [all_blocks[n :: self.threads] for n in range(self.threads)]))

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
        filling = np.empty(self.p.cells, F)

        def work(some_blocks):
            return sum(self.program_block(some, filling[some]) for some in some_blocks)

        return {"occupancies": sum(self.over_blocks(work, TRAIN_BLOCK)) / self.p.cells, "filling": filling}

    def slopes(self, y, limit):
        """Of y and U by x: see problem.py."""
        c, one = self.p.mean_speed, F(1)
        left = np.exp(-y)
        left *= limit
        filling = limit - left
        speed = filling * c[-1]
        for i in range(c.size - 2, 0, -1):
            speed += c[i]
            speed *= filling
        speed += c[0]
        empty = one - filling
        filling *= F(-self.p.q)
        filling += one
        open_share = empty / filling
        speed *= empty
        speed *= open_share
        left *= open_share
        return speed, left

    def program_block(self, some, filling_after):
        """Sums of the occupancies."""
        p, inverse_limit = self.p, self.p.inverse_limit[some]
        limit, x = 1 / inverse_limit, p.offers[:, some].sum(axis=0) * inverse_limit
        y, uptake = np.zeros_like(x), np.zeros_like(x)
        for share in p.shares:
            h = x * share
            half, sixth = h * F(0.5), h * F(1 / 6)
            a = self.slopes(y, limit)
            b = self.slopes(y + half * a[0], limit)
            c = self.slopes(y + half * b[0], limit)
            d = self.slopes(y + h * c[0], limit)
            y += sixth * (a[0] + 2 * (b[0] + c[0]) + d[0])
            uptake += sixth * (a[1] + 2 * (b[1] + c[1]) + d[1])
        f = np.multiply.outer(-p.speed, uptake)
        np.exp(f, out=f)
        # The U that makes the filling is so near that an exponential of the difference is a straight line.
        correction = (limit - limit * np.exp(-y) - (1 - p.weight @ f)) / ((p.weight * p.speed) @ f)
        f *= 1 - np.multiply.outer(p.speed, correction)
        np.subtract(F(1), f, out=f)
        np.matmul(p.weight, f, out=filling_after)
        return f.sum(axis=1).astype(np.float64)


def peer(problem, threads, folder):
    return Numpy(problem, threads), f"NumPy {np.__version__}"
