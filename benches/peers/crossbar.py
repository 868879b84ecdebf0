"""The crossbar solver beside other programs: one array, one machine, one run, each peer in turn with it.

    cargo build --release --workspace --example circuit_speed
    pip install numpy scipy matplotlib badcrossbar      # the last two may be missing; badcrossbar wants libcairo2-dev
    python3 benches/peers/crossbar.py target/release/examples/circuit_speed -o array-solver.csv
    python3 benches/peers/crossbar.py --plot docs/array-solver.png -o array-solver.csv

The example makes the arrays (cells even in resistance between R and 10 R, all rows at one voltage, all columns sensed at
0 V) and saves them; the peers read the same numbers. Peers:

    splu         SciPy's SuperLU of all nodes, minimum degree on A + A^T, assembly included
    badcrossbar  the package of that name
    relaxation   the fixed point of cumulative sums as CrossSim has it: currents, drops, voltages, again; damped by 0.98
                 where it diverges or takes 100 rounds, given up at 0.01. Its default stop: voltages within 1e-3
    relaxation9  the same to 1e-9
    ngspice      netlists, linear cells and those of the shipped quantum dots (behavioural sources)
    prototype    a C program for whom TRAPLINE_REFERENCE_DIR names a folder with crossbar_regimes/xsolve.c

Seconds are from the conductances to the column currents, the best of several pairs where a peer is quick; processor
seconds are those of all threads. Column currents must agree with those of the example within what `ALLOWED` says, or the
exit code is 1.
"""

import os

os.environ.setdefault("OMP_WAIT_POLICY", "passive")

import argparse
import csv
import io
import pathlib
import resource
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib

import numpy as np

LEAST_OHM = 1e5
# Largest relative difference of a column's current. SuperLU's own rounding grows with the condition; the relaxation is
# as good as its stop; ngspice iterates to the tolerances of its netlist.
ALLOWED = {"splu": 1e-8, "badcrossbar": 1e-8, "relaxation": 0.1, "relaxation9": 1e-6, "ngspice": 1e-6, "prototype": 1e-8}
FIELDS = ["peer", "lines", "ratio", "cells", "volts", "seconds", "processor_seconds", "iterations",
          "trapline_seconds", "trapline_processor_seconds", "trapline_iterations", "times", "apart", "load"]
# How long the relaxation and ngspice may take.
RELAXATION_S, NGSPICE_S = 30.0, 300.0


class GaveUp(Exception):
    pass


def network(g, ohm, volts):
    """Matrix and right-hand side of all nodes: word line nodes first, then bit line nodes, rows by columns."""
    import scipy.sparse as sp

    rows, cols = g.shape
    wire = 1.0 / ohm
    word = np.arange(rows * cols).reshape(rows, cols)
    bit = word + rows * cols
    pairs = [(word, bit, g), (word[:, :-1], word[:, 1:], None), (bit[:-1], bit[1:], None)]
    a = np.concatenate([p[0].ravel() for p in pairs])
    b = np.concatenate([p[1].ravel() for p in pairs])
    s = np.concatenate([(np.full(p[0].size, wire) if p[2] is None else p[2].ravel()) for p in pairs])
    n = 2 * rows * cols
    diagonal = np.bincount(a, s, n) + np.bincount(b, s, n)
    diagonal[word[:, 0]] += wire
    diagonal[bit[-1]] += wire
    every = np.arange(n)
    matrix = sp.csc_array(
        (np.concatenate([diagonal, -s, -s]), (np.concatenate([every, a, b]), np.concatenate([every, b, a]))), shape=(n, n))
    source = np.zeros(n)
    source[word[:, 0]] = wire * volts
    return matrix, source, bit[-1], wire


def splu(g, ohm, volts, cells):
    import scipy.sparse.linalg as sl

    matrix, source, sensed, wire = network(g, ohm, volts)
    lu = sl.splu(matrix, permc_spec="MMD_AT_PLUS_A", diag_pivot_thresh=0.0, options=dict(SymmetricMode=True))
    return wire * lu.solve(source)[sensed], None


