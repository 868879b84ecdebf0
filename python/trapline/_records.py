"""Records: campaigns as an xarray.Dataset, lifetimes as a pandas.DataFrame."""

from __future__ import annotations

import csv
import io
import math
import os
from types import TracebackType
from typing import TYPE_CHECKING, Any

import numpy as np

from . import _checked, _program, _trapline
from ._errors import MissingError, UsageError

if TYPE_CHECKING:
    import pandas
    import xarray

Path = str | os.PathLike[str]


def _xarray() -> Any:
    try:
        import xarray
    except ImportError:
        raise MissingError("xarray is not installed; install it: pip install xarray") from None
    return xarray


def _pandas() -> Any:
    try:
        import pandas
    except ImportError:
        raise MissingError("pandas is not installed; install it: pip install pandas") from None
    return pandas


def _values(values: Any, shape: list[int]) -> Any:
    """An array as it came, or texts as an array."""
    if isinstance(values, list):
        return np.array(values, dtype=np.str_).reshape(shape)
    return values


def _dataset(arrays: list[Any], attributes: list[tuple[str, str]]) -> xarray.Dataset:
    """Arrays with names, axes and units as a Dataset; arrays over the axis of their own name are its coordinates."""
    variables: dict[str, Any] = {}
    coordinates: dict[str, Any] = {}
    for name, axes, units, long_name, values, shape in arrays:
        entry = (tuple(axes), _values(values, shape), {"units": units, "long_name": long_name})
        (coordinates if axes == [name] else variables)[name] = entry
    made: xarray.Dataset = _xarray().Dataset(variables, coordinates, dict(attributes))
    return made


def _in_celsius(arrays: list[Any]) -> list[Any]:
    """A campaign's axis in degrees, as its file gives temperatures, with the kelvin beside it."""
    renamed = []
    for name, axes, *rest in arrays:
        axes = ["celsius" if axis == "temperature" else axis for axis in axes]
        renamed.append(("celsius" if name == "temperature_celsius" else name, axes, *rest))
    return renamed


def _column(texts: tuple[str, ...]) -> list[Any]:
    """Truth values, whole numbers, numbers (empty is NaN) or texts (empty is None): numbers with all their digits."""
    if texts and set(texts) <= {"true", "false"}:
        return [text == "true" for text in texts]
    try:
        return [int(text) for text in texts]
    except ValueError:
        pass
    try:
        return [float(text) if text else math.nan for text in texts]
    except ValueError:
        return [text or None for text in texts]


def _frame(table: str) -> pandas.DataFrame:
    """A table of the command."""
    names, *rows = csv.reader(io.StringIO(table))
    columns = zip(*rows) if rows else [()] * len(names)
    made: pandas.DataFrame = _pandas().DataFrame({name: _column(column) for name, column in zip(names, columns)})
    return made


class Record:
    """A record that is open: read once, its histograms and cells when they are asked for.

    Parameters
    ----------
    path
        A record of ``trapline``, of any kind. A process of its own reads it first, as the command does, so that a
        damaged file ends in a line and not in this interpreter's end.

    Raises
    ------
    RunError
        For what cannot be read.

    Examples
    --------
    >>> with Record("bake.h5") as bake:
    ...     print(bake.kind, bake.dataset().sizes["time"])
    campaign 7
    """

    def __init__(self, path: Path) -> None:
        _program.find()
        self._of = _trapline.Record(_checked.path("path", path), False)

    @classmethod
    def _own(cls, path: str) -> Record:
        """Of a record that this process has just written."""
        made = cls.__new__(cls)
        made._of = _trapline.Record(path, True)
        return made

    @property
    def path(self) -> str:
        """Where it lies."""
        return os.fspath(self._of.path)

    @property
    def kind(self) -> str:
        """``campaign``, ``point``, ``unfinished`` or ``experiment``."""
        return self._of.kind

    @property
    def closed(self) -> bool:
        """Whether it was closed."""
        return self._of.closed

    def groups(self) -> list[str]:
        """Names of an experiment's groups; none of a campaign."""
        return self._of.groups()

    def describe(self) -> str:
        """What is in it: the text that ``trapline show`` prints."""
        return self._of.described()

    def dataset(self, group: str | None = None, *, histograms: bool = False, cells: bool = False) -> xarray.Dataset:
        """Everything in it as one Dataset; see :func:`open`."""
        histograms, cells = _checked.truth("histograms", histograms), _checked.truth("cells", cells)
        if self._of.kind != "experiment":
            if group is not None:
                raise UsageError(f"group is {group!r}; it must be left out: {self.path} is a campaign, which has none")
            arrays, attributes = self._of.campaign_arrays(histograms, cells)
            made = _dataset(_in_celsius(arrays), attributes).set_coords(["temperature"])
        else:
            if histograms or cells:
                raise UsageError(f"{self.path} is an experiment, which has no histograms and no cells; leave them out")
            groups = self.groups()
            if group is None:
                if len(groups) != 1:
                    known = ", ".join(groups)
                    raise UsageError(f"{self.path} has {len(groups)} groups; name one of them with group=: {known}")
                group = groups[0]
            made = _dataset(*self._of.group_arrays(_checked.word("group", group)))
        made.encoding["source"] = self.path
        return made

    def _tables(self, ppm: float, confidence: float, across_break: bool, pool_seeds: bool) -> tuple[str, str]:
        ppm, confidence = _checked.number("ppm", ppm), _checked.number("confidence", confidence)
        across_break = _checked.truth("across_break", across_break)
        return self._of.lifetimes([85.0], [ppm], confidence, across_break, _checked.truth("pool_seeds", pool_seeds))

    def close(self) -> None:
        """Gives its memory back. Closing twice is fine; anything else raises :class:`ClosedError` then."""
        self._of.close()

    def __enter__(self) -> Record:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<trapline.Record {self.path}{', closed' if self.closed else ''}>"


