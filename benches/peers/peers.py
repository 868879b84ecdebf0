"""The bake and the programming of many cells beside other tools: one problem, one machine, each in turn.

    cargo build --release
    python3 -m venv V && V/bin/pip install numpy numba jax torch     # the last three may be missing
    V/bin/python benches/peers/peers.py --trapline target/release/trapline -o peers.csv

`make peers` does all of it. What is computed is in problem.py; the peers are C (cells.c), NumPy, Numba, JAX and PyTorch
on the processor, and JAX, PyTorch and CUDA C++ on a GPU where there is one, each as somebody writes it who knows the
tool. A peer is timed only after its answer was found to be that of a float64 reference; where one's is not, the exit
code is 1. trapline's own figures are those of `trapline bench` in the mean field, on as many cells, rounded down to a
square: 16 classes too, read as often, and 30 pulses; it draws its cells and pulses from random numbers within its time,
where peers find theirs in memory.
With --criterion, `bake` is that of `cargo bench --bench retention`, which is run as well: 8 classes, 16 times that
double.
"""

import argparse
import csv
import importlib.util
import json
import math
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

os.environ.setdefault("OMP_WAIT_POLICY", "passive")

HERE = pathlib.Path(__file__).parent
ROOT = HERE.parents[1]
KERNELS = ("bake", "statistics", "program")
ON_GPU = ("cuda", "jax_gpu", "torch_gpu")
PEERS = ("c", "numpy", "numba", "jax", "torch", *ON_GPU)
PULSES = 30
BLOCK = 8192
# A measurement takes as many calls as fill so much time, s.
LEAST_S, MOST_CALLS = 0.1, 50
# `trapline bench` measures more than is compared here: at most so many calls of it, so many seconds a measurement.
TRAPLINE_CALLS, TRAPLINE_S = 3, 0.5
# What of its problems is which kernel.
OF_TRAPLINE = {"bake-mean-field": "statistics", "program-mean-field": "program"}
FIELDS = (
    "kernel",
    "peer",
    "what",
    "threads",
    "cells",
    "classes",
    "checkpoints",
    "median",
    "least",
    "most",
    "apart",
    "load",
)
TITLES = {
    "bake": "Bake alone, cell-checkpoints per second",
    "statistics": "Bake with all statistics, cell-checkpoints per second",
    "program": "Programming, cell-pulses per second",
}


class Failure(Exception):
    """Said in one line."""


class Absent(Exception):
    """A peer that is not installed."""


class Parser(argparse.ArgumentParser):
    def error(self, message):
        self.exit(2, f"error: {message}\n")


def processors():
    return sorted(os.sched_getaffinity(0))


def among(names):
    def parse(text):
        wanted = text.split(",")
        wrong = [name for name in wanted if name not in names]
        if wrong:
            raise argparse.ArgumentTypeError(f"there is no {wrong[0]!r}, only {', '.join(names)}")
        return wanted

    return parse


def number(least, most):
    def parse(text):
        if not text.isdecimal() or not least <= int(text) <= most:
            raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from {least} to {most}")
        return int(text)

    return parse


