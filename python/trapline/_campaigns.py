"""Campaigns: planned, run, resumed."""

from __future__ import annotations

import os
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from . import _checked, _program, _progress, _trapline
from ._errors import TraplineWarning
from ._records import Path, Record, _pandas

if TYPE_CHECKING:
    import pandas
    import xarray


def _of_file(file: Path, rows: Any, cols: Any, seed: Any, electrons: Any, shard: Any) -> dict[str, Any]:
    return {
        "file": _checked.path("file", file),
        "rows": _checked.maybe_whole("rows", rows, 1, _checked.MOST_LINES),
        "cols": _checked.maybe_whole("cols", cols, 1, _checked.MOST_LINES),
        "seed": _checked.maybe_whole("seed", seed, 0, _checked.MOST_SEED),
        "electrons": _checked.maybe_word("electrons", electrons),
        "shard": _checked.maybe_word("shard", shard),
    }


def _run(of: dict[str, Any], how: dict[str, Any], asked: dict[str, Any], progress: Any) -> xarray.Dataset:
    _program.find()
    tell, end = _progress.shown(progress)
    try:
        path, remarks = _trapline.run(of, how, asked, tell)
    finally:
        end()
    for remark in remarks:
        warnings.warn(remark, TraplineWarning, stacklevel=3)
    with Record._own(os.fspath(path)) as record:
        return record.dataset()


def run(
    file: Path,
    *,
    output: Path | None = None,
    rows: int | None = None,
    cols: int | None = None,
    seed: int | None = None,
    electrons: str | None = None,
    shard: str | None = None,
    force: bool = False,
    plot: bool = False,
    backend: str = "auto",
    adapter: str | int | None = None,
    device_memory_mib: int | None = None,
    threads: int | None = None,
    instruction_set: str | None = None,
    progress: bool | _progress.Told | None = None,
) -> xarray.Dataset:
    """Run a campaign and read its record.

    It runs in this process, in a thread of its own: other threads of Python go on, and Ctrl-C ends it between two tiles
    of cells. Finished points are kept then, and :func:`resume` goes on with them.

    Parameters
    ----------
    file
        The campaign file.
    output
        The record to write; the campaign's name and ``.h5`` in the working folder without it.
    rows, cols, seed, electrons
        In the place of the file's values; ``electrons`` is ``counted``, ``mean-field`` or ``each-dot``.
    shard
        One piece of so many, of equal work: ``"3/16"``. The record is then ``OUT-03-of-16.h5``.
    force
        Replaces outputs that exist, and the points of an interrupted run.
    plot
        Draws the command's plots too, beside the record.
    backend
        ``auto`` (a real GPU where there is one, else the processor), ``cpu``, ``gpu`` or ``reference``.
    adapter
        A GPU: its number or PCI address in :func:`devices`, or a part of its name.
    device_memory_mib
        Device memory that a tile of cells may take, MiB.
    threads
        Of the CPU backend.
    instruction_set
        Of the CPU backend.
    progress
        A bar where somebody looks (None), anyway (True), not at all (False); or a function of the steps done, all
        steps, the points finished and all points, called some ten times a second. What it raises ends the run.

    Returns
    -------
    xarray.Dataset
        The record, as :func:`open` reads it.

    Raises
    ------
    UsageError
        For what the file or the call holds, and for outputs that exist.
    RunError
        For what fails on the way.
    Interrupted
        At Ctrl-C, with a line that says what is kept.

    Examples
    --------
    >>> bake = run("bake.toml", rows=16, cols=16, backend="cpu", force=True)
    >>> float(bake.kept_mean.sel(material="pi-ws2-qd", celsius=25).isel(time=-1)) > 0.99
    True
    """
    of = _of_file(file, rows, cols, seed, electrons, shard)
    asked = _checked.computing(backend, adapter, device_memory_mib, threads, instruction_set)
    to = None if output is None else _checked.path("output", output)
    replaces, draws = _checked.truth("force", force), _checked.truth("plot", plot)
    return _run(of, {"output": to, "force": replaces, "resume": False, "plot": draws}, asked, progress)


