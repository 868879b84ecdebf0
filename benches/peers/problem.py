"""One problem for all peers: its inputs, what is asked of it, and a float64 reference to hold answers against.

Cells have K trap classes, quantum dots of 1.05 to 5 nm in polyimide with depths by a plain law of the diameter, within
2 meV those of trapline's dots. Each cell differs in ln(size) u, area, trap-filled limit and, from pulse to pulse,
capture speed, by standard deviations of 1 %. All inputs are float32, are handed over in memory, and cost no peer a
random number.

    bake        mean over the cells of 1/(1 - q F) at T times
    statistics  at T times: sum, sum of squares, least and most of conductance, filling, lost and kept fraction;
                histograms of conductance, filling and kept with 64 bins, below and above; how many keep less than 0.9
    program     30 pulses of 1 ms, 1 ms apart, from empty: each cell's filling after all, each class's mean occupancy

Bake and statistics: x_k = t (e_k exp(-u (a_k + b_k u)) + background), lost L = sum w_k f_k (1 - exp(-x_k))/F0,
F = F0 (1 - L), conductance = area (direct/(1 - q F) + hopping), kept = (1 - L)/(1 + L r) with r = q F0/(1 - q F0).
Sums are of differences from the nominal cell, or float32 would lose the variance.

Program: df_k/dt = s_k c(F) (1 - f_k) - e_k f_k, c(F) = offer (1 - F)/(1 - q F) max(0, 1 - F/limit) while a pulse lasts,
else 0; `offer` changes from pulse to pulse with the cell's speed. At 25 degrees C dots let go less than 1e-6 of the
charge meanwhile, which all neglect as trapline does (`cell::train` of trapline-model has the theory). Then the offers
add up to one dose D, and with y = -ln(1 - F/limit) and x = D/limit

    dy/dx = g (1 - F) m(F),    dU/dx = limit exp(-y) g,    g = (1 - F)/(1 - q F),    f_k = 1 - exp(-s_k U)

where m, the mean speed of the empty dots, is a polynomial that `make` fits once. All peers take 8 steps of Runge and
Kutta's, even in ln(1 + x) of the nominal cell, and correct U once, by Newton, to the one that makes F. The reference
steps each pulse 64 times, and lets go.
"""

import dataclasses

import numpy as np

BINS = 64
WIDTH = BINS + 2
PULSES = 30
# Steps of a train of pulses, and coefficients of the mean speed.
STEPS = 8
COEFFICIENTS = 4
PULSE_S = 1e-3
# Electrons offered to each trap in a pulse; the bias above the onset, the trap-filled limit and the onset, V.
OFFER = 0.0342
OVERDRIVE_V, TRAP_FILLED_V, ONSET_V = 1.3, 4.0, 0.2
THRESHOLD = 0.9
QUANTITIES = ("conductance", "filling", "lost", "kept")
KERNELS = ("bake", "statistics", "program")
# Boltzmann's constant, eV/K.
BOLTZMANN = 8.617333e-5
ATTEMPT_PER_S = 1e13
# Largest relative difference of a mean, least or most, and of a standard deviation; of one cell's filling; of what
# trains and fine steps make of a cell in float64; how near an edge a cell may be counted on its other side in float32.
MEAN, SPREAD, CELL, THEORY, EDGE = 1e-5, 2e-3, 1e-5, 1e-6, 4e-6
# Filling and kept fraction are what 1 - L leaves: of nearly nothing float32 has no five digits, so differences are over
# the value and this.
FLOOR = np.array([0.0, 0.03, 0.0, 0.03])


class Disagrees(Exception):
    """An answer is not the reference's."""


@dataclasses.dataclass
class Problem:
    """Arrays of classes are (K,), of cells (cells,), of both (K, cells), all float32."""

    times: np.ndarray
    octave: int  # checkpoints an octave
    q: float
    direct: float
    hopping: float
    background: float
    weight: np.ndarray
    speed: np.ndarray
    rate: np.ndarray
    slope: np.ndarray
    curve: np.ndarray
    mean_speed: np.ndarray  # of empty dots, (COEFFICIENTS,) of a polynomial in F, constant first
    shares: np.ndarray  # of x, (STEPS,)
    size: np.ndarray
    area: np.ndarray
    filled: np.ndarray  # occupancies before the bake, (K, cells)
    inverse_limit: np.ndarray
    offers: np.ndarray  # (pulses, cells)
    nominal: np.ndarray  # (T, 4)
    low: np.ndarray  # (3,)
    per_unit: np.ndarray

    @property
    def cells(self):
        return self.size.size

    @property
    def classes(self):
        return self.weight.size

    @property
    def start(self):
        """Filling before the bake."""
        return self.weight @ self.filled


