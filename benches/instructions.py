#!/usr/bin/env python3
"""Instructions per cell of the processor's kernels, counted by Valgrind: numbers that a busy machine does not change.

    benches/instructions.py target/debug/examples/instructions            # prints the table
    benches/instructions.py PROGRAM -o benches/instructions.csv           # and writes it
    benches/instructions.py PROGRAM --check benches/instructions.csv      # exit code 1 where one has grown by over 3 %

Each kernel runs on two numbers of cells, and what they differ by is the cells' alone. Valgrind knows no AVX-512; the same
source is compiled for it. The table says which compiler made the program: of another one nothing is compared.
"""

import argparse
import concurrent.futures
import csv
import itertools
import os
import pathlib
import re
import subprocess
import sys

CELLS = (2048, 4096)
SETS = ("sse2", "avx2")
KERNELS = ("bake", "program")
ELECTRONS = ("mean-field", "counted")
# Counts are the same from run to run but for what the allocator does: far below this.
ALLOWED = 0.03


class Failure(Exception):
    """A line that says what went wrong."""


def collected(program, instruction_set, kernel, electrons, cells):
    """Instructions of one run."""
    command = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null"]
    command += [str(program), instruction_set, kernel, electrons, str(cells)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError as error:
        raise Failure("valgrind is not there; install it (Debian: apt-get install valgrind)") from error
    found = re.search(r"Collected : (\d+)", done.stderr)
    if done.returncode != 0 or not found:
        last = (done.stderr.strip().splitlines() or ["nothing said"])[-1]
        raise Failure(f"{' '.join(command[3:])}: {last}")
    return int(found[1])


def table(program):
    """Rows of (kernel, electrons, instruction set, instructions per cell); as many runs at once as there are processors,
    since nothing is timed."""
    rows = []
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        kinds = list(itertools.product(KERNELS, ELECTRONS, SETS))
        runs = [
            [pool.submit(collected, program, instruction_set, kernel, electrons, cells) for cells in CELLS]
            for kernel, electrons, instruction_set in kinds
        ]
        try:
            for (kernel, electrons, instruction_set), of_kind in zip(kinds, runs, strict=True):
                few, many = (run.result() for run in of_kind)
                per_cell = round((many - few) / (CELLS[1] - CELLS[0]))
                rows.append((kernel, electrons, instruction_set, per_cell))
                print(f"{kernel:8} {electrons:11} {instruction_set:5} {per_cell:8}", flush=True)
        except Failure:
            pool.shutdown(cancel_futures=True)
            raise
    return rows


def compiler():
    """The Rust compiler, with its version."""
    return subprocess.run(["rustc", "--version"], capture_output=True, text=True, check=True).stdout.strip()


def check(rows, path):
    """Compares with a table of earlier; whether none has grown."""
    with open(path, newline="", encoding="utf-8") as file:
        earlier = {tuple(row[:3]): (int(row[3]), row[4]) for row in list(csv.reader(file))[1:]}
    by, sound = compiler(), True
    for *key, now in rows:
        before, compiled_by = earlier.get(tuple(key), (None, by))
        if before is None:
            print(f"{path}: {' '.join(key)} is not in it; write it anew with -o", file=sys.stderr)
            sound = False
        elif compiled_by != by:
            print(f"{path} is of {compiled_by}, this program of {by}: nothing is compared")
            return True
        elif now > before * (1 + ALLOWED):
            print(
                f"{' '.join(key)}: {now} instructions per cell, {before} before: mend it, or write {path} anew with -o",
                file=sys.stderr,
            )
            sound = False
    return sound


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("program", type=pathlib.Path, help="the example `instructions` of trapline-engine")
    parser.add_argument("-o", "--output", type=pathlib.Path, help="writes the table, CSV")
    parser.add_argument("--check", type=pathlib.Path, metavar="CSV", help="compares with a table of earlier")
    given = parser.parse_args()
    try:
        rows = table(given.program.resolve())
        if given.output:
            with open(given.output, "w", newline="", encoding="utf-8") as file:
                of_file = csv.writer(file, lineterminator="\n")
                of_file.writerow(("kernel", "electrons", "instruction_set", "instructions_per_cell", "compiler"))
                of_file.writerows((*row, compiler()) for row in rows)
        if given.check and not check(rows, given.check):
            return 1
    except (Failure, OSError) as error:
        print(f"instructions.py: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
