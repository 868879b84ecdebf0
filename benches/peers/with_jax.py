"""JAX: jit; checkpoints by lax.scan over octaves. On the processor, cells go in blocks that stay in the cache (lax.scan
over them, too), shared out over as many host devices as there are threads; on a GPU all cells at once."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from problem import BINS, THRESHOLD, WIDTH

F = jnp.float32
# Cells of a block on the processor, found by trying powers of two.
BLOCKS = {"bake": 1024, "statistics": 1024, "program": 2048}


def begin(c, size, filled):
    u = size[None, :]
    rate = c["rate"] * jnp.exp(-u * (c["slope"] + c["curve"] * u)) + c["background"]
    return c["weight"] * filled, rate


def over_classes(array):
    """Sum over axis -2, spelled out: XLA's own reduction over it is slower on a processor by several times."""
    return functools.reduce(jnp.add, [array[..., k, :] for k in range(array.shape[-2])])


def over_checkpoints(c, share, rate, octaves, read):
    """`read(gone, nominal)` at all checkpoints: axes (octave, sequence)."""
    y = -jnp.expm1(-rate[None] * c["first"][:, None, None])

    def octave(y, nominal):
        return y * (2 - y), jax.vmap(read)(over_classes(share * y), nominal)

    return lax.scan(octave, y, c["nominal"], length=octaves)[1]


def bake_block(c, cells, octaves):
    share, rate = begin(c, cells["size"], cells["filled"])
    start = over_classes(share)
    return over_checkpoints(c, share, rate, octaves, lambda gone, _: (1 / (1 - c["q"] * (start - gone))).sum())


def statistics_block(c, cells, octaves):
    share, rate = begin(c, cells["size"], cells["filled"])
    start = over_classes(share)
    charge = c["q"] * start

    def read(gone, nominal):
        lost, filling = gone / start, start - gone
        conductance = cells["area"] * (c["direct"] / (1 - c["q"] * filling) + c["hopping"])
        kept = (1 - lost) * (1 - charge) / (1 - charge + lost * charge)
        seen = jnp.stack([conductance, filling, lost, kept])
        difference = seen - nominal[:, None]
        place = (jnp.stack([conductance, filling, kept]) - c["low"][:, None]) * c["per_unit"][:, None] + 1
        slot = jnp.clip(place, 0, BINS + 1).astype(jnp.int32)
        counts = jnp.zeros((3, WIDTH), jnp.int32).at[jnp.arange(3)[:, None], slot].add(1, mode="promise_in_bounds")
        return (
            difference.sum(axis=1),
            (difference**2).sum(axis=1),
            seen.min(axis=1),
            seen.max(axis=1),
            counts,
            (kept < THRESHOLD).sum(),
        )

    return over_checkpoints(c, share, rate, octaves, read)


def slopes(c, y, limit):
    """Of y and U by x: see problem.py."""
    left = limit * jnp.exp(-y)
    filling = limit - left
    empty = 1 - filling
    open_share = empty / (1 - c["q"] * filling)
    return open_share * empty * jnp.polyval(c["mean_speed"], filling), open_share * left


def program_block(c, cells):
    inverse_limit = cells["inverse_limit"]
    limit, x = 1 / inverse_limit, over_classes(cells["offers"]) * inverse_limit

    def step(state, share):
        y = state[0]
        h = x * share
        a = slopes(c, y, limit)
        b = slopes(c, y + 0.5 * h * a[0], limit)
        d = slopes(c, y + 0.5 * h * b[0], limit)
        e = slopes(c, y + h * d[0], limit)
        return tuple(of + h / 6 * (a[i] + 2 * (b[i] + d[i]) + e[i]) for i, of in enumerate(state)), None

    (y, uptake), _ = lax.scan(step, (jnp.zeros_like(x), jnp.zeros_like(x)), c["shares"])
    w, s = c["weight"], c["speed"]
    empty = jnp.exp(-s * uptake)
    # The U that makes the filling is so near that an exponential of the difference is a straight line.
    correction = (limit - limit * jnp.exp(-y) - (1 - over_classes(w * empty))) / over_classes(w * s * empty)
    f = 1 - empty * (1 - s * correction)
    return f.sum(axis=1), over_classes(w * f)