def depth_ev(diameter_nm):
    """Depth of a dot's level below the edge of polyimide: 2.4 eV less the confinement."""
    return 2.4 - 4.76 / (diameter_nm + 0.893) ** 2


def escape(diameters, celsius):
    """Rates, 1/s, of dots at a temperature, and slope and curvature of depth/kT by ln(size)."""
    kt = BOLTZMANN * (celsius + 273.15)
    at = [depth_ev(diameters * np.exp(u)) / kt for u in (-0.01, 0.0, 0.01)]
    return ATTEMPT_PER_S * np.exp(-at[1]), (at[2] - at[0]) / 0.02, (at[2] - 2 * at[1] + at[0]) / 0.01**2 / 2


def diameters_nm(classes):
    return np.linspace(1.05, 5.0, classes)


def mean_speed(weight, speed, top):
    """That of the empty dots by the filling, up to `top`, of cells filled from empty: a polynomial."""
    uptake = np.linspace(0.0, 4.0, 4001)
    empty = np.exp(-np.multiply.outer(uptake, speed))
    filling = 1.0 - empty @ weight
    some = filling <= top
    of = (empty @ (weight * speed) / (empty @ weight))[some]
    fitted = np.polynomial.Chebyshev.fit(filling[some], of, COEFFICIENTS - 1)
    if not some.any() or some.all() or np.max(np.abs(fitted(filling[some]) / of - 1.0)) > 2e-7:
        raise ValueError("no polynomial follows the mean speed")
    return fitted.convert(kind=np.polynomial.Polynomial).coef


def make(cells, classes, checkpoints, octave, seed=1):
    """The problem for so many cells, classes and checkpoints, of which so many an octave, from 1 s on."""
    random = np.random.default_rng(seed)

    def draw(*shape):
        return 0.01 * random.standard_normal(shape, dtype=np.float32)

    diameters = diameters_nm(classes)
    weight = np.exp(-0.5 * ((diameters - 3.0) / 0.7) ** 2)
    weight /= weight.sum()
    speed = (diameters / 3.0) ** 0.1
    rate, slope, curve = escape(diameters, 150.0)
    size, trap_filled = draw(cells), np.exp(draw(cells))
    limit = OVERDRIVE_V / (TRAP_FILLED_V * trap_filled - ONSET_V)
    x = PULSES * OFFER * (TRAP_FILLED_V - ONSET_V) / OVERDRIVE_V
    ends = (1.0 + x) ** (np.arange(STEPS + 1) / STEPS) - 1.0
    problem = Problem(
        times=2.0 ** (np.arange(checkpoints) / octave),
        octave=octave,
        q=0.5552,
        direct=0.9,
        hopping=0.1,
        background=3.8e-8,
        weight=weight,
        speed=speed,
        rate=rate,
        slope=slope,
        curve=curve,
        mean_speed=mean_speed(weight, speed, limit.max()),
        shares=np.diff(ends) / ends[-1],
        size=size,
        area=np.exp(draw(cells)),
        filled=(1.0 - np.exp(-0.3 * speed))[:, None] * (1.0 + size),
        inverse_limit=1.0 / limit,
        offers=OFFER * np.exp(draw(PULSES, cells)) / trap_filled,
        nominal=np.zeros((checkpoints, 4)),
        low=np.array([0.95, 0.0, 0.0]),
        per_unit=BINS / np.array([0.3, 0.4, 1.05]),
    )
    for field in dataclasses.fields(Problem):
        value = getattr(problem, field.name)
        if isinstance(value, np.ndarray) and field.name != "times":
            setattr(problem, field.name, np.ascontiguousarray(value, dtype=np.float32))
    problem.nominal = nominal(problem)
    return problem


def save(problem, path):
    np.savez(path, **dataclasses.asdict(problem))


def load(path):
    with np.load(path) as file:
        values = {name: file[name] for name in file.files}
    return Problem(**{name: value if value.ndim else value.item() for name, value in values.items()})


# --- The reference: float64, exp at each checkpoint, small steps ----------------------------------------------------


def of_cells(problem, some):
    """The problem of some of its cells, in float64."""
    cut = {}
    for field in dataclasses.fields(Problem):
        value = getattr(problem, field.name)
        if isinstance(value, np.ndarray):
            value = np.asarray(value, dtype=np.float64)
            if value.shape[-1:] == (problem.cells,):
                value = value[..., some]
        cut[field.name] = value
    return Problem(**cut)


def nominal(problem):
    """The four quantities of the cell that does not differ, as float32, (T, 4)."""
    one = of_cells(problem, slice(0, 1))
    one.filled, one.size, one.area = one.filled / (1.0 + one.size), np.zeros(1), np.ones(1)
    return np.array([readings(one, t) for t in one.times], dtype=np.float32)[:, :, 0]


