"""Measures the claims of claims/paper.toml again, from the raw data of `trapline paper`, and compares.

Usage: measure_claims.py PAPER.h5 CLAIMS.json

The measurements follow the text of the claims (`measure`) and docs/format.md, and share no code with the program. Each
value, and each number the program shows beside it, must be the program's to a relative 1e-9: both compute in f64 from
the same numbers, and the worst cancellation, a mean share of 1e-5 of shares of 1e-3, leaves 1e-11. From the value, the band
and the conditions follows the verdict, here as there. The exit status is 1 where a number or a verdict differs, or a
verdict is not the one that is expected. MNIST is left out.

An example, too, of how to read an experiment file: h5py for groups, variables and notes, numpy for the rest.
"""

import json
import re
import sys

import h5py
import numpy as np

TOLERANCE = 1e-9
BOLTZMANN_EV_PER_K = 1.380649e-23 / 1.602176634e-19
ZERO_CELSIUS_K = 273.15
# Biases are sums of steps of 0.05 V: the ends of a window are met to rounding.
ROUNDING_V = 1e-9
QD, NS, PI = "pi-ws2-qd", "pi-ws2-ns", "pi"
# Pulses before the readings that the paper calls the states of a cell.
STATES = [0, 10, 20, 30]
H = ["10001", "10001", "11111", "10001", "10001"]


class Found:
    """What was measured: a value, the numbers beside it, the conditions that must hold, and other readings, by name."""

    def __init__(self, value, beside=(), readings=None, **conditions):
        self.value, self.beside, self.conditions = float(value), list(beside), conditions
        self.readings = readings or {}


def at(branch, bias_v):
    """The current at a bias of the staircase."""
    bias, current = branch
    (place,) = np.flatnonzero(np.abs(bias - bias_v) < ROUNDING_V)
    return current[place]


def between(branch, low_v, high_v):
    """The points from one bias to another, both ends included."""
    bias, current = branch
    inside = (bias >= low_v - ROUNDING_V) & (bias <= high_v + ROUNDING_V)
    return bias[inside], current[inside]


def branches(sweep, row=0):
    """Forward and return branch, (bias, current) each, from the least bias up; the turning point is in both."""
    bias, current = sweep["bias_v"][:], sweep["current_a"][row]
    turn = np.argmax(np.abs(bias))
    return (bias[: turn + 1], current[: turn + 1]), (bias[turn:][::-1], current[turn:][::-1])


def line(x, y):
    """Straight line by least squares: slope, R^2, and rms of the residuals over the span of the ordinate."""
    dx, dy = x - x.mean(), y - y.mean()
    slope = (dx @ dy) / (dx @ dx)
    rest = dy - slope * dx
    return slope, 1 - (rest @ rest) / (dy @ dy), np.sqrt(np.mean(rest**2)) / np.ptp(y)


def power_law(v, i):
    return line(np.log(v), np.log(i))


def hopping(v, i):
    return line(np.sqrt(v), np.log(i / v))


def tunnelling(v, i):
    return line(1 / v, np.log(i / v**2))


def rises(values):
    return bool((np.diff(values) > 0).all())


def tenth_of_margins(g, inside, fresh):
    """10th percentile of (lowest inside less highest outside) over the mean window; g: (seed, row, column)."""
    return np.percentile(margins(g, inside, fresh), 10)


def margins(g, inside, fresh):
    """(lowest inside less highest outside) over the mean window, of each seed."""
    window = (g[:, inside] - fresh).mean(axis=1)
    return (g[:, inside].min(axis=1) - g[:, ~inside].max(axis=1)) / window


