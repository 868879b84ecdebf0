"""Crossbars as circuits: what wires and sneak paths make of an array, with a certified bound of the error."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from . import _checked, _trapline
from ._errors import UsageError

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Reading:
    """A crossbar that was solved. No error of a current at an end of a line is larger than ``bound_a``.

    Attributes
    ----------
    column_a
        Current out of each column, A.
    row_a
        Current into each row, A.
    word_v, bit_v
        Potential of the word and of the bit line at each cell, V; NaN on lines that are connected with no source.
    cell_a
        Current through each cell, A.
    bound_a
        Bound of the sum of the errors of all end currents, A; it holds without exception.
    relative_bound
        The same over ``total_a``.
    total_a
        Current through the array, A: half the sum of the magnitudes at all ends.
    residual_a, rounding_a
        What the bound consists of, A.
    conservation_a
        Sum of the currents of all sources, A.
    iterations
        Of conjugate gradients.
    dead_rows, dead_cols
        Lines that are connected with no source.
    """

    column_a: Floats
    row_a: Floats
    word_v: Floats
    bit_v: Floats
    cell_a: Floats
    bound_a: float
    relative_bound: float
    total_a: float
    residual_a: float
    rounding_a: float
    conservation_a: float
    iterations: int
    dead_rows: list[int]
    dead_cols: list[int]

    def __repr__(self) -> str:
        rows, cols = self.cell_a.shape
        return f"<trapline.Reading of {rows} x {cols} cells: {self.total_a:.6g} A, off by {self.bound_a:.1e} A at most>"


@dataclass(frozen=True, eq=False)
class Readings:
    """Many vectors read from one array.

    Attributes
    ----------
    column_a
        Currents out of the columns, A; axes (vector, column).
    bound_a
        Bound of the sum of the errors of each vector's currents, A.
    """

    column_a: Floats
    bound_a: Floats


@dataclass(frozen=True, eq=False)
class Weights:
    """The array as one matrix: ``v_rows @ weight_s + offset_a`` are the currents of the columns.

    Attributes
    ----------
    weight_s
        Current out of each column per volt at each row, S; axes (row, column).
    offset_a
        Currents with all rows at 0 V, A.
    bound_s
        Bound of the sum of the errors of the weights of one solve, S.
    """

    weight_s: Floats
    offset_a: Floats
    bound_s: float


class Crossbar:
    """Conductances with their wires; see :func:`crossbar`. It does not change: any number of threads may read it."""

    def __init__(self, of: _trapline.Crossbar) -> None:
        self._of = of

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return self._of.shape

    def read(self, v_rows: ArrayLike) -> Reading:
        """Drive every row at its own voltage, and sense every column at 0 V.

        Parameters
        ----------
        v_rows
            V, one for each row.

        Returns
        -------
        Reading

        Raises
        ------
        RunError
            Where the accuracy that was asked for cannot be promised.
        """
        return Reading(**self._of.read(_checked.array("v_rows", v_rows, (self.shape[0],), "V")))

    def read_many(self, v_rows: ArrayLike) -> Readings:
        """The same of many vectors, with one factorisation. Ctrl-C is heard after each; of arrays of up to 65,536 cells
        after every 64.

        Parameters
        ----------
        v_rows
            V; axes (vector, row).

        Returns
        -------
        Readings
        """
        return Readings(*self._of.read_many(_checked.array("v_rows", v_rows, (None, self.shape[0]), "V")))

    def select(self, row: int, col: int, *, read_v: float = 0.1, scheme: str = "half") -> Reading:
        """Read one cell among others.

        Parameters
        ----------
        row, col
            Of the cell, from 0.
        read_v
            Voltage of its row, V; its column is sensed at 0 V.
        scheme
            How the other lines are held: ``grounded``, ``floating``, ``half`` or ``third`` of the voltage.

        Returns
        -------
        Reading
            Its cell's column is ``column_a[col]``.
        """
        rows, cols = self.shape
        cell = (_checked.whole("row", row, 0, rows - 1), _checked.whole("col", col, 0, cols - 1))
        return Reading(**self._of.select(cell, _checked.number("read_v", read_v, "V"), _checked.word("scheme", scheme)))

    def weights(self) -> Weights:
        """The array as one matrix that holds its wires: any number of vectors is then a product.

        Returns
        -------
        Weights
        """
        return Weights(*self._of.transfer())

    def __repr__(self) -> str:
        rows, cols = self.shape
        return f"<trapline.Crossbar {rows} x {cols}>"


def _wire(name: str, ohm: Any, cells: int) -> float | Floats:
    return _checked.number_or_array(name, ohm, (cells + 1,), "ohm")


def _accuracy(relative: Any) -> float:
    found = _checked.number("accuracy", relative)
    if not 1e-14 <= found <= 0.1:
        raise UsageError(f"accuracy is {found}; it must be between 1e-14 and 0.1")
    return found


def crossbar(
    g: ArrayLike,
    wire_ohm: float = 1.0,
    *,
    word_wire_ohm: ArrayLike | None = None,
    bit_wire_ohm: ArrayLike | None = None,
    source_ohm: float = 0.0,
    sense_ohm: float = 0.0,
    both_ends: bool = False,
    accuracy: float = 1e-9,
    each_column: bool = False,
    backend: str = "cpu",
    adapter: str | int | None = None,
    device_memory_mib: int | None = None,
) -> Crossbar:
    """A crossbar of cells that conduct as given: rows are word lines, driven at the left, columns are sensed below.

    Parameters
    ----------
    g
        Conductance of each cell, S, rows by columns; 0 for an open cell. Copied.
    wire_ohm
        Resistance of each segment of the wires, from cell to cell, ohm.
    word_wire_ohm, bit_wire_ohm
        The same of word and of bit lines alone; or of each segment from the near end on, one more than a line has
        cells.
    source_ohm
        Of each source beside its wire, ohm.
    sense_ohm
        Input resistance of each amplifier, ohm.
    both_ends
        Drives and senses lines at both ends.
    accuracy
        Bound of the errors of all currents together, over the total current.
    each_column
        Over the smallest current of a column instead.
    backend
        ``gpu`` has a device iterate, ``auto`` where there is one.
    adapter, device_memory_mib
        As for :func:`run`.

    Returns
    -------
    Crossbar

    Raises
    ------
    UsageError
        For a cell, a wire or an end that cannot be.

    Examples
    --------
    >>> import numpy as np
    >>> seen = crossbar(np.full((8, 4), 1e-6), wire_ohm=2.8).read(np.full(8, 0.1))
    >>> bool(abs(seen.column_a / 8e-7 - 1).max() < 1e-3), seen.relative_bound < 1e-9
    (True, True)
    """
    conductance_s = _checked.array("g", g, (None, None), "S")
    rows, cols = conductance_s.shape
    of_all = _checked.number("wire_ohm", wire_ohm, "ohm")
    if word_wire_ohm is not None and bit_wire_ohm is not None and of_all != 1.0:
        raise UsageError(
            "wire_ohm does nothing where word lines and bit lines have their own: leave one of the three out"
        )
    around = {
        "word_wire": of_all if word_wire_ohm is None else _wire("word_wire_ohm", word_wire_ohm, cols),
        "bit_wire": of_all if bit_wire_ohm is None else _wire("bit_wire_ohm", bit_wire_ohm, rows),
        "source_ohm": _checked.number("source_ohm", source_ohm, "ohm"),
        "sense_ohm": _checked.number("sense_ohm", sense_ohm, "ohm"),
        "both_ends": _checked.truth("both_ends", both_ends),
        "relative": _accuracy(accuracy),
        "each_column": _checked.truth("each_column", each_column),
    }
    asked = _checked.computing(backend, adapter, device_memory_mib, None, None)
    return Crossbar(_trapline.Crossbar(conductance_s, around, asked))