def arguments():
    parser = Parser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--cells",
        type=number(1, 1 << 26),
        default=1 << 18,
        metavar="N",
        help=f"cells, rounded up to whole blocks of {BLOCK} [default: 262144]",
    )
    parser.add_argument("--repeats", type=number(1, 1000), default=5, metavar="N", help="rounds [default: 5]")
    parser.add_argument(
        "--only", type=among(PEERS), default=PEERS, metavar="NAMES", help=f"peers, of {','.join(PEERS)}"
    )
    parser.add_argument(
        "--kernels", type=among(KERNELS), default=KERNELS, metavar="NAMES", help=f"of {','.join(KERNELS)}"
    )
    parser.add_argument(
        "--threads",
        type=number(1, len(processors())),
        metavar="N",
        help="only so many threads [default: one, and as many as there are processors]",
    )
    parser.add_argument("--trapline", type=pathlib.Path, metavar="PATH", help="the program [default: not measured]")
    parser.add_argument("--criterion", action="store_true", help="runs `cargo bench --bench retention`, too")
    parser.add_argument("-o", "--output", type=pathlib.Path, metavar="CSV", help="writes the table")
    parser.add_argument("--plot", type=pathlib.Path, metavar="SVG", help="draws the table (needs matplotlib)")
    given = parser.parse_args()
    given.cells = -(-given.cells // BLOCK) * BLOCK
    if given.trapline and not os.access(given.trapline, os.X_OK):
        parser.error(f"--trapline: {given.trapline} is not a program")
    for path in (given.output, given.plot):
        if path and not path.parent.is_dir():
            parser.error(f"there is no folder {path.parent}")
    if given.plot and not importlib.util.find_spec("matplotlib"):
        parser.error("--plot needs matplotlib")
    return given


# --- Workers -------------------------------------------------------------------------------------------------------


def on(threads):
    """Keeps a process to so many processors: some libraries take all they see."""
    chosen = set(processors()[-threads:])
    return lambda: os.sched_setaffinity(0, chosen)


class Worker:
    """A peer in a process of its own; see worker.py."""

    def __init__(self, peer, threads, folder):
        self.peer, self.threads, self.calls, self.what, self.apart, self.wrong = peer, threads, {}, "", {}, False
        names = ("OMP", "NUMBA", "MKL", "OPENBLAS")
        env = dict(
            os.environ,
            PYTHONDONTWRITEBYTECODE="1",
            TF_CPP_MIN_LOG_LEVEL="3",
            JAX_PLATFORMS=platforms(peer),
            **{f"{name}_NUM_THREADS": str(threads) for name in names},
        )
        self.process = subprocess.Popen(
            [sys.executable, HERE / "worker.py", peer, str(threads), folder],
            env=env,
            text=True,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            preexec_fn=None if peer in ON_GPU else on(threads),
        )

    def ask(self, *words):
        try:
            print(*words, file=self.process.stdin, flush=True)
            line = self.process.stdout.readline()
        except BrokenPipeError:
            line = ""
        return json.loads(line) if line else {"failed": "its process ended"}

    def check(self, kernel):
        """Whether the peer agrees; a line says why not. Raises `Absent` where it is not installed."""
        answer = self.ask("check", kernel)
        if "absent" in answer:
            raise Absent(answer["absent"])
        if "apart" not in answer:
            why = answer.get("disagrees") or answer["failed"]
            say(f"NOT MEASURED: {self.peer}, {kernel}, {of_threads(self)}: {why}")
            self.wrong = True
            return False
        self.what, self.apart[kernel] = answer["what"], answer["apart"]
        self.calls[kernel] = min(max(1, math.ceil(LEAST_S / answer["seconds"])), MOST_CALLS)
        return True

    def seconds(self, kernel):
        answer = self.ask("time", kernel, self.calls[kernel])
        if "seconds" not in answer:
            raise Failure(f"{self.peer}, {kernel}: {answer['failed']}")
        return answer["seconds"]

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def platforms(peer):
    return {"jax": "cpu", "jax_gpu": "cuda,cpu"}.get(peer, "")


def of_threads(worker):
    return threads_of("GPU" if worker.peer in ON_GPU else worker.threads)


def threads_of(count):
    return count if count == "GPU" else f"{count} thread{'s' if count > 1 else ''}"


# --- The problem ---------------------------------------------------------------------------------------------------


def shape(kernel, criterion):
    """Classes, checkpoints, and checkpoints an octave: those of what trapline is measured with."""
    if kernel != "bake":
        return 16, 57, 2
    return (8, 16, 1) if criterion else (8, 57, 2)


def write_problems(given, folder):
    """Inputs and references, where workers find them."""
    import numpy as np
    import problem

    made = {}
    for kernel in given.kernels:
        of = shape(kernel, given.criterion)
        name = "problem-{}-{}-{}.npz".format(*of)
        if name not in made:
            made[name] = problem.make(given.cells, *of)
            problem.save(made[name], folder / name)
        (folder / f"{kernel}.problem").write_text(name)
        np.savez(folder / f"{kernel}-reference.npz", **problem.reference(made[name], kernel))


# --- trapline ------------------------------------------------------------------------------------------------------


def ask_trapline(given, *arguments):
    """The JSON that trapline prints, on as many processors as peers have."""
    command = [given.trapline.resolve(), *arguments, "--json"]
    done = subprocess.run(command, capture_output=True, text=True, preexec_fn=on(max(thread_counts(given))))
    if done.returncode:
        raise Failure(f"{given.trapline}: {(done.stderr.strip().splitlines() or ['failed'])[-1]}")
    try:
        return json.loads(done.stdout)
    except ValueError:
        raise Failure(f"{given.trapline}: {arguments[0]} --json prints no JSON") from None


def has_gpu(given):
    try:
        adapters = ask_trapline(given, "devices")["adapters"]
        return any(adapter["auto"] and not adapter["identity"]["software"] for adapter in adapters)
    except (KeyError, TypeError):
        raise Failure(f"{given.trapline}: devices --json prints something else than this version's") from None


def trapline_bench(given, backend):
    """Of the mean field, without software: measurements by kernel and threads; what was left out."""
    lines = str(math.isqrt(given.cells))
    asked = ("bench", "--backend", backend, "--lines", lines, "--seconds", str(TRAPLINE_S))
    found, measured = ask_trapline(given, *asked), {}
    try:
        for measurement in found["measurements"]:
            device, kernel = found["devices"][measurement["device"]], OF_TRAPLINE.get(measurement["problem"])
            threads = {"gpu": "GPU", "one_thread": 1, "all_threads": device["threads"]}.get(device["role"])
            if kernel in given.kernels and threads in ("GPU", *thread_counts(given)):
                identity = device["identity"]
                what = identity["adapter"] if threads == "GPU" else identity["instruction_set"]
                time_s = {name: measurement["time_s"][name] for name in ("median", "least", "most")}
                of = dict(what=what, cells=measurement["cells"], work=measurement["work"], time_s=time_s)
                measured[kernel, threads] = of
        return measured, found["left_out"]
    except (IndexError, KeyError, TypeError):
        raise Failure(f"{given.trapline}: bench --json prints something else than this version's") from None


class Trapline:
    """What several calls of `trapline bench` measured."""

    def __init__(self, given):
        self.given, self.measured = given, {}
        self.backends = [("cpu", thread_counts(given))] + ([("gpu", ["GPU"])] if has_gpu(given) else [])
        self.kernels = [kernel for kernel in given.kernels if kernel in OF_TRAPLINE.values()]

    def measure(self):
        for backend, counts in self.backends if self.kernels else []:
            measured, left_out = trapline_bench(self.given, backend)
            for key in ((kernel, threads) for kernel in self.kernels for threads in counts):
                if key in measured:
                    self.measured.setdefault(key, []).append(measured[key])
                else:
                    why = next(iter(left_out), "it is not among its measurements")
                    say(f"NOT MEASURED: trapline, {key[0]}, {threads_of(key[1])}: {why}")

    def rows(self):
        for (kernel, threads), calls in self.measured.items():
            first, work = calls[0], calls[0]["work"]
            yield dict(
                kernel=kernel,
                peer="trapline",
                what=f"trapline bench, {first['what']}",
                threads=threads,
                cells=first["cells"],
                classes=16,
                checkpoints="" if kernel == "program" else round(work / first["cells"]),
                median=statistics.median(work / call["time_s"]["median"] for call in calls),
                least=min(work / call["time_s"]["most"] for call in calls),
                most=max(work / call["time_s"]["least"] for call in calls),
                apart="",
                load=load(),
            )


def criterion_rows(given):
    """trapline's bake alone, by `cargo bench`."""
    import re

    threads = ",".join(map(str, thread_counts(given)))
    features = os.environ.get("TRAPLINE_FEATURES", "").split()
    command = ["cargo", "bench", "--bench", "retention", *features, "--", "retention/cpu"]
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, env=dict(os.environ, TRAPLINE_BENCH_THREADS=threads)
    )
    if done.returncode:
        raise Failure(f"cargo bench: {(done.stderr.strip().splitlines() or ['failed'])[-1]}")
    best = {}
    unit = {"": 1.0, "K": 1e3, "M": 1e6, "G": 1e9}
    for found in re.finditer(r"retention/cpu_(\w+)/(\d+)\s+time:.*?thrpt:\s+\[(.*?)\]", done.stdout, re.S):
        parts = found[3].split()
        least, median, most = (float(parts[i]) * unit[parts[i + 1].removesuffix("elem/s")] for i in (0, 2, 4))
        row = dict(
            kernel="bake",
            peer="trapline",
            what=f"cargo bench, {found[1]}",
            threads=int(found[2]),
            cells=1 << 20,
            classes=8,
            checkpoints=16,
            median=median,
            least=least,
            most=most,
            apart="",
            load=load(),
        )
        if row["threads"] not in best or best[row["threads"]]["median"] < median:
            best[row["threads"]] = row
    if not best:
        raise Failure("cargo bench printed no figure of retention/cpu")
    return list(best.values())


