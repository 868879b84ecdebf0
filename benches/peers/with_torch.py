"""PyTorch: blocks of cells that stay in the cache on the processor, all cells at once on a GPU; torch.compile where it
works, else eager."""

import functools

import numpy as np
import torch

from problem import BINS, THRESHOLD, WIDTH

# Cells of a block a thread on the processor: of eager calls, found by trying powers of two, and of compiled ones.
EAGER_BLOCK, BLOCK = 4096, 8192
CELLS = {
    "bake": ("size", "filled"),
    "statistics": ("size", "area", "filled"),
    "program": ("inverse_limit", "offers"),
}


def begin(c, size, filled):
    share = c["weight"] * filled
    rate = c["rate"] * torch.exp(-size * (c["slope"] + c["curve"] * size)) + c["background"]
    return share, rate, share.sum(0)


def first(rate, time):
    return -torch.expm1(-rate * time)


def bake_step(c, share, start, y):
    """Sum of the conductances' part at a checkpoint, and what is lost after twice the time."""
    return (1 / (1 - c["q"] * (start - (share * y).sum(0)))).sum(), y * (2 - y)


def statistics_step(c, share, start, area, y, nominal):
    gone, charge = (share * y).sum(0), c["q"] * start
    lost, filling = gone / start, start - gone
    conductance = area * (c["direct"] / (1 - c["q"] * filling) + c["hopping"])
    kept = (1 - lost) * (1 - charge) / (1 - charge + lost * charge)
    seen = torch.stack([conductance, filling, lost, kept])
    difference = seen - nominal[:, None]
    least, most = torch.aminmax(seen, dim=1)
    place = (torch.stack([conductance, filling, kept]) - c["low"]) * c["per_unit"] + 1
    slot = place.clamp(0, BINS + 1).to(torch.int64) + c["histogram"]
    moments = torch.stack([difference.sum(1), (difference * difference).sum(1), least, most])
    return moments, slot, (kept < THRESHOLD).sum(), y * (2 - y)


def start_train(inverse_limit, offers):
    """Limit, x, y and U."""
    x = offers.sum(0) * inverse_limit
    return 1 / inverse_limit, x, torch.zeros_like(x), torch.zeros_like(x)


def slopes(c, y, limit):
    """Of y and U by x: see problem.py."""
    left = limit * torch.exp(-y)
    filling = limit - left
    empty, speed = 1 - filling, c["mean_speed"][-1]
    for coefficient in c["mean_speed"][-2::-1]:
        speed = speed * filling + coefficient
    open_share = empty / (1 - c["q"] * filling)
    return open_share * empty * speed, open_share * left


def train_step(c, y, uptake, limit, h):
    a, of_a = slopes(c, y, limit)
    b, of_b = slopes(c, y + 0.5 * h * a, limit)
    d, of_d = slopes(c, y + 0.5 * h * b, limit)
    e, of_e = slopes(c, y + h * d, limit)
    return y + h / 6 * (a + 2 * (b + d) + e), uptake + h / 6 * (of_a + 2 * (of_b + of_d) + of_e)


def end_train(c, y, uptake, limit):
    """Sums of the occupancies, and the filling."""
    w, s = c["weight"], c["speed"]
    empty = torch.exp(-s * uptake)
    # The U that makes the filling is so near that an exponential of the difference is a straight line.
    correction = (limit - limit * torch.exp(-y) - (1 - (w * empty).sum(0))) / (w * s * empty).sum(0)
    f = 1 - empty * (1 - s * correction)
    return f.sum(1), (w * f).sum(0)


def together(parts):
    """A list, of checkpoints, of lists of what blocks have."""
    return torch.stack([torch.stack(of_blocks) for of_blocks in parts]).cpu().numpy().astype(np.float64)


