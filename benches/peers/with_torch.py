"""PyTorch: blocks of cells that stay in the cache on the processor, all cells at once on a GPU; torch.compile where it
works, else eager."""

import functools

import numpy as np
import torch

from problem import BINS, PULSES, THRESHOLD, WIDTH

# Cells of a block a thread on the processor: of eager calls, found by trying powers of two, and of compiled ones.
EAGER_BLOCK, BLOCK = 4096, 8192
CELLS = {
    "bake": ("size", "filled"),
    "statistics": ("size", "area", "filled"),
    "program": ("size", "inverse_limit", "offers"),
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


def fresh(c, size):
    e = c["cold_rate"] * torch.exp(-size * (c["cold_slope"] + c["cold_curve"] * size))
    goes = -torch.expm1(-e)
    return 1 - goes, goes / e


def pulse(c, f, stays, phi, inverse_limit, offer):
    """One step a pulse, as `pulse` of cells.c has it."""
    q, w, s, left = c["q"], c["weight"], c["speed"], stays * f
    filling, staying, empty = (w * f).sum(0), (w * left).sum(0), (w * s * phi * (1 - f)).sum(0)
    through = 1 / (1 - q * filling)
    blocked, room = (1 - filling) * through, torch.clamp(1 - filling * inverse_limit, min=0)
    uptake = offer * blocked * room
    approach = offer * ((1 - q) * through * through * room + blocked * inverse_limit) * empty + uptake
    middle = 0.5 * (filling + staying) + 0.5 * uptake * empty / (1 + approach / 3)
    caught = offer * (1 - middle) / (1 - q * middle) * torch.clamp(1 - middle * inverse_limit, min=0)
    capture = s * caught
    share = capture * (1 - capture * (0.5 - capture / 6))
    return stays * (left + share * (phi - left)), filling.sum()


def together(parts):
    """A list, of checkpoints or pulses, of lists of what blocks have."""
    return torch.stack([torch.stack(of_blocks) for of_blocks in parts]).cpu().numpy().astype(np.float64)


class Torch:
    def __init__(self, problem, threads, device, compiled):
        torch.set_num_threads(threads)
        self.p, self.device = problem, device
        wrap = functools.partial(torch.compile, dynamic=False) if compiled else (lambda function: function)
        functions = (begin, first, bake_step, statistics_step, fresh, pulse)
        self.begin, self.first, self.bake_step, self.statistics_step, self.fresh, self.pulse = map(wrap, functions)
        self.block = problem.cells if device != "cpu" else threads * (BLOCK if compiled else EAGER_BLOCK)
        names = (
            "weight",
            "speed",
            "rate",
            "slope",
            "curve",
            "cold_rate",
            "cold_slope",
            "cold_curve",
            "low",
            "per_unit",
        )
        self.c = {name: self.put(getattr(problem, name)[:, None]) for name in names}
        self.c.update(
            q=problem.q,
            direct=problem.direct,
            hopping=problem.hopping,
            background=problem.background,
            histogram=self.put(np.arange(3)[:, None] * WIDTH),
        )
        self.nominal = self.put(problem.nominal)
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
        sums, fillings = [[] for _ in range(PULSES)], []
        for size, inverse_limit, offers in self.cells["program"]:
            stays, phi = self.fresh(self.c, size)
            f = torch.zeros_like(stays)
            for n in range(PULSES):
                f, part = self.pulse(self.c, f, stays, phi, inverse_limit, offers[n])
                sums[n].append(part)
            fillings.append((self.c["weight"] * f).sum(0))
        return {"means": together(sums).sum(1) / self.p.cells, "filling": lambda: torch.cat(fillings).cpu().numpy()}


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