class Paper:
    """The raw data, and a measurement for each claim: its id with underscores."""

    def __init__(self, file):
        self.file = file

    def group(self, name, material=QD, celsius=25, real=False):
        """A group by name, its notes looked at: `real` cells have variation and read noise, nominal ones neither."""
        notes = self.file[name].attrs
        assert (notes["material"], float(notes["temperature_c"])) == (material, celsius), name
        assert (notes["variation"], notes["read_noise"]) == (("on", "on") if real else ("off", "off")), name
        assert (notes["read_bias_v"], notes["read_time_s"]) == ("0.1", "0.01"), name
        return self.file[name]

    def iv(self, material, celsius):
        """Branches of the sweep 0 to 5 V and back of a fresh nominal cell."""
        short = {QD: "qd", NS: "ns", PI: "pi"}[material]
        return branches(self.group(f"iv/{short}_{celsius}c", material, celsius))

    def hot_and_cold(self, of):
        """A claim without a temperature: measured at 100 C, and shown at 25 C beside it."""
        return Found(of(*self.iv(QD, 100)), [of(*self.iv(QD, 25))])

    def set_voltage(self):
        by_share = {share: self.closing(share) for share in (0.90, 0.95, 0.98)}
        by_share[0.95].readings = {"90 %": by_share[0.90], "98 %": by_share[0.98]}
        return by_share[0.95]

    def closing(self, share):
        """Where the forward current of each sweep first reaches a share of the return current."""
        sweeps = self.group("iv/set_voltage", real=True)
        volts = []
        for row in range(len(sweeps["repetition"])):
            forward, back = branches(sweeps, row)
            bias = forward[0][:-1]  # without the turning point, which is in both branches
            ratio = forward[1][:-1] / [at(back, v) for v in bias]
            first = np.flatnonzero(ratio >= share)[0]  # an IndexError where the window stays open
            near = slice(first - 1, first + 1)
            volts.append(np.interp(share, ratio[near], bias[near]))
        spread = np.std(volts, ddof=1)
        return Found(np.mean(volts), [spread, min(volts), max(volts)], sweeps=len(volts) == 200, spread=spread > 0)

    def slope_low(self):
        return Found(power_law(*between(self.iv(QD, 100)[0], 1, 2))[0])

    def slope_mid(self):
        return Found(power_law(*between(self.iv(QD, 100)[0], 2, 4))[0])

    def slope_high(self):
        forward, back = self.iv(QD, 100)
        there, again = (power_law(*between(branch, 4, 5))[0] for branch in (forward, back))
        share = at(forward, 4) / at(back, 4)
        filling = at((forward[0], self.file["iv/qd_100c/filling"][0, : len(forward[0])]), 4)
        return Found(there, [again, share, filling], return_slope=abs(again - there) <= 0.3, closed=share >= 0.9)

    def hysteresis(self):
        return self.hot_and_cold(lambda forward, back: at(back, 1) / at(forward, 1))

    def pure_pi(self):
        return Found(at(self.iv(PI, 25)[0], 5) / at(self.iv(QD, 25)[0], 5))

    def concentration(self):
        groups = [self.group(f"iv/concentration_{percent}") for percent in (10, 20, 30, 40, 50)]
        assert [g.attrs["concentration"] for g in groups] == ["0.1", "0.2", "0.3", "0.4", "0.5"]
        current = np.array([at(branches(g)[0], 1.5) for g in groups])
        power = 1.5 * current
        return Found(current[-1] / current[0], power[[0, -1]], current=rises(current), power=rises(power))

    def uniformity(self):
        cells = self.group("iv/uniformity", real=True)
        current = [at(branches(cells, row)[0], 1.5) for row in range(len(cells["cell"]))]
        return Found(np.std(current, ddof=1) / np.mean(current), cells=len(current) == 25)

    def small_sweeps(self, sign, celsius=25):
        """Thirty sweeps to 1.5 V of either sign, and the 31 readings around them."""
        found = self.group(f"sweeps/{sign}_{celsius}c", celsius=celsius)
        assert np.isclose(np.abs(found["bias_v"][:]).max(), 1.5) and len(found["conductance_s"]) == 31
        return found

    def potentiation_sweeps(self):
        g = self.small_sweeps("positive")["conductance_s"][:]
        first = (g[1] - g[0]) / (g[-1] - g[0])
        return Found(first, [g[-1] / g[0] - 1], rises=rises(g), first=first < 0.6)

    def reverse_sweeps(self):
        ends = [self.small_sweeps(sign)["conductance_s"][[0, 30]] for sign in ("positive", "negative")]
        (before, after), (reverse_before, reverse_after) = ends
        return Found((reverse_after - reverse_before) / (after - before))

    def cycles(self, celsius=25):
        """256 cycles of 30 pulses up and 10 down on one cell."""
        found = self.group(f"pulse/cycles_{celsius}c", celsius=celsius, real=True)
        assert found["amplitude_v"][:].tolist() == 30 * [1.5] + 10 * [-5.5] and len(found["cycle"]) == 256
        assert (found["width_s"][:] == 1e-3).all() and (found["interval_s"][:] == 1e-3).all()
        return found

    def pulse_cycles(self):
        g = self.cycles()["conductance_noiseless_s"][0]  # (cycle, state): state 30 is after the last pulse up
        found = self.apart(g, np.array([1, 20, 50, 100, 150, 256]) - 1)
        found.readings["without the first cycle"] = self.apart(g[1:], np.array([20, 50, 100, 150, 256]) - 2)
        return found

    def apart(self, g, shown):
        window = np.mean(g[:, 30] - g[:, 0])
        apart = np.ptp(g[shown], axis=0).max() / window
        removed = ((g[:, 30] - g[:, 31]) / (g[:, 30] - g[:, 0])).min()
        distance = np.abs(g[:, 40] - g[:, 0]).max() / window
        return Found(apart, [removed, distance], first_pulse=removed >= 0.3, train=distance <= 0.05)

    def depression_sharp(self):
        g = self.cycles()["conductance_noiseless_s"][0]
        window = (g[:, 30] - g[:, 0])[:, None]
        taken, left = -np.diff(g[:, 30:], axis=1) / window, ((g[:, 31:] - g[:, :1]) / window).mean(axis=0)
        between = np.count_nonzero((left >= 0.05) & (left <= 0.95))
        return Found(taken[:, 0].min(), [*taken.mean(axis=0)[[0, 1, 9]], between], pulses=taken.shape == (256, 10))

    def state_separation(self):
        g = self.cycles()["conductance_s"][0][:, STATES]
        mean, deviation = g.mean(axis=0), g.std(axis=0, ddof=1)
        return Found((np.diff(mean) / np.maximum(deviation[1:], deviation[:-1])).min())

    def pulse_energy(self):
        c = self.cycles()
        energy = c["energy_j"][0, 0, :30]
        # V I dt with the current at the end of the pulse: within a pulse it moves by less than a twentieth.
        roughly = (c["amplitude_v"][:] * c["peak_current_a"][0, 0] * c["width_s"][:])[:30]
        v_i_dt = np.allclose(energy, roughly, rtol=0.05, atol=0)
        cycle = {"a cycle of 30 pulses": Found(energy.sum())}
        return Found(energy.max(), [energy.min()], cycle, least=energy.min() >= 1e-15, v_i_dt=v_i_dt)

    def power_order(self):
        return self.hot_and_cold(lambda forward, back: 1.5 * at(forward, 1.5))

    def working_current(self):
        return self.hot_and_cold(lambda forward, back: max(forward[1].max(), back[1].max()))

    def no_field_no_release(self):
        disturb = self.group("retention/disturb")
        g = disturb["conductance_s"][:]  # (state, after): before, after readings, after a wait
        assert disturb["state"][:].tolist() == STATES and g.shape[1] == 3
        return Found(np.abs(g[:, 1:] / g[:, :1] - 1).max())

    def ns_current_larger(self):
        (v, ns), (same, qd) = (between(self.iv(material, 100)[0], 0.5, 5) for material in (NS, QD))
        return Found((ns / qd).min(), grid=(v == same).all())

    def ns_hopping(self):
        points = between(self.iv(NS, 100)[0], 2.5, 4.1)
        gradient, r_squared, rest = hopping(*points)
        others = [rest / law(*points)[2] for law in (tunnelling, power_law)]
        return Found(r_squared, others, slope=gradient > 0, half=max(others) <= 0.5)

    def ns_tunnelling(self):
        points = between(self.iv(NS, 100)[0], 4.2, 5)
        gradient, r_squared, rest = tunnelling(*points)
        other = rest / hopping(*points)[2]
        return Found(r_squared, [other], slope=gradient < 0, half=other <= 0.5)

    def activation_ev(self, material, branch, bias_v):
        celsius = np.array([25, 50, 75, 100])
        current = [at(self.iv(material, t)[branch], bias_v) for t in celsius]
        return -BOLTZMANN_EV_PER_K * line(1 / (celsius + ZERO_CELSIUS_K), np.log(current))[0]

    def qd_no_hopping(self):
        windows = (QD, 4, 5), (NS, 4, 5), (NS, 2.5, 4.1)
        dots, same, hops = (hopping(*between(self.iv(m, 100)[0], low, high))[1:] for m, low, high in windows)
        bias = between(self.iv(QD, 100)[0], 4, 5)[0]
        stated = hopping(bias, bias**3.62)[1]
        of_dots, of_sheets = self.activation_ev(QD, 1, 4.5), self.activation_ev(NS, 0, 3.3)
        energy = {"activation energy": Found(of_sheets, [of_dots], dots=of_dots <= 0.02)}
        return Found(dots[0], [dots[1], *same, *hops, stated], energy)

    def retention(self, name, states, amplitude_v="1.5", **notes):
        """Conductances (state, time, cell) without read noise, and the times."""
        found = self.group(f"retention/{name}", **notes)
        assert (found.attrs["pulse_amplitude_v"], found.attrs["pulse_width_s"]) == (amplitude_v, "0.001")
        assert found["state"][:].tolist() == states
        return found["conductance_noiseless_s"][:], found["time"][:].tolist()

    def qd_retention_100c(self):
        g, times = self.retention("qd_100c", STATES, celsius=100)
        g, end = g[:, :, 0], times.index(3e4)
        change = np.abs(g[:, end] - g[:, 0]).max() / (g[3, 0] - g[0, 0])
        return Found(change, order=bool((np.diff(g, axis=0) > 0).all()))

    def ns_retention_100c(self):
        g, times = self.retention("ns_100c", [0, 30], "0.7", material=NS, celsius=100)
        window = (g[1] - g[0])[:, 0]
        return Found(1 - window[times.index(3e4)] / window[0], window=rises(-window), conductance=rises(-g[1, :, 0]))

    def endurance_100c(self):
        cold, hot = (self.cycles(t)["conductance_s"][0][:, STATES].mean(axis=0) for t in (25, 100))
        differ = [np.abs(hot / cold - 1).max()]
        pairs = [[self.group(f"iv/qd_{t}c", celsius=t) for t in (25, 100)]]
        pairs += [[self.small_sweeps(sign, t) for t in (25, 100)] for sign in ("positive", "negative")]
        for cold, hot in pairs:
            inside = np.abs(cold["bias_v"][:]) >= 1 - ROUNDING_V
            differ.append(np.abs(hot["current_a"][:, inside] / cold["current_a"][:, inside] - 1).max())
        return Found(max(differ), differ, not_zero=min(differ) > 0)

    def letter(self, name, scheme, amplitude_v="1.5", **notes):
        """A letter's group, which cells are inside it, and their conductances before the first pulse (seed, cell)."""
        found = self.group(f"letter/{name}", real=True, **notes)
        assert (found.attrs["scheme"], found.attrs["pulse_amplitude_v"]) == (scheme, amplitude_v)
        assert (found["stage"][0], found["stage"][-1]) == (0, 30)
        assert ["".join(map(str, row)) for row in found["written"][:]] == H
        inside = found["written"][:] == 1
        return found, inside, found["conductance_s"][:, 0][:, inside]

    def tenths(self, scheme):
        """10th percentiles over 20 seeds at 25, 100 and 150 C."""
        for celsius in (25, 100, 150):
            found, inside, fresh = self.letter(f"qd_{celsius}c_{scheme}", scheme, celsius=celsius)
            assert len(found["seed"]) == 20
            yield tenth_of_margins(found["conductance_s"][:, -1], inside, fresh)

    def better_passive(self):
        return max(("half", "third"), key=lambda scheme: min(self.tenths(scheme)))

    def letter_h(self):
        better = self.better_passive()
        found, inside, fresh = self.letter(f"qd_100c_{better}", better, celsius=100)
        kept = found["kept_conductance_s"][:, found["time"][:].tolist().index(3e4)]
        shown = [tenth for scheme in ("half", "third", "isolated") for tenth in self.tenths(scheme)]
        return Found(min(self.tenths(better)), [tenth_of_margins(kept, inside, fresh), *shown])

    def letter_same_at_100c(self):
        better = self.better_passive()
        (cold, inside, fresh), (hot, _, fresh_hot) = (
            self.letter(f"qd_{celsius}c_{better}", better, celsius=celsius) for celsius in (25, 100)
        )
        assert cold["stage"][:].tolist() == STATES and (cold["seed"][:] == hot["seed"][:]).all()
        ten, twenty, thirty = (
            np.mean(
                margins(hot["conductance_s"][:, at], inside, fresh_hot) / margins(cold["conductance_s"][:, at], inside, fresh)
            )
            for at in (1, 2, 3)
        )
        return Found(thirty, [min(ten, twenty), ten, twenty])

    def lost(self, celsius):
        """Fraction of the programmed window, of the mean over the cells, that is lost at 1e5 s."""
        g, times = self.retention(f"qd_{celsius}c", [0, 30], celsius=celsius, real=True)
        window = (g[1] - g[0]).mean(axis=1)
        return 1 - window[times.index(1e5)] / window[0]

    def qd_retention_150c(self):
        return Found(self.lost(150))

    def qd_forgetting_155c(self):
        cool, edge, hot = (self.lost(celsius) for celsius in (150, 155, 160))
        return Found(edge, [edge / cool, hot], three_times=edge >= 3 * cool)

    def ns_array_forgets(self):
        found, inside, fresh = self.letter("ns_100c", "half", "0.7", material=NS, celsius=100)
        assert found["time"][:].tolist() == [1e2, 3e2, 1e3, 3e3, 5e3]
        start = (found["conductance_s"][0, -1][inside] - fresh[0]).mean()
        left = [(g[inside] - fresh[0]).mean() / start for g in found["kept_conductance_s"][0]]
        return Found(left[-1], left, falls=rises([-1, *np.negative(left)]), at_least=left[-1] >= 0.05)

    def glass_transition(self):
        """The limit that the mark names. What the terminal says is not in the file."""
        hot = self.group("iv/qd_175c", celsius=175)
        limit_c = re.search(r"above the glass transition, (\S+) °C", hot.attrs["outside_validity"])[1]
        marked = [name for name in self.file.attrs["datasets"] if "outside_validity" in self.file[name].attrs]
        simulated = bool(np.isfinite(hot["current_a"][:]).all())
        return Found(limit_c, only_the_hot_one=marked == ["iv/qd_175c"], simulated=simulated)

    def charge_balance(self):
        shares, steps = [], 0
        for name in self.file.attrs["datasets"]:
            found = self.file[name]
            if name == "mnist/untrained":  # no pulse, and readings of 0.1 V
                continue
            if "caught_share" in found:  # the largest ratio, where steps are not recorded one by one
                shares.append(found["caught_share"][:].max())
            else:
                caught, injected = found["caught"][:], found["injected"][:]
                moving = (caught != 0) | (injected != 0)
                shares.append((caught[moving] / injected[moving]).max())
                steps += moving.sum()
        return Found(max(shares), [len(shares), steps], steps=steps > 0, no_nan=bool(np.isfinite(shares).all()))

    def low_bias_tunnelling(self):
        points = [between(self.iv(material, 100)[0], 0.2, 1) for material in (QD, NS)]
        r_squared = [line(np.log(1 / v), np.log(i / v**2))[1] for v, i in points]
        return Found(min(r_squared), r_squared)

    def larger_current_more_trapping(self):
        pulses = self.group("pulse/one_of_each_bias")
        assert pulses["bias_v"][:].tolist() == [1, 1.5, 2, 2.5, 3] and pulses.attrs["pulse_width_s"] == "0.001"
        filling = pulses["filling"][:]
        return Found(filling[-1] / filling[0], rises=rises(filling))


