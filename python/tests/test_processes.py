"""Other libraries, other threads, other processes, Ctrl-C."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest
import trapline as tl
from conftest import Script

unix = pytest.mark.skipif(os.name != "posix", reason="signals and forks")


@pytest.mark.parametrize("order", [("h5py", "trapline"), ("trapline", "h5py")])
def test_h5py_beside_it_in_both_orders(order: tuple[str, str], folder: Path, script: Script) -> None:
    text = f"""
import {order[0]}
import {order[1]}
import numpy as np
with h5py.File("theirs.h5", "w") as file:
    file["numbers"] = np.arange(5)
    ours = trapline.run("bake.toml", backend="cpu", output="ours.h5")
    again = trapline.open("ours.h5", histograms=True, cells=True)
with h5py.File("ours.h5") as file, h5py.File("theirs.h5") as theirs:
    assert np.array_equal(file["kept_mean"][()], ours.kept_mean.values)
    assert np.array_equal(file["cell_filling"][()], again.cell_filling.values)
    assert theirs["numbers"][()].tolist() == [0, 1, 2, 3, 4]
    try:
        file["nothing"]
    except KeyError as error:
        print("h5py", h5py.version.hdf5_version, "still says", error)
try:
    trapline.open("theirs.h5")
except trapline.RunError as error:
    print("trapline:", error)
"""
    done = script(text)
    assert done.returncode == 0, done.stderr
    assert "still says" in done.stdout and "theirs.h5" in done.stdout


def test_importing_it_imports_neither_xarray_nor_pandas(script: Script) -> None:
    done = script("import sys, trapline; print([name for name in ('xarray', 'pandas', 'h5py') if name in sys.modules])")
    assert done.stdout == "[]\n", done.stderr


def test_without_xarray_a_line_says_so(baked: Path, script: Script) -> None:
    done = script("import sys; sys.modules['xarray'] = None\nimport trapline as tl\ntl.open('bake.h5')")
    last = done.stderr.strip().splitlines()[-1]
    assert last == "trapline._errors.MissingError: xarray is not installed; install it: pip install xarray"


TICKS = """
import ctypes, threading, time
import numpy as np
import trapline as tl

def ticks(work):
    stop, count = threading.Event(), [0]
    def tick():
        while not stop.is_set():
            count[0] += 1
            time.sleep(0.001)
    thread = threading.Thread(target=tick)
    thread.start()
    time.sleep(0.02)
    before, begin = count[0], time.perf_counter()
    work()
    found, seconds = count[0] - before, time.perf_counter() - begin
    stop.set()
    thread.join()
    return found, seconds
"""


@pytest.mark.parametrize(
    "work",
    [
        "cells = tl.cells('pi-ws2-qd', rows=512, cols=512, backend='cpu', electrons='mean-field', threads=1)\n"
        "work = lambda: cells.pulse(1.5, width_s=1e-3, count=20)",
        "crossbar = tl.crossbar(np.random.default_rng(1).uniform(1e-5, 1e-3, (512, 512)), 20.0)\n"
        "work = lambda: crossbar.read(np.ones(512))",
        "work = lambda: tl.run('bake.toml', rows=128, cols=128, backend='cpu', threads=1, force=True)",
    ],
)
def test_other_threads_go_on_meanwhile(work: str, folder: Path, script: Script) -> None:
    done = script(f"{TICKS}{work}\nwork()\nprint(*ticks(work))")
    assert done.returncode == 0, done.stderr
    found, seconds = done.stdout.split()
    # A thread that sleeps for a millisecond at a time, on a machine with other work.
    assert int(found) > 0.05 * float(seconds) / 0.001, done.stdout


@unix
def test_the_ticks_tell_a_held_lock(script: Script) -> None:
    done = script(f"{TICKS}\nheld = ctypes.PyDLL(None).usleep\nprint(*ticks(lambda: held(300000)))")
    found, seconds = done.stdout.split()
    assert int(found) <= 2 and float(seconds) > 0.25


@unix
def test_a_forked_process_is_refused_where_threads_are_missing(folder: Path, script: Script) -> None:
    text = """
import os, sys
import trapline as tl
tl.material("pi-ws2-qd"), tl.plan("bake.toml")
first = tl.cells("pi-ws2-qd", rows=4, cols=4, backend="cpu") if {computes} else None
pid = os.fork()
if pid == 0:
    try:
        cells = tl.cells("pi-ws2-qd", rows=4, cols=4, backend="cpu")
        cells.pulse(1.5, width_s=1e-3)
        print("worked", flush=True)
        os._exit(0)
    except tl.ForkedError as error:
        print("refused:", error, flush=True)
        for call in (lambda: first.conductance(), lambda: tl.run("bake.toml"), lambda: tl.open("bake.h5")):
            try:
                call()
                os._exit(5)
            except tl.ForkedError:
                pass
        os._exit(3)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