# --- Measuring -----------------------------------------------------------------------------------------------------


def say(line):
    print(line, file=sys.stderr, flush=True)


def load():
    return round(os.getloadavg()[0], 1)


def thread_counts(given):
    return [given.threads] if given.threads else sorted({1, len(processors())})


def start(given, folder):
    """Workers that agree with the reference, each with the kernels it does; and whether any answer is wrong."""
    ready, wrong = [], False
    for peer in given.only:
        for threads in [len(processors())] if peer in ON_GPU else thread_counts(given):
            worker = Worker(peer, threads, folder)
            try:
                kernels = [kernel for kernel in given.kernels if worker.check(kernel)]
            except Absent as why:
                say(f"NOT MEASURED: {peer}: {why}")
                worker.close()
                break
            wrong |= worker.wrong
            if kernels:
                say(f"{peer}, {of_threads(worker)}: agrees ({worker.what})")
                ready.append((worker, kernels))
            else:
                worker.close()
    return ready, wrong


def measure(given, ready):
    """Seconds of each worker and kernel, in rounds, so that what else runs meets all of them; rows of the table."""
    ours = Trapline(given) if given.trapline else None
    when = {round(n * (given.repeats - 1) / (TRAPLINE_CALLS - 1)) for n in range(TRAPLINE_CALLS)}
    seconds = {}
    for turn in range(given.repeats):
        say(f"round {turn + 1} of {given.repeats}")
        for kernel in given.kernels:
            for worker, kernels in ready:
                if kernel in kernels:
                    seconds.setdefault((kernel, worker), []).append(worker.seconds(kernel))
        if ours and turn in when:
            ours.measure()
    rows = list(ours.rows()) if ours else []
    return rows + [row_of(given, kernel, worker, of) for (kernel, worker), of in seconds.items()]