class Torch:
    def __init__(self, problem, threads, device, compiled):
        torch.set_num_threads(threads)
        self.p, self.device = problem, device
        wrap = functools.partial(torch.compile, dynamic=False) if compiled else (lambda function: function)
        self.begin, self.first, self.bake_step, self.statistics_step = map(
            wrap, (begin, first, bake_step, statistics_step)
        )
        self.start_train, self.train_step, self.end_train = map(wrap, (start_train, train_step, end_train))
        self.block = problem.cells if device != "cpu" else threads * (BLOCK if compiled else EAGER_BLOCK)
        names = ("weight", "speed", "rate", "slope", "curve", "low", "per_unit")
        self.c = {name: self.put(getattr(problem, name)[:, None]) for name in names}
        self.c.update(
            q=problem.q,
            mean_speed=[float(coefficient) for coefficient in problem.mean_speed],
            direct=problem.direct,
            hopping=problem.hopping,
            background=problem.background,
            histogram=self.put(np.arange(3)[:, None] * WIDTH),
        )
        self.nominal = self.put(problem.nominal)
        self.shares = self.put(problem.shares)
        self.cells = {kernel: self.blocked(names) for kernel, names in CELLS.items()}

    def put(self, array):
        return torch.from_numpy(np.ascontiguousarray(array)).to(self.device)

    def blocked(self, names):
        cuts = [slice(at, at + self.block) for at in range(0, self.p.cells, self.block)]
        return [[self.put(getattr(self.p, name)[..., cut]) for name in names] for cut in cuts]

    def over_checkpoints(self, rate):
        """Numbers of the checkpoints of each sequence, with what is lost at its first."""
        for sequence in range(self.p.octave):
            yield range(sequence, self.p.times.size, self.p.octave), self.first(rate, float(self.p.times[sequence]))

    @torch.no_grad()
    def bake(self):
        parts = [[] for _ in self.p.times]
        for size, filled in self.cells["bake"]:
            share, rate, start = self.begin(self.c, size, filled)
            for checkpoints, y in self.over_checkpoints(rate):
                for t in checkpoints:
                    part, y = self.bake_step(self.c, share, start, y)
                    parts[t].append(part)
        return {"mean": together(parts).sum(1) / self.p.cells}

    @torch.no_grad()
    def statistics(self):
        n = self.p.times.size
        moments = [[] for _ in range(n)]
        counts = torch.zeros((n, 3 * WIDTH), dtype=torch.int64, device=self.device)
        failed = torch.zeros(n, dtype=torch.int64, device=self.device)
        for size, area, filled in self.cells["statistics"]:
            share, rate, start = self.begin(self.c, size, filled)
            for checkpoints, y in self.over_checkpoints(rate):
                for t in checkpoints:
                    part, slot, fails, y = self.statistics_step(self.c, share, start, area, y, self.nominal[t])
                    moments[t].append(part)
                    counts[t] += torch.bincount(slot.view(-1), minlength=3 * WIDTH)
                    failed[t] += fails
        moments = together(moments)
        return {
            "sum": moments[:, :, 0].sum(1),
            "square": moments[:, :, 1].sum(1),
            "least": moments[:, :, 2].min(1),
            "most": moments[:, :, 3].max(1),
            "counts": counts.cpu().numpy().reshape(n, 3, WIDTH),
            "failed": failed.cpu().numpy(),
        }

    @torch.no_grad()
    def program(self):
        sums, fillings = [], []
        for inverse_limit, offers in self.cells["program"]:
            limit, x, y, uptake = self.start_train(inverse_limit, offers)
            for share in self.shares:
                y, uptake = self.train_step(self.c, y, uptake, limit, x * share)
            part, filling = self.end_train(self.c, y, uptake, limit)
            sums.append(part)
            fillings.append(filling)
        return {
            "occupancies": together([sums])[0].sum(0) / self.p.cells,
            "filling": lambda: torch.cat(fillings).cpu().numpy(),
        }


def best(problem, threads, device):
    """Compiled where that works."""
    name = f"PyTorch {torch.__version__}"
    if hasattr(torch, "compile"):
        try:
            peer = Torch(problem, threads, device, True)
            for kernel in ("bake", "statistics", "program"):
                getattr(peer, kernel)()
            return peer, f"{name}, torch.compile"
        except Exception as why:  # what a compiler that is missing raises differs from version to version
            name += f", eager ({type(why).__name__} in torch.compile)"
    return Torch(problem, threads, device, False), name if "eager" in name else f"{name}, eager"


def peer(problem, threads, folder):
    torch.set_flush_denormal(True)
    return best(problem, threads, "cpu")


def gpu_peer(problem, threads, folder):
    if not torch.cuda.is_available():
        raise ImportError("PyTorch finds no GPU")
    peer, name = best(problem, threads, "cuda")
    return peer, f"{name} on {torch.cuda.get_device_name()}"