def in_band(claim, value):
    """Whether a value is where the claim wants it; a claim without a band has conditions only. NaN is not."""
    limits = {key: claim[key] for key in ("target", "within", "at_least", "at_most") if claim[key] is not None}
    near = "target" not in limits or abs(value - limits["target"]) <= limits.get("within", 0)
    return near and limits.get("at_least", -np.inf) <= value <= limits.get("at_most", np.inf)


def agree(mine, theirs):
    """Relative; NaN agrees with nothing."""
    return abs(mine - theirs) <= TOLERANCE * abs(theirs)


def objections(claim, found, name=None):
    """What is wrong with a claim, or a reading of it, as the program found it."""
    if not agree(found.value, claim["value"]):
        yield "another value"
    if name in ("hysteresis", "power-order", "working-current") and not in_band(claim, found.beside[0]):
        yield f"at 25 C not {claim['band']}"
    beside = [number["value"] for number in claim["beside"]]
    if len(beside) != len(found.beside) or not all(map(agree, found.beside, beside)):
        yield f"other numbers beside it: {[float(x) for x in found.beside]} and not {beside}"
    verdict = "met" if in_band(claim, found.value) and all(found.conditions.values()) else "contradicted"
    if verdict != claim["found"]:
        broken = [name for name, holds in found.conditions.items() if not holds]
        yield f"{verdict}, and the program says {claim['found']} ({claim['band']}; broken: {broken})"
    if verdict != claim["expected"] or not claim["as_expected"]:
        yield f"{verdict}, and {claim['expected']} is expected"


if __name__ == "__main__":
    with open(sys.argv[2], encoding="utf-8") as listed:
        claims = [claim for claim in json.load(listed) if not claim["id"].startswith("mnist")]
    wrong = others = 0
    print(f"{'claim':<30}{'from raw data':>16}{'program':>16}")

    def compare(title, claim, found, name=None):
        said = list(objections(claim, found, name))
        print(f"{title:<30}{found.value:>16.9g}{claim['value']:>16.9g}  {claim['found']}  {'; '.join(said) or 'same'}")
        return bool(said)

    with h5py.File(sys.argv[1], "r") as file:
        paper = Paper(file)
        for claim in claims:
            found = getattr(paper, claim["id"].replace("-", "_"))()
            wrong += compare(claim["id"], claim, found, claim["id"])
            assert [reading["name"] for reading in claim["readings"]] == list(found.readings), claim["id"]
            for reading in claim["readings"]:
                others += 1
                wrong += compare(f"  {reading['name']}", reading, found.readings[reading["name"]])
    print(f"{len(claims)} claims and {others} other readings measured again, {wrong} with objections")
    sys.exit(wrong > 0)