def resume(
    file: Path,
    *,
    output: Path | None = None,
    rows: int | None = None,
    cols: int | None = None,
    seed: int | None = None,
    electrons: str | None = None,
    shard: str | None = None,
    plot: bool = False,
    backend: str = "auto",
    adapter: str | int | None = None,
    device_memory_mib: int | None = None,
    threads: int | None = None,
    instruction_set: str | None = None,
    progress: bool | _progress.Told | None = None,
) -> xarray.Dataset:
    """Go on with an interrupted run of the same campaign: its finished points are kept.

    It ends with the numbers of a run that was not interrupted. Where there is nothing to go on with it is :func:`run`,
    and where the record is whole it only reads it.

    Parameters
    ----------
    file, output, rows, cols, seed, electrons, shard, plot
        As they were for the run that was interrupted.
    backend, adapter, device_memory_mib, threads, instruction_set, progress
        As for :func:`run`; the backend as it was.

    Returns
    -------
    xarray.Dataset
        As :func:`run`.

    Examples
    --------
    >>> resume("bake.toml", rows=16, cols=16, backend="cpu").sizes["time"]
    7
    """
    of = _of_file(file, rows, cols, seed, electrons, shard)
    asked = _checked.computing(backend, adapter, device_memory_mib, threads, instruction_set)
    to = None if output is None else _checked.path("output", output)
    draws = _checked.truth("plot", plot)
    return _run(of, {"output": to, "force": False, "resume": True, "plot": draws}, asked, progress)


@dataclass(frozen=True)
class Forecast:
    """What a campaign will take.

    Attributes
    ----------
    seconds
        Time to compute and to record, s, by a quick measurement.
    record_bytes, parts_bytes
        Room on the disk: for the record, and for its points until it is whole.
    backend
        What was measured.
    """

    seconds: float
    record_bytes: int
    parts_bytes: int
    backend: str


class Plan:
    """A campaign that was checked and not run; see :func:`plan`."""

    def __init__(self, of: _trapline.Plan) -> None:
        self._of = of

    @property
    def name(self) -> str:
        """The campaign's name."""
        return self._of.name

    @property
    def points(self) -> int:
        """Points of the campaign; of a shard too, all of them."""
        return self._of.points

    @property
    def numbers(self) -> NDArray[np.uint64]:
        """Numbers of the points to compute."""
        return self._of.numbers

    @property
    def cell_steps(self) -> int:
        """Pulses, pauses, sweep points and checkpoints of all cells together."""
        return self._of.cell_steps

    @property
    def memory_bytes(self) -> int:
        """Memory it needs, bytes, beside what the backend takes."""
        return self._of.memory_bytes

    @property
    def times_s(self) -> NDArray[np.float64]:
        """Checkpoints after programming, s; the first is 0."""
        return self._of.times_s

    def table(self) -> pandas.DataFrame:
        """Every point to compute: material, °C, array, seed, remarks on the model's validity."""
        names = ["number", "material", "celsius", "rows", "cols", "seed", "remarks"]
        made: pandas.DataFrame = _pandas().DataFrame(self._of.rows(), columns=names).set_index("number")
        return made

    def forecast(
        self,
        backend: str = "auto",
        *,
        adapter: str | int | None = None,
        device_memory_mib: int | None = None,
        threads: int | None = None,
        instruction_set: str | None = None,
    ) -> Forecast:
        """Measure a few points on a backend: seconds, and room on the disk.

        Parameters
        ----------
        backend, adapter, device_memory_mib, threads, instruction_set
            As for :func:`run`.

        Returns
        -------
        Forecast
        """
        asked = _checked.computing(backend, adapter, device_memory_mib, threads, instruction_set)
        return Forecast(*self._of.measured(asked))

    def __repr__(self) -> str:
        return f"<trapline.Plan {self.name}: {len(self.numbers)} of {self.points} points>"


def plan(
    file: Path,
    *,
    rows: int | None = None,
    cols: int | None = None,
    seed: int | None = None,
    electrons: str | None = None,
    shard: str | None = None,
) -> Plan:
    """Check a campaign file and say what it asks for, without running it.

    Parameters
    ----------
    file
        The campaign file.
    rows, cols, seed, electrons, shard
        As for :func:`run`.

    Returns
    -------
    Plan

    Raises
    ------
    UsageError
        For a file that is no campaign, or holds a value outside its limit.

    Examples
    --------
    >>> plan("bake.toml", rows=16, cols=16)
    <trapline.Plan bake: 4 of 4 points>
    """
    return Plan(_trapline.Plan(_of_file(file, rows, cols, seed, electrons, shard)))