class Jax:
    """Arrays of cells are kept as (devices, blocks, ..., cells of a block)."""

    def __init__(self, problem, threads, platform):
        jax.config.update("jax_num_cpu_devices", threads)
        self.p = problem
        self.gpu = platform == "gpu"
        devices = jax.devices(platform)[: 1 if self.gpu else threads]
        # Each device takes as many blocks.
        while problem.cells // max(BLOCKS.values()) % len(devices):
            devices = devices[:-1]
        self.devices = devices
        self.octaves = -(-problem.times.size // problem.octave)
        self.constants = self.of_classes()
        mesh = Mesh(np.array(devices), ("cells",))
        self.split = NamedSharding(mesh, PartitionSpec("cells"))
        self.constants = jax.device_put(self.constants, NamedSharding(mesh, PartitionSpec()))
        names = {
            "bake": ("size", "filled"),
            "statistics": ("size", "area", "filled"),
            "program": ("inverse_limit", "offers"),
        }
        self.cells = {kernel: {name: self.put(name, BLOCKS[kernel]) for name in names[kernel]} for kernel in names}
        self.functions = {
            "bake": self.over_cells(functools.partial(bake_block, octaves=self.octaves), mesh),
            "statistics": self.over_cells(functools.partial(statistics_block, octaves=self.octaves), mesh),
            "program": self.over_cells(program_block, mesh),
        }

    def of_classes(self):
        p = self.p
        names = ("weight", "speed", "rate", "slope", "curve")
        constants = {name: getattr(p, name)[:, None] for name in names}
        nominal = np.zeros((self.octaves * p.octave, 4), np.float32)
        nominal[: p.times.size] = p.nominal
        constants.update(
            q=F(p.q),
            mean_speed=p.mean_speed[::-1].copy(),
            shares=p.shares,
            direct=F(p.direct),
            hopping=F(p.hopping),
            background=F(p.background),
            first=p.times[: p.octave].astype(np.float32),
            low=p.low,
            per_unit=p.per_unit,
            nominal=nominal.reshape(self.octaves, p.octave, 4),
        )
        return constants

    def put(self, name, block):
        return jax.device_put(self.blocked(getattr(self.p, name), block), self.split)

    def blocked(self, array, block):
        length = self.p.cells if self.gpu else block
        cut = array.reshape(*array.shape[:-1], len(self.devices), -1, length)
        return np.ascontiguousarray(np.moveaxis(cut, (-3, -2), (0, 1)))

    def over_cells(self, block, mesh):
        """`block` of all blocks, one after another on each device; answers of all blocks."""

        def of_device(constants, cells):
            return lax.map(lambda one: block(constants, one), jax.tree.map(lambda a: a[0], cells))

        spec = PartitionSpec("cells")
        return jax.jit(
            jax.shard_map(of_device, mesh=mesh, in_specs=(PartitionSpec(), spec), out_specs=spec, check_vma=False)
        )

    def call(self, name):
        return self.functions[name](self.constants, self.cells[name])

    def all(self, array):
        """(blocks, octaves, sequences, ...) as (blocks, checkpoints, ...); numbers in float64."""
        array = np.asarray(array)
        array = array.astype(np.int64 if array.dtype.kind == "i" else np.float64)
        return array.reshape(array.shape[0], -1, *array.shape[3:])[:, : self.p.times.size]

    def bake(self):
        return {"mean": self.all(self.call("bake")).sum(axis=0) / self.p.cells}

    def statistics(self):
        total, square, least, most, counts, failed = (self.all(part) for part in self.call("statistics"))
        return {
            "sum": total.sum(axis=0),
            "square": square.sum(axis=0),
            "least": least.min(axis=0),
            "most": most.max(axis=0),
            "counts": counts.sum(axis=0),
            "failed": failed.sum(axis=0),
        }

    def program(self):
        sums, filling = self.call("program")
        occupancies = np.asarray(sums).astype(np.float64).sum(axis=0) / self.p.cells
        return {"occupancies": occupancies, "filling": lambda: np.asarray(filling).ravel()}


def peer(problem, threads, folder):
    return Jax(problem, threads, "cpu"), f"JAX {jax.__version__}"


def gpu_peer(problem, threads, folder):
    try:
        jax.devices("gpu")
    except RuntimeError as why:
        raise ImportError("JAX finds no GPU") from why
    return Jax(problem, threads, "gpu"), f"JAX {jax.__version__} on {jax.devices('gpu')[0].device_kind}"
