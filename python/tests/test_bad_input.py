"""Bad input: an exception of a class of its own, in one line that says what, the value and the limit."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import numpy as np
import pytest
import trapline as tl

NAN, INF = float("nan"), float("inf")
MASKED = np.ma.masked_array([1.0, 2.0], mask=[False, True])


def cells() -> tl.Cells:
    return tl.cells("pi-ws2-qd", rows=4, cols=4, backend="cpu")


def crossbar() -> tl.Crossbar:
    return tl.crossbar(np.full((4, 3), 1e-6))


CALLS = {
    "bias_v is nan; it must be a finite number of V": lambda: cells().pulse(NAN, width_s=1e-3),
    "width_s is -1.0; it must be": lambda: cells().pulse(1.5, width_s=-1.0),
    "interval_s is -1.0; it must be": lambda: cells().pulse(1.5, width_s=1e-3, interval_s=-1),
    "count is 0; it must be a whole number from 1": lambda: cells().pulse(1.5, width_s=1e-3, count=0),
    "count is 1.5; it must be a whole number": lambda: cells().pulse(1.5, width_s=1e-3, count=1.5),
    "bias_v is 'x'; it must be a finite number of V": lambda: cells().pulse("x", width_s=1e-3),
    "bias_v is 1000.0; it must be": lambda: cells().pulse(1000, width_s=1e-3),
    "seconds is -1.0 s; it must be between 0.0 and": lambda: cells().bake(celsius=150, seconds=-1),
    "seconds is inf; it must be a finite number": lambda: cells().bake(celsius=150, seconds=INF),
    "celsius is -300.0 C; it must be between": lambda: cells().bake(celsius=-300, seconds=1),
    "read_v is 0.0 V; it must be between": lambda: cells().conductance(read_v=0),
    "where has the shape 3 x 4; it must be 4 x 4": lambda: cells().pulse(1, width_s=1, where=np.ones((3, 4), bool)),
    "where has elements of float64; they must be truth": lambda: cells().pulse(1, width_s=1, where=np.ones((4, 4))),
    "bias_v has the shape 3 x 4; it must be 4 x 4": lambda: cells().expose(np.ones((3, 4)), dwell_s=1),
    "bias_v is nan at (1, 2); each must be a finite": lambda: cells().expose(
        np.where(np.arange(16).reshape(4, 4) == 6, NAN, 1.0), dwell_s=1
    ),
    "dwell_s is -1.0 s; it must be between": lambda: cells().drive([1.0], -1.0),
    "dwell_s has the shape 3; it must be 2": lambda: cells().drive([1.0, 2.0], [1.0, 1.0, 1.0]),
    "bias_v has masked places; it must be numbers of V throughout": lambda: cells().drive(
        np.ma.masked_array([1.0, 4.0], mask=[False, True]), 1e-3
    ),
    "bias_v has masked places; it must be numbers throughout": lambda: cells().drive(np.ma.masked, 1e-3),
    "bias_v has masked places; it must be numbers throughout: fill": lambda: cells().pulse(MASKED, width_s=1e-3),
    "where has masked places; it must be truth values": lambda: cells().pulse(
        1, width_s=1, where=np.ma.masked_array(np.ones((4, 4), bool), mask=np.eye(4))
    ),
    "record has masked places; it must be truth values": lambda: cells().drive(
        [1.0, 2.0], 1.0, record=np.ma.masked_array([True, True], mask=[False, True])
    ),
    "pulse has masked places; it must be whole numbers": lambda: cells().drive(
        [1.0, 2.0], 1.0, pulse=np.ma.masked_array([0, 1], mask=[False, True])
    ),
    "variation is 'no'; it must be True or False": lambda: tl.cells("pi", rows=1, cols=1, variation="no"),
    "both_ends is nan; it must be True or False": lambda: tl.crossbar(np.full((4, 3), 1e-6), both_ends=NAN),
    "accuracy is 1e+308; it must be between 1e-14": lambda: tl.crossbar(np.full((4, 3), 1e-6), accuracy=1e308),
    "accuracy is -1.0; it must be between 1e-14": lambda: tl.crossbar(np.full((4, 3), 1e-6), accuracy=-1),
    "records is None; it must be a path or several": lambda: tl.analyze(None),
    "an argument is 3.0; it must be a path": lambda: tl.command(3.0),
    "force is 'yes'; it must be True or False": lambda: tl.merge(["a.h5"], output="b.h5", force="yes"),
    "name_or_path is '\\udcff'; it must be a text of whole characters": lambda: tl.material("\udcff"),
    "across_break is 'no'; it must be True or False": lambda: tl.analyze("a.h5", across_break="no"),
    "material is '\\udcff'; it must be a text of whole": lambda: tl.cells("\udcff", rows=1, cols=1),
    "bias_v is [[1.0], [1.0, 2.0]]; it must be an array": lambda: cells().drive([[1.0], [1.0, 2.0]], 1.0),
    "dwell_s is [[1.0], [1.0, 2.0]]; it must be an array": lambda: cells().drive([1.0, 2.0], [[1.0], [1.0, 2.0]]),
    "pulse is [[0], [0, 1]]; it must be 2 whole numbers": lambda: cells().drive([1.0, 2.0], 1.0, pulse=[[0], [0, 1]]),
    "where is [[True], [True, False]]; it must be an array": lambda: cells().pulse(
        1, width_s=1, where=[[True], [True, False]]
    ),
    "record is float64 of (1,); it must be 1 truth values": lambda: cells().drive([1.0], 1.0, record=[0.5]),
    "pulse is -1; it must be a whole number from 0": lambda: cells().drive([1.0], 1.0, pulse=[-1]),
    "bias_v is empty; it must hold at least one number": lambda: cells().drive(np.zeros(0), 1.0),
    "occupancy is 2.0; it must be between 0 and 1": lambda: cells().set_occupancy(np.full_like(cells().occupancy(), 2)),
    "occupancy has the shape 4 x 4; it must be 4 x 4 x": lambda: cells().set_occupancy(np.ones((4, 4))),
    "snapshot is int; it must be what Cells.snapshot gave": lambda: cells().restore(3),
    "snapshot is of 20 cells of pi-ws2-qd; it must be of these 16 cells of pi-ws2-qd": lambda: cells().restore(
        tl.cells("pi-ws2-qd", rows=4, cols=5, backend="cpu").snapshot()
    ),
    "rows is 0; it must be a whole number from 1 to 1048576": lambda: tl.cells("pi", rows=0, cols=1),
    "rows is True; it must be a whole number": lambda: tl.cells("pi", rows=True, cols=1),
    "seed is -1; it must be a whole number from 0": lambda: tl.cells("pi", rows=1, cols=1, seed=-1),
    "an array of 1048576 x 1048576": lambda: tl.cells("pi", rows=1 << 20, cols=1 << 20, backend="cpu"),
    'backend is "tpu"; it must be auto, cpu, gpu or reference': lambda: tl.cells("pi", rows=1, cols=1, backend="tpu"),
    "--threads is an option of the cpu backend": lambda: tl.cells("pi", rows=1, cols=1, backend="reference", threads=2),
    'electrons is "few"; it must be counted': lambda: tl.cells("pi-ws2-qd", rows=1, cols=1, electrons="few"),
    'no material named "gold"; shipped are': lambda: tl.material("gold"),
    "the text: line 1: key name: is 3; it must be a text": lambda: tl.parse_material("name = 3"),
    "g has elements of complex128; they must be real numbers of S": lambda: tl.crossbar(np.ones((2, 2), complex)),
    "g has elements of object": lambda: tl.crossbar(np.array([[None, 1.0]])),
    "g has elements of bool": lambda: tl.crossbar(np.ones((2, 2), bool)),
    "g has the shape 2; it must be any x any": lambda: tl.crossbar(np.ones(2)),
    "g has masked places": lambda: tl.crossbar(np.ma.masked_greater(np.ones((2, 2)), 0)),
    "g is inf at (0, 1); each must be a finite number of S": lambda: tl.crossbar([[1e-6, INF]]),
    "the cell at row 0, column 1 conducts -1e-6 S": lambda: tl.crossbar([[1e-6, -1e-6]]),
    "segment 0 of the word lines has -1 ohm": lambda: tl.crossbar([[1e-6]], wire_ohm=-1),
    "word_wire_ohm has the shape 3; it must be 2": lambda: tl.crossbar([[1e-6]], word_wire_ohm=[1, 1, 1]),
    "wire_ohm does nothing where": lambda: tl.crossbar([[1e-6]], 2.0, word_wire_ohm=1, bit_wire_ohm=1),
    "accuracy is 1.0; it must be between 1e-14 and 0.1": lambda: tl.crossbar([[1e-6]], accuracy=1).read([1.0]),
    "v_rows has the shape 3; it must be 4": lambda: crossbar().read(np.ones(3)),
    "v_rows is nan at 0": lambda: crossbar().read([NAN, 0, 0, 0]),
    "v_rows has the shape 4; it must be any x 4": lambda: crossbar().read_many(np.ones(4)),
    "row is 4; it must be a whole number from 0 to 3": lambda: crossbar().select(4, 0),
    'scheme is "quarter"; it must be grounded': lambda: crossbar().select(0, 0, scheme="quarter"),
    'shard is "3/2"; it must be NUMBER/OF': lambda: tl.plan("bake.toml", shard="3/2"),
    "file is 3; it must be a path": lambda: tl.run(3),
    "tolerance is nan": lambda: tl.diff("a", "b", tolerance=NAN),
    "pieces is empty": lambda: tl.merge([], output="m.h5"),
}


@pytest.mark.parametrize("line", CALLS)
def test_one_line_of_a_class_of_its_own(line: str, folder: Path) -> None:
    with pytest.raises(tl.UsageError) as caught:
        CALLS[line]()
    said = str(caught.value)
    assert line in said and "\n" not in said
    assert isinstance(caught.value, ValueError) and isinstance(caught.value, tl.TraplineError)


def test_failures_have_the_line_of_the_command(folder: Path) -> None:
    Path("bad.toml").write_text(Path("bake.toml").read_text().replace("rows = 16", "rows = -16", 1))
    Path("text.h5").write_text("no record")
    Path("cut.h5").write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(4096))
    pairs = [
        (lambda: tl.run("none.toml"), ["run", "none.toml"], tl.RunError),
        (lambda: tl.run("bad.toml"), ["run", "bad.toml"], tl.UsageError),
        (lambda: tl.plan("bad.toml"), ["plan", "bad.toml"], tl.UsageError),
        (lambda: tl.open("none.h5"), ["show", "none.h5"], tl.RunError),
        (lambda: tl.open("text.h5"), ["show", "text.h5"], tl.RunError),
        (lambda: tl.open("cut.h5"), ["show", "cut.h5"], tl.RunError),
        (lambda: tl.run("bake.toml", output="text.h5"), ["run", "bake.toml", "-o", "text.h5"], tl.UsageError),
        (lambda: tl.run("bake.toml", output="no/o.h5"), ["run", "bake.toml", "-o", "no/o.h5"], tl.UsageError),
        (
            lambda: tl.run("bake.toml", backend="cpu", instruction_set="mmx"),
            ["run", "bake.toml", "--backend", "cpu", "--instruction-set", "mmx"],
            tl.UsageError,
        ),
    ]
    for ours, command, kind in pairs:
        with pytest.raises(tl.TraplineError) as caught:
            ours()
        with pytest.raises(tl.TraplineError) as told:
            tl.command(*command)
        assert str(caught.value) == str(told.value) and type(caught.value) is type(told.value) is kind, command


def test_a_damaged_record_is_refused_and_the_interpreter_lives(baked: Path) -> None:
    whole = Path("bake.h5").read_bytes()
    assert tl.open("bake.h5").sizes["time"] == 7
    for at in range(2000, len(whole), len(whole) // 7):
        damaged = bytearray(whole)
        damaged[at : at + 64] = bytes(byte ^ 0xFF for byte in damaged[at : at + 64])
        Path("damaged.h5").write_bytes(damaged)
        with pytest.raises(tl.RunError, match="damaged.h5"):
            tl.open("damaged.h5", histograms=True, cells=True)


def test_a_closed_handle_is_refused(baked: Path) -> None:
    record = tl.Record("bake.h5")
    record.close()
    record.close()
    assert record.closed and "closed" in repr(record)
    for call in (record.dataset, record.describe, lambda: record.kind, record.groups):
        with pytest.raises(tl.ClosedError, match="this record is closed; make a new one"):
            call()
    with cells() as held:
        held.pulse(1.5, width_s=1e-3)
    with pytest.raises(tl.ClosedError, match="these cells are closed"):
        held.conductance()


def test_a_campaign_in_progress_and_an_experiment_are_told_apart(baked: Path) -> None:
    with pytest.raises(tl.UsageError, match="is a campaign, which has none"):
        tl.open("bake.h5", "iv")
    Path("plain.toml").write_text(Path("bake.toml").read_text().replace("[dump]", "[unused]", 1))
    with pytest.raises(tl.UsageError, match="unused"):
        tl.run("plain.toml")


def test_a_defect_is_an_exception() -> None:
    with pytest.raises(tl.DefectError, match="a defect of trapline, please report it: asked for") as caught:
        tl._trapline.defect()
    assert isinstance(caught.value, Exception) and isinstance(caught.value, tl.RunError)


def test_a_second_thread_on_one_handle_is_refused() -> None:
    held = tl.cells("pi-ws2-qd", rows=512, cols=512, backend="cpu", electrons="mean-field")
    worker = threading.Thread(target=lambda: held.pulse(1.5, width_s=1e-3, count=200))
    worker.start()
    time.sleep(0.1)
    refused = 0
    while worker.is_alive():
        try:
            held.filling()
        except tl.InUseError as error:
            assert "in use by another thread" in str(error)
            refused += 1
        time.sleep(0.01)
    worker.join()
    assert refused > 0
    assert held.filling().mean() > 0


def test_threads_with_handles_of_their_own_get_what_one_gets() -> None:
    def pulsed(seed: int) -> np.ndarray:
        mine = tl.cells("pi-ws2-qd", rows=16, cols=16, seed=seed, backend="cpu")
        mine.pulse(1.5, width_s=1e-3, count=5)
        return mine.conductance()

    found: dict[int, np.ndarray] = {}
    threads = [threading.Thread(target=lambda seed=seed: found.update({seed: pulsed(seed)})) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for seed in range(4):
        np.testing.assert_array_equal(found[seed], pulsed(seed))