def open(path: Path, group: str | None = None, *, histograms: bool = False, cells: bool = False) -> xarray.Dataset:
    """Read a record as an :class:`xarray.Dataset`.

    Every dataset of the file is there under its own name, with ``units`` and ``long_name``. One thing differs from the
    file: a campaign's temperatures are an axis ``celsius``, degrees as the campaign gives them, and the kelvin stand
    beside it as the coordinate ``temperature``.

    Parameters
    ----------
    path
        A campaign, a shard, a point or an experiment.
    group
        Which group of an experiment; may be left out where there is one.
    histograms
        The histograms of a campaign too.
    cells
        The cells of its dump too.

    Returns
    -------
    xarray.Dataset
        In memory; the file is closed.

    Raises
    ------
    RunError
        For what is missing, damaged or no record.
    UsageError
        For a campaign in progress, or a group that is not there.

    Examples
    --------
    >>> kept = open("bake.h5").kept_mean.sel(material="pi-ws2-qd", celsius=150)
    >>> kept.dims, kept.time.units
    (('time',), 's')
    """
    with Record(path) as record:
        return record.dataset(group, histograms=histograms, cells=cells)


def show(path: Path) -> str:
    """Say what is in a record: where it comes from, its axes and datasets, a summary.

    Parameters
    ----------
    path
        A record, or one of its points.

    Returns
    -------
    str
        What ``trapline show`` prints.

    Examples
    --------
    >>> "kept_mean" in show("bake.h5")
    True
    """
    with Record(path) as record:
        return record.describe()


def lifetimes(
    path: Path,
    *,
    ppm: float = 1000.0,
    confidence: float = 0.9,
    across_break: bool = False,
    pool_seeds: bool = True,
) -> pandas.DataFrame:
    """Lifetimes from a campaign's counts of failed cells: the table ``lifetimes.csv`` of ``trapline analyze``.

    Parameters
    ----------
    path
        The record of a campaign.
    ppm
        Failed cells in a million whose times are told.
    confidence
        Of all bounds.
    across_break
        Lets lines go across a break, above the glass transition, and as far as asked.
    pool_seeds
        Pools the cells of the seeds of a sweep.

    Returns
    -------
    pandas.DataFrame
        A row for each material and temperature of the bake, times in s. ``docs/lifetime.md`` says what the columns are;
        lives at temperatures of use are in what :func:`analyze` returns.

    Examples
    --------
    >>> sorted(set(lifetimes("bake.h5").material))
    ['pi-ws2-ns', 'pi-ws2-qd']
    """
    _pandas()
    with Record(path) as record:
        table, _ = record._tables(ppm, confidence, across_break, pool_seeds)
    return _frame(table)


def failures(path: Path, *, confidence: float = 0.9, pool_seeds: bool = True) -> pandas.DataFrame:
    """Failed cells at each checkpoint, with bounds and the fitted laws: the table ``curves.csv``.

    Parameters
    ----------
    path
        The record of a campaign.
    confidence
        Of the bounds.
    pool_seeds
        Pools the cells of the seeds of a sweep.

    Returns
    -------
    pandas.DataFrame
        A row for each temperature and checkpoint.

    Examples
    --------
    >>> "failed" in failures("bake.h5").columns
    True
    """
    _pandas()
    with Record(path) as record:
        _, table = record._tables(1000.0, confidence, False, pool_seeds)
    return _frame(table)