def row_of(given, kernel, worker, seconds):
    classes, checkpoints, _ = shape(kernel, given.criterion)
    rates = [given.cells * (PULSES if kernel == "program" else checkpoints) / s for s in seconds]
    return dict(
        kernel=kernel,
        peer=worker.peer,
        what=worker.what,
        cells=given.cells,
        classes=classes,
        checkpoints="" if kernel == "program" else checkpoints,
        threads="GPU" if worker.peer in ON_GPU else worker.threads,
        median=statistics.median(rates),
        least=min(rates),
        most=max(rates),
        apart=f"{worker.apart[kernel]:.1e}",
        load=load(),
    )


def order(row):
    return KERNELS.index(row["kernel"]), row["threads"] == "GPU", row["threads"], -row["median"]


def table(rows):
    """Markdown, one table a kernel."""
    lines = []
    for kernel in KERNELS:
        of = [row for row in rows if row["kernel"] == kernel]
        if not of:
            continue
        lines += [
            "",
            f"{TITLES[kernel]} ({of[-1]['classes']} classes; median, least to most)",
            "",
            "| | threads | | of trapline's | largest difference |",
            "| --- | --- | --- | --- | --- |",
        ]
        trapline = {row["threads"]: row["median"] for row in of if row["peer"] == "trapline"}
        for row in of:
            ours = trapline.get(row["threads"])
            rate = f"{row['median']:.2e} ({row['least']:.1e} to {row['most']:.1e})"
            times = f"{row['median'] / ours:.2f}" if ours else ""
            lines.append(f"| {row['what']} | {row['threads']} | {rate} | {times} | {row['apart']} |")
    return "\n".join(lines[1:])


def plot(rows, path):
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    kernels = [kernel for kernel in KERNELS if any(row["kernel"] == kernel for row in rows)]
    height = 1.0 + 0.28 * len(rows) + 0.6 * len(kernels)
    figure, axes = plt.subplots(len(kernels), 1, figsize=(9, height), layout="constrained", squeeze=False)
    for axis, kernel in zip(axes[:, 0], kernels):
        of = [row for row in rows if row["kernel"] == kernel][::-1]
        labels = [f"{row['what']}, {row['threads']}" + ("" if row["threads"] == "GPU" else " thr.") for row in of]
        for at, row in enumerate(of):
            spread = [[row["median"] - row["least"]], [row["most"] - row["median"]]]
            colour = "#0b5fa5" if row["peer"] == "trapline" else "#6b7681"
            axis.errorbar(row["median"], at, xerr=spread, marker="o", capsize=3, color=colour)
        axis.set_yticks(range(len(of)), labels)
        axis.set(xscale="log", title=TITLES[kernel])
        axis.grid(axis="x", alpha=0.3)
    figure.savefig(path)


def write_csv(rows, path):
    with open(path, "w", newline="") as file:
        writer = csv.DictWriter(file, FIELDS)
        writer.writeheader()
        writer.writerows(rows)


def run(given):
    with tempfile.TemporaryDirectory(prefix="peers-") as folder:
        say(f"{given.cells} cells; the reference")
        begun = time.perf_counter()
        write_problems(given, pathlib.Path(folder))
        say(f"the reference took {time.perf_counter() - begun:.0f} s")
        ready, wrong = start(given, folder)
        try:
            rows = measure(given, ready)
        finally:
            for worker, _ in ready:
                worker.close()
    if given.criterion and "bake" in given.kernels:
        rows += criterion_rows(given)
    rows.sort(key=order)
    print(table(rows))
    if given.output:
        write_csv(rows, given.output)
    if given.plot:
        plot(rows, given.plot)
    return 1 if wrong else 0


def main():
    given = arguments()
    try:
        sys.exit(run(given))
    except (Failure, ImportError, OSError) as why:
        sys.exit(f"error: {why}")


if __name__ == "__main__":
    main()