def badcrossbar(g, ohm, volts, cells):
    import logging
    import badcrossbar as other

    logging.disable(logging.WARNING)
    solution = other.compute(np.full((g.shape[0], 1), volts), 1.0 / g, ohm)
    return np.asarray(solution.currents.output).ravel(), None


def relaxation(stop, rounds):
    def solve(g, ohm, volts, cells):
        start, gamma, count = time.perf_counter(), 1.0, 0
        while gamma > 0.01:
            v, before = np.full_like(g, volts), np.inf
            for _ in range(rounds):
                if time.perf_counter() - start > RELAXATION_S:
                    raise GaveUp(f"not there after {RELAXATION_S:.0f} s, damping {gamma:.2f}")
                i = g * v
                # A segment of a word line carries what the cells after it pass; of a bit line, what those above it do.
                along = np.cumsum(np.cumsum(i[:, ::-1], axis=1)[:, ::-1], axis=1)
                down = np.cumsum(np.cumsum(i, axis=0)[::-1], axis=0)[::-1]
                error = volts - ohm * (along + down) - v
                count += 1
                worst = np.abs(error).max() / volts
                if worst < stop:
                    return (g * v).sum(axis=0), count
                if not worst < 10 * min(before, 1e3):
                    break
                before = min(before, worst)
                v += gamma * error
            gamma *= 0.98
        raise GaveUp("diverges with any damping")

    return solve


def ngspice(g, ohm, volts, cells):
    rows, cols = g.shape
    lines = ["a crossbar", ".options reltol=1e-10 abstol=1e-18 vntol=1e-14 itl1=500 gmin=1e-30"]
    if cells == "dots":
        with open(pathlib.Path(__file__).parents[2] / "materials/pi-ws2-qd.toml", "rb") as file:
            law = tomllib.load(file)["injection"]
        direct, bend, tunnel, bias = (law[key]["value"] for key in (
            "direct_conductance", "superlinearity", "fowler_nordheim", "fowler_nordheim_bias"))
        at_read = direct * volts * (1 + bend * volts**2) + tunnel * volts**2 * float(np.exp(-bias / volts))
    for i in range(rows):
        lines.append(f"v{i} s{i} 0 {volts!r}")
        for j in range(cols):
            lines.append(f"rw{i}_{j} {f's{i}' if j == 0 else f'w{i}_{j - 1}'} w{i}_{j} {ohm!r}")
            below = f"b{i + 1}_{j}" if i + 1 < rows else f"o{j}"
            lines.append(f"rb{i}_{j} b{i}_{j} {below} {ohm!r}")
            cell, at = f"w{i}_{j} b{i}_{j}", f"v(w{i}_{j},b{i}_{j})"
            if cells == "dots":
                k = float(g[i, j]) * volts / at_read
                lines.append(f"bc{i}_{j} {cell} i={k * direct!r}*{at}*(1+{bend!r}*{at}*{at})"
                             f"+{k * tunnel!r}*{at}*abs({at})*exp(-{bias!r}/(abs({at})+1e-9))")
            else:
                lines.append(f"rc{i}_{j} {cell} {1.0 / float(g[i, j])!r}")
    lines += [f"vo{j} o{j} 0 0" for j in range(cols)]
    with tempfile.TemporaryDirectory() as folder:
        raw = pathlib.Path(folder) / "out.raw"
        lines += [".control", "set filetype=binary", "op", f"write {raw}", "quit", ".endc", ".end"]
        netlist = pathlib.Path(folder) / "crossbar.cir"
        netlist.write_text("\n".join(lines))
        try:
            done = subprocess.run(["ngspice", "-b", str(netlist)], capture_output=True, text=True, timeout=NGSPICE_S)
        except subprocess.TimeoutExpired as error:
            raise GaveUp(f"not there after {NGSPICE_S:.0f} s") from error
        if not raw.exists():
            raise GaveUp(done.stderr.strip().splitlines()[-1] if done.stderr.strip() else "no result")
        head, data = raw.read_bytes().split(b"Binary:\n", 1)
        text = head.decode()
        names = [line.split()[1].lower() for line in text.split("\nVariables:", 1)[1].splitlines() if line.strip()]
        values = dict(zip(names, np.frombuffer(data, dtype="<f8")))
    return np.array([values[f"i(vo{j})"] for j in range(cols)]), None