def emptied_per_s(problem):
    u = problem.size
    escapes = problem.rate[:, None] * np.exp(-u * (problem.slope[:, None] + problem.curve[:, None] * u))
    return escapes + problem.background


def readings(problem, time):
    """Conductance, filling, lost and kept of each cell at a time, (4, cells)."""
    start = problem.start
    lost = (problem.weight[:, None] * problem.filled * -np.expm1(-emptied_per_s(problem) * time)).sum(axis=0) / start
    filling = start * (1.0 - lost)
    conductance = problem.area * (problem.direct / (1.0 - problem.q * filling) + problem.hopping)
    charge = problem.q * start
    return np.stack([conductance, filling, lost, (1.0 - lost) / (1.0 + lost * charge / (1.0 - charge))])


def blocks(cells, length=8192):
    return [slice(at, min(at + length, cells)) for at in range(0, cells, length)]


def places(problem, seen):
    """Places in the histograms of readings (4, cells), in bins and not yet whole numbers, (3, cells)."""
    return (seen[[0, 1, 3]] - problem.low[:, None]) * problem.per_unit[:, None]


def reference_bake(problem):
    total = np.zeros(problem.times.size)
    for part in (of_cells(problem, some) for some in blocks(problem.cells)):
        charge = part.weight[:, None] * part.filled
        for t, time in enumerate(part.times):
            total[t] += (1.0 / (1.0 - part.q * (charge * np.exp(-emptied_per_s(part) * time)).sum(axis=0))).sum()
    return total / problem.cells


def reference_statistics(problem):
    """As peers give it, and `near`: how many cells are so close to a slot's edge that float32 may count them there."""
    checkpoints = problem.times.size
    found = empty_statistics(checkpoints)
    found["near"], found["nearly_failed"] = np.zeros((checkpoints, 3, WIDTH)), np.zeros(checkpoints)
    for part in (of_cells(problem, some) for some in blocks(problem.cells)):
        for t, time in enumerate(part.times):
            seen = readings(part, time)
            difference = seen - part.nominal[t][:, None]
            found["sum"][t] += difference.sum(axis=1)
            found["square"][t] += (difference**2).sum(axis=1)
            found["least"][t] = np.minimum(found["least"][t], seen.min(axis=1))
            found["most"][t] = np.maximum(found["most"][t], seen.max(axis=1))
            found["failed"][t] += (seen[3] < THRESHOLD).sum()
            found["nearly_failed"][t] += (np.abs(seen[3] - THRESHOLD) < EDGE).sum()
            for h, place in enumerate(places(part, seen)):
                found["counts"][t, h] += np.bincount(slots(place), minlength=WIDTH)
                edge = np.rint(place)
                close = np.abs(place - edge) < EDGE * problem.per_unit[h] * 1.25
                above = np.clip(edge[close].astype(np.int64) + 1, 0, WIDTH - 1)
                for neighbour in (above, np.maximum(above - 1, 0)):
                    found["near"][t, h] += np.bincount(neighbour, minlength=WIDTH)
    return found


def slots(place):
    """0 below the bins, then the bins, last what is above."""
    return np.clip(np.floor(place) + 1, 0, WIDTH - 1).astype(np.int64)


def empty_statistics(checkpoints):
    return {
        "sum": np.zeros((checkpoints, 4)),
        "square": np.zeros((checkpoints, 4)),
        "least": np.full((checkpoints, 4), np.inf),
        "most": np.full((checkpoints, 4), -np.inf),
        "counts": np.zeros((checkpoints, 3, WIDTH), dtype=np.int64),
        "failed": np.zeros(checkpoints, dtype=np.int64),
    }


def phi(x):
    """(1 - exp(-x))/x."""
    return np.where(x > 1e-300, -np.expm1(-x) / np.maximum(x, 1e-300), 1.0)


def reference_program(problem, substeps):
    """Occupancies after all pulses: the exponential midpoint rule, pulse by pulse; what is let go is."""
    u, w, s = problem.size, problem.weight[:, None], problem.speed[:, None]
    rate, slope, curve = (array[:, None] for array in escape(diameters_nm(problem.classes), 25.0))
    emission = PULSE_S * rate * np.exp(-u * (slope + curve * u))
    f, h = np.zeros_like(emission), 1.0 / substeps

    def uptake(filling, offer):
        return (
            offer
            * (1.0 - filling)
            / (1.0 - problem.q * filling)
            * np.maximum(0.0, 1.0 - filling * problem.inverse_limit)
        )

    def after(capture, step):
        x = (s * capture + emission) * step
        return f * np.exp(-x) + s * capture * step * phi(x)

    for offer in problem.offers:
        for _ in range(substeps):
            middle = after(uptake((w * f).sum(axis=0), offer), h / 2)
            f = after(uptake((w * middle).sum(axis=0), offer), h)
        f = f * np.exp(-emission)
    return f