"""
    refused = script(text.replace("{computes}", "True"))
    assert refused.returncode == 3 and 'get_context("spawn")' in refused.stdout, refused.stderr
    worked = script(text.replace("{computes}", "False"))
    assert worked.returncode == 0 and worked.stdout == "worked\n", worked.stderr


LONG = """
import sys
import trapline as tl
try:
    tl.{call}("long.toml", backend="cpu")
except tl.Interrupted as error:
    assert isinstance(error, KeyboardInterrupt) and not isinstance(error, Exception)
    print(error)
    sys.exit(42)
"""


def long_campaign() -> None:
    text = Path("bake.toml").read_text().replace('name = "bake"', 'name = "long"').replace("16", "128")
    seeds = ", ".join(str(seed) for seed in range(1, 9))
    Path("long.toml").write_text(f'{text}\n[[sweep]]\nkey = "seed"\nvalues = [{seeds}]\n')


@unix
def test_ctrl_c_keeps_what_is_finished(folder: Path) -> None:
    long_campaign()
    process = subprocess.Popen(
        [sys.executable, "-c", LONG.replace("{call}", "run")], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    deadline = time.monotonic() + 60
    while not list(folder.glob("long.h5.parts/*/point-*.h5")):
        assert process.poll() is None and time.monotonic() < deadline, process.communicate()
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    begin = time.monotonic()
    out, err = process.communicate(timeout=60)
    assert process.returncode == 42, err
    assert time.monotonic() - begin < 10
    assert "finished points are kept in long.h5.parts; trapline.resume goes on" in out
    kept = len(list(folder.glob("long.h5.parts/*/point-*.h5")))
    assert 0 < kept < 32
    with tl.Record("long.h5") as record:
        assert record.kind == "unfinished"
    with pytest.raises(tl.UsageError, match="campaign in progress"):
        tl.open("long.h5")
    with pytest.raises(tl.UsageError, match="finished points of an interrupted run"):
        tl.run("long.toml", backend="cpu")
    seen: list[int] = []
    tl.resume("long.toml", backend="cpu", progress=lambda done, steps, finished, points: seen.append(finished))
    assert min(seen) >= kept
    tl.run("long.toml", backend="cpu", output="at-once.h5")
    assert tl.diff("long.h5", "at-once.h5").same
    assert not tl.diff("long.h5", "at-once.h5").described


@unix
def test_ctrl_c_before_the_first_point_leaves_nothing(folder: Path) -> None:
    text = Path("bake.toml").read_text().replace('name = "bake"', 'name = "long"').replace("16", "2048")
    Path("long.toml").write_text(text)
    process = subprocess.Popen(
        [sys.executable, "-c", LONG.replace("{call}", "run")], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    deadline = time.monotonic() + 60
    while not Path("long.h5").exists():
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.02)
    time.sleep(0.2)
    process.send_signal(signal.SIGINT)
    begin = time.monotonic()
    out, err = process.communicate(timeout=60)
    # A point takes half a minute; what a thread has begun of it a tenth of a second.
    assert time.monotonic() - begin < 5
    assert process.returncode == 42 and out == "interrupted: no point was finished\n", (out, err)
    assert not list(folder.glob("long.h5*"))


@unix
def test_ctrl_c_is_heard_between_pieces_of_pulses(script: Script) -> None:
    text = """
import os, signal, threading, time
import trapline as tl
cells = tl.cells("pi-ws2-qd", rows=1024, cols=1024, backend="cpu", electrons="mean-field")
threading.Timer(1.0, lambda: os.kill(os.getpid(), signal.SIGINT)).start()
try:
    cells.pulse(1.5, width_s=1e-3, count=100000)
except tl.Interrupted as error:
    print(error)
print(cells.filling().mean() > 0)
"""
    done = script(text)
    assert (
        done.returncode == 0 and done.stdout.startswith("interrupted: ") and "of 100000 pulses are given" in done.stdout
    )
    assert done.stdout.endswith("True\n"), done.stderr


def test_a_bar_is_drawn_where_somebody_looks(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    tl.run("bake.toml", backend="cpu", force=True)
    assert capsys.readouterr().err == ""
    tl.run("bake.toml", backend="cpu", force=True, progress=True)
    assert "4 of 4 points, 100 %" in capsys.readouterr().err


def test_a_bar_is_drawn_in_a_notebook(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[str] = []

    class Handle:
        def update(self, html: str) -> None:
            drawn.append(html)

    def display(html: str, display_id: bool) -> Handle:
        drawn.append(html)
        return Handle()

    ipython, shown = ModuleType("IPython"), ModuleType("IPython.display")
    ipython.get_ipython = lambda: SimpleNamespace(kernel=None)
    shown.HTML, shown.display = str, display
    monkeypatch.setitem(sys.modules, "IPython", ipython)
    monkeypatch.setitem(sys.modules, "IPython.display", shown)
    tl.run("bake.toml", backend="cpu", force=True)
    assert drawn[-1] == '<progress value="1.0000" max="1"></progress> 4 of 4 points, 100 %'
    before = len(drawn)
    tl.run("bake.toml", backend="cpu", force=True, progress=False)
    assert len(drawn) == before