def prototype():
    """Compiled outside of this repository, from a copy of its folder; none where there is no such folder or compiler."""
    home = os.environ.get("TRAPLINE_REFERENCE_DIR")
    source = pathlib.Path(home or "") / "crossbar_regimes"
    if not home or not (source / "xsolve.c").exists() or not shutil.which("cc"):
        return None
    folder = pathlib.Path(tempfile.mkdtemp(prefix="prototype-"))
    shutil.copytree(source, folder, dirs_exist_ok=True)
    for name, extra in [("xsolve", []), ("lines64", []), ("lines32", ["-DREAL=float"])]:
        code = "lines.c" if name.startswith("lines") else "xsolve.c"
        subprocess.run(["cc", "-O3", "-march=native", "-fopenmp", "-shared", "-fPIC", *extra, str(folder / code),
                        "-o", str(folder / f"{name}.so"), "-lm"], check=True)
    sys.path.insert(0, str(folder))
    import xb
    import xs

    def solve(g, ohm, volts, cells):
        rows, cols = g.shape
        wire = 1.0 / ohm
        net = object.__new__(xb.Net)
        net.M, net.N, net.gw, net.gb, net.g = rows, cols, wire, wire, g
        net.GL, net.GR, net.GT, net.GB = (np.full(rows, wire), np.zeros(rows), np.zeros(cols), np.full(cols, wire))
        net.VL, net.VR, net.VT, net.VB = (np.full(rows, volts), np.zeros(rows), np.zeros(cols), np.zeros(cols))
        net.dt = g.dtype
        _, bits, info = xs.solve(net)
        return wire * bits[-1], int(info[0])

    return solve


class Trapline:
    """The example, and what it saved."""

    def __init__(self, program):
        self.program = program
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="crossbar-"))

    def run(self, lines, ratio, cells, volts, runs=3):
        command = [self.program, "--lines", str(lines), "--ratios", f"{ratio:g}", "--cells", cells, "--volts", f"{volts:g}",
                   "--runs", str(runs), "--save", str(self.folder)]
        out = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        (row,) = csv.DictReader(io.StringIO(out))
        currents = np.load(self.folder / f"currents-{cells}-{lines}-{rust(ratio)}-{volts:g}.npy")
        return row, currents

    def conductances(self, lines):
        return np.load(self.folder / f"cells-{lines}.npy")


def rust(ratio):
    """A power of ten as Rust writes it: 1e-5, not 1e-05."""
    digits, exponent = f"{ratio:e}".split("e")
    return f"{float(digits):g}e{int(exponent)}"


def processor_s():
    own, children = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    return own.ru_utime + own.ru_stime, children.ru_utime + children.ru_stime