def reference_train(problem, finer):
    """The same of one train, in steps finer by so much, U to the last digit."""
    limit, y = 1.0 / problem.inverse_limit, np.zeros(problem.cells)
    x = problem.offers.sum(axis=0) / limit
    w, s = problem.weight[:, None], problem.speed[:, None]

    def slope(y):
        filling = -limit * np.expm1(-y)
        ready = (1.0 - filling) * np.polynomial.polynomial.polyval(filling, problem.mean_speed)
        return (1.0 - filling) / (1.0 - problem.q * filling) * ready

    for share in np.repeat(problem.shares, finer) / finer:
        h = x * share
        a = slope(y)
        b = slope(y + h / 2 * a)
        c = slope(y + h / 2 * b)
        y = y + h / 6 * (a + 2.0 * (b + c) + slope(y + h * c))
    filling, uptake = -limit * np.expm1(-y), np.zeros_like(y)
    for _ in range(8):
        empty = w * np.exp(-s * uptake)
        uptake += (filling - problem.weight.sum() + empty.sum(axis=0)) / (s * empty).sum(axis=0)
    return -np.expm1(-s * uptake)


def reference(problem, kernel):
    """What `check` compares with."""
    if kernel == "bake":
        return {"mean": reference_bake(problem)}
    if kernel == "statistics":
        return reference_statistics(problem)
    # Few cells in fine steps: each must be right by itself. Means are of all cells, of trains, which have to make the
    # same of the few.
    some = np.arange(0, problem.cells, max(1, problem.cells // 512))
    few = of_cells(problem, some)
    stepped = few.weight @ reference_program(few, 64)
    within("a train in float64", few.weight @ reference_train(few, 4), stepped, THEORY)
    total = sum(reference_train(of_cells(problem, of), 4).sum(axis=1) for of in blocks(problem.cells))
    return {"some": some, "occupancies": total / problem.cells, "filling": stepped}


# --- Answers against the reference ----------------------------------------------------------------------------------


def within(what, found, expected, allowed, floor=0.0):
    """The largest relative difference, or `Disagrees`. NaN disagrees."""
    apart = np.max(np.abs(np.asarray(found, dtype=np.float64) - expected) / (np.abs(expected) + floor))
    if not apart <= allowed:
        raise Disagrees(f"{what} differs from the reference by {apart:.1e}, allowed is {allowed:.0e}")
    return float(apart)


def spread(found, cells):
    variance = found["square"] / cells - (found["sum"] / cells) ** 2
    return np.sqrt(np.maximum(variance, 0.0))


def check_statistics(problem, found, expected):
    cells, base = problem.cells, problem.nominal.astype(np.float64)
    mean = {name: base + answer["sum"] / cells for name, answer in (("found", found), ("expected", expected))}
    worst = within("a mean", mean["found"], mean["expected"], MEAN, FLOOR)
    for name in ("least", "most"):
        within(f"the {name}", found[name], expected[name], MEAN, FLOOR)
    # Where all cells nearly agree, rounding is all their spread.
    apart = np.abs(spread(found, cells) - spread(expected, cells))
    if not np.all(apart <= SPREAD * spread(expected, cells) + 3e-6 * (np.abs(mean["expected"]) + FLOOR)):
        raise Disagrees("a standard deviation differs from the reference")
    if found["counts"].sum() != 3 * cells * problem.times.size:
        raise Disagrees("histograms do not hold each cell once")
    miscounted = np.abs(found["counts"] - expected["counts"]) - expected["near"]
    if miscounted.max() > 0:
        raise Disagrees(f"a histogram differs by {miscounted.max():.0f} cells that are near no edge")
    if np.any(np.abs(found["failed"] - expected["failed"]) > expected["nearly_failed"]):
        raise Disagrees("failed cells are not counted right")
    return worst


def check(problem, kernel, found, expected):
    """The largest relative difference from the reference; raises `Disagrees` past what is allowed."""
    if kernel == "bake":
        return within("a mean", found["mean"], expected["mean"], MEAN)
    if kernel == "statistics":
        return check_statistics(problem, found, expected)
    filling = np.asarray(found["filling"])
    if filling.shape != (problem.cells,):
        raise Disagrees("there is not one filling a cell")
    within("a class's mean occupancy", found["occupancies"], expected["occupancies"], MEAN)
    worst = within("a cell's filling", filling[expected["some"]], expected["filling"], CELL)
    if not np.all((filling > 0.0) & (filling < 0.5)):
        raise Disagrees("a cell is filled past what the bias allows")
    return worst