def beside(trapline, peer, solve, lines, ratio, cells, volts, pairs):
    """One row: a peer and the example in turn."""
    best = {"seconds": np.inf, "processor_seconds": np.inf, "trapline_seconds": np.inf, "trapline_processor_seconds": np.inf}
    for pair in range(pairs):
        row, ours = trapline.run(lines, ratio, cells, volts)
        best["trapline_seconds"] = min(best["trapline_seconds"], float(row["seconds"]))
        best["trapline_processor_seconds"] = min(best["trapline_processor_seconds"], float(row["processor_seconds"]))
        g = trapline.conductances(lines)
        before, start = processor_s(), time.perf_counter()
        try:
            theirs, iterations = solve(g, ratio * LEAST_OHM, volts, cells)
        except GaveUp as why:
            print(f"NOT MEASURED: {peer}, {lines} lines, ratio {ratio:g}, {cells}: {why}", flush=True)
            return None
        seconds, after = time.perf_counter() - start, processor_s()
        best["seconds"] = min(best["seconds"], seconds)
        best["processor_seconds"] = min(best["processor_seconds"], sum(after) - sum(before))
        apart = float(np.max(np.abs(ours / theirs - 1.0)))
        if seconds > 10:
            break
    return dict(peer=peer, lines=lines, ratio=ratio, cells=cells, volts=volts, iterations=iterations,
                trapline_iterations=int(row["iterations"]), times=best["seconds"] / best["trapline_seconds"], apart=apart,
                load=round(os.getloadavg()[0], 1), **best)


def measure(arguments):
    import scipy.sparse.linalg as _  # not within the first peer's time

    trapline = Trapline(arguments.program)
    peers = {"relaxation": relaxation(1e-3, 100), "relaxation9": relaxation(1e-9, 1000), "splu": splu}
    try:
        import badcrossbar as _

        peers["badcrossbar"] = badcrossbar
    except ImportError as why:
        print(f"NOT MEASURED: badcrossbar ({why})")
    if shutil.which("ngspice"):
        peers["ngspice"] = ngspice
    else:
        print("NOT MEASURED: ngspice (not installed)")
    own = prototype()
    if own:
        peers["prototype"] = own
    if arguments.peers:
        peers = {name: solve for name, solve in peers.items() if name in arguments.peers.split(",")}
    most = {"splu": 1024, "badcrossbar": 512, "relaxation": 1024, "relaxation9": 1024, "ngspice": 64, "prototype": 2048}
    cases = [(n, r, "linear", 0.1) for n in arguments.lines for r in arguments.ratios]
    cases += [(n, r, "dots", v) for n in (32, 64) for r in (1e-5, 1e-3) for v in (0.1, 5.0) if n in arguments.lines]
    wrong = 0
    with open(arguments.output, "a" if arguments.append else "w", newline="") as file:
        table = csv.DictWriter(file, FIELDS)
        if not arguments.append:
            table.writeheader()
        for lines, ratio, cells, volts in cases:
            for peer, solve in peers.items():
                if lines > most[peer] or (cells == "dots" and peer != "ngspice"):
                    continue
                row = beside(trapline, peer, solve, lines, ratio, cells, volts, arguments.pairs)
                if row is None:
                    continue
                table.writerow(row)
                file.flush()
                agrees = row["apart"] <= ALLOWED[peer]
                wrong += not agrees
                print(f"{peer:12} {lines:5} {ratio:g} {cells} {volts} V: {row['seconds']:.4g} s beside {row['trapline_seconds']:.4g} s, "
                      f"{row['times']:.3g} times; currents within {row['apart']:.1e}{'' if agrees else ': TOO FAR APART'}", flush=True)
    return wrong


def plot(arguments):
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    with open(arguments.output, newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["cells"] == "linear"]
    for row in rows:
        row["lines"], row["ratio"] = int(row["lines"]), float(row["ratio"])
    lines_shown, ratio_shown = 512, 1e-5
    styles = {
        "trapline": ("trapline, columns to 1e-9", "#0b5fa5", "o", "-"),
        "relaxation": ("relaxation as CrossSim has it, to 1e-3", "#d1495b", "s", "--"),
        "relaxation9": ("the same to 1e-9", "#d1495b", "D", ":"),
        "splu": ("SciPy splu", "#3c8d40", "^", "-"),
        "badcrossbar": ("badcrossbar", "#8a6fb0", "v", "-"),
        "ngspice": ("ngspice", "#b8862b", "x", "-"),
    }

    def series(peer, axis, what):
        fixed = (lambda r: r["ratio"] == ratio_shown) if axis == "lines" else (lambda r: r["lines"] == lines_shown)
        key = f"trapline_{what}" if peer == "trapline" else what
        points = {}
        for row in rows:
            if fixed(row) and (peer == "trapline" or row["peer"] == peer) and row[key]:
                points[row[axis]] = min(points.get(row[axis], np.inf), float(row[key]))
        return sorted(points.items())

    plt.rcParams.update({"font.size": 9, "axes.spines.top": False, "axes.spines.right": False})
    figure, axes = plt.subplots(2, 2, figsize=(8.2, 5.6), sharex="col", sharey="row", height_ratios=(1.5, 1))
    for column, (axis, label) in enumerate([("lines", "lines of a square array"), ("ratio", "wire segment over smallest cell resistance")]):
        for row, what in enumerate(["processor_seconds" if arguments.processor else "seconds", "iterations"]):
            ax = axes[row, column]
            for peer, (name, colour, marker, dash) in styles.items():
                points = series(peer, axis, what)
                if points:
                    ax.plot(*zip(*points), dash, color=colour, marker=marker, markersize=4.5, linewidth=2.0 if peer == "trapline" else 1.2,
                            label=name, zorder=3 if peer == "trapline" else 2)
            ax.set_xscale("log", base=2 if axis == "lines" else 10)
            ax.set_yscale("log")
            ax.grid(True, which="major", color="#e4e4e4", linewidth=0.7)
        if axis == "lines":
            shown = sorted({row["lines"] for row in rows})
            axes[1, column].set_xticks(shown, [str(n) for n in shown])
        axes[1, column].set_xlabel(label)
    axes[0, 0].set_title(f"wire over cell {rust(ratio_shown)}", fontsize=9)
    axes[0, 1].set_title(f"{lines_shown} x {lines_shown} cells", fontsize=9)
    axes[0, 0].set_ylabel("processor time of a reading (s)" if arguments.processor else "time of a reading (s)")
    axes[1, 0].set_ylabel("iterations")
    axes[1, 0].set_yticks([2, 5, 10, 20, 50, 100], ["2", "5", "10", "20", "50", "100"])
    axes[1, 0].set_ylim(1.5, 60)
    for ax in axes.flat:
        ax.minorticks_off()
    handles = {}
    for ax in axes.flat:
        handles.update({name: handle for handle, name in zip(*ax.get_legend_handles_labels())})
    order = [name for name, *_ in styles.values() if name in handles]
    figure.legend([handles[name] for name in order], order, loc="upper center", ncol=3, frameon=False, fontsize=8.5)
    figure.tight_layout(rect=(0, 0, 1, 0.91))
    figure.savefig(arguments.plot, dpi=110)


def main():
    numbers = lambda kind: lambda text: [kind(one) for one in text.split(",")]
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("program", nargs="?", help="the example circuit_speed; without it only the plot is made")
    parser.add_argument("-o", "--output", required=True, help="CSV: written, or read where only the plot is made")
    parser.add_argument("--plot", help="PNG or SVG")
    parser.add_argument("--processor", action="store_true", help="plots processor time, for machines that do other things too")
    parser.add_argument("--lines", type=numbers(int), default=[32, 64, 128, 256, 512, 1024])
    parser.add_argument("--ratios", type=numbers(float), default=[1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1])
    parser.add_argument("--pairs", type=int, default=3, help="of a peer and the example; one where a peer takes over 10 s")
    parser.add_argument("--peers", help="only these, with commas")
    parser.add_argument("--append", action="store_true", help="goes on with a table")
    arguments = parser.parse_args()
    wrong = measure(arguments) if arguments.program else 0
    if arguments.plot:
        plot(arguments)
    if wrong:
        sys.exit(f"{wrong} rows are further apart than allowed")


if __name__ == "__main__":
    main()
