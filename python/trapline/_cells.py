"""An array of cells that keep their state where it is computed."""

from __future__ import annotations

from types import TracebackType
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from . import _checked, _trapline
from ._errors import UsageError

Material = _trapline.Material
Snapshot = _trapline.Snapshot
Floats = NDArray[np.float64]

_MOST_PULSES = (1 << 32) - 2


def material(name_or_path: str) -> Material:
    """A shipped material by name, or a file by path.

    Parameters
    ----------
    name_or_path
        ``"pi-ws2-qd"``; a slash or the ending ``.toml`` makes it a path.

    Returns
    -------
    Material
        It does not change. ``text`` is its file, with every number's unit and source.

    Raises
    ------
    UsageError
        For a name that is not shipped, and a file that is no material.

    Examples
    --------
    >>> material("pi-ws2-qd").glass_transition_celsius
    170.0
    """
    name = _checked.word("name_or_path", _checked.path("name_or_path", name_or_path))
    return _trapline.Material.load(name)


def parse_material(text: str, origin: str = "the text") -> Material:
    """A material from the text of a file.

    Parameters
    ----------
    text
        TOML, as ``material("pi-ws2-qd").text`` has it.
    origin
        What errors call it.

    Returns
    -------
    Material

    Examples
    --------
    >>> parse_material(material("pi").text).name
    'pi'
    """
    return _trapline.Material.parse(_checked.word("text", text), _checked.word("origin", origin))


def materials() -> list[str]:
    """Names of the materials that come with the package.

    Examples
    --------
    >>> materials()
    ['pi-ws2-qd', 'pi-ws2-ns', 'pi']
    """
    return _trapline.shipped()


class Response(NamedTuple):
    """What was seen of cells; axes (record, row, column). Cells that were left out are NaN.

    Attributes
    ----------
    current_a
        Current at the end of the recorded segment, A, with the sign of its bias.
    filling
        Filling of the traps there, 0 to 1.
    energy_j
        Electrical energy since the record before, J.
    injected, caught
        Electrons since the record before.
    """

    current_a: Floats
    filling: Floats
    energy_j: Floats
    injected: Floats
    caught: Floats


class Cells:
    """An array of cells with their state: on the device of a GPU, in memory of the other backends.

    Cells start empty. Each is drawn from its number (row by row) and the seed, so the same call gives the same cells on
    every backend. While anything is computed other threads of Python go on; a second thread that uses the same cells
    meanwhile is refused (:class:`InUseError`).

    See :func:`cells`.
    """

    def __init__(self, of: _trapline.Cells) -> None:
        self._of = of

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return self._of.shape

    @property
    def backend(self) -> str:
        """What computes: ``cpu``, ``gpu`` or ``reference``."""
        return self._of.backend

    @property
    def electrons(self) -> str:
        """``counted`` or ``mean-field``."""
        return self._of.electrons

    @property
    def seed(self) -> int:
        """From which the cells are drawn."""
        return self._of.seed

    @property
    def closed(self) -> bool:
        """Whether they were closed."""
        return self._of.closed

    def pulse(
        self,
        bias_v: float,
        width_s: float,
        *,
        count: int = 1,
        interval_s: float = 1e-3,
        celsius: float = 25.0,
        where: ArrayLike | None = None,
    ) -> None:
        """Give equal pulses, all cells at once, each cell by itself: no wires.

        Parameters
        ----------
        bias_v
            V, of either sign.
        width_s
            Length of a pulse, s.
        count
            Pulses.
        interval_s
            Time at 0 V after each pulse, s.
        celsius
            Ambient temperature, °C.
        where
            Truth values of the array's shape: only these cells. All without it.

        Notes
        -----
        Ctrl-C is heard after each 2^24 pulses of cells; the pulses given until then count. Electrons that are counted
        are drawn at the end of each such piece.
        """
        count = _checked.whole("count", count, 1, _MOST_PULSES)
        bias_v, width_s = _checked.number("bias_v", bias_v, "V"), _checked.number("width_s", width_s, "s")
        interval_s, celsius = _checked.number("interval_s", interval_s, "s"), _checked.number("celsius", celsius, "C")
        self._of.pulse(bias_v, width_s, count, interval_s, celsius, _checked.places(where, self.shape))

    def drive(
        self,
        bias_v: ArrayLike,
        dwell_s: ArrayLike,
        *,
        record: ArrayLike | None = None,
        pulse: ArrayLike | None = None,
        celsius: float = 25.0,
        where: ArrayLike | None = None,
    ) -> Response:
        """Move cells through segments of constant bias, and see what they do.

        Parameters
        ----------
        bias_v
            Of each segment, V.
        dwell_s
            Of each segment, s; one number for all will do. A reading of 0 s changes nothing.
        record
            Truth values, which segments are recorded; all of them without it.
        pulse
            Number of the pulse that each segment belongs to, from 0: segments of one number share a cell's draw of
            its capture speed from pulse to pulse. A number of its own for each without it.
        celsius
            Ambient temperature, °C.
        where
            As for :meth:`pulse`.

        Returns
        -------
        Response
            A record for each recorded segment.
        """
        biases = np.atleast_1d(_checked.number_or_array("bias_v", bias_v, (None,), "V"))
        segments = len(biases)
        dwells = np.broadcast_to(_checked.number_or_array("dwell_s", dwell_s, (segments,), "s"), segments).copy()
        given = np.ones(segments, dtype=np.bool_) if record is None else record
        recorded = _checked.of_segments("record", given, segments, "b", "truth values")
        given = np.arange(segments) if pulse is None else pulse
        numbers = _checked.of_segments("pulse", given, segments, "iu", "whole numbers")
        for number in (int(numbers.min()), int(numbers.max())):
            _checked.whole("pulse", number, 0, _MOST_PULSES)
        places = _checked.places(where, self.shape)
        celsius = _checked.number("celsius", celsius, "C")
        recorded = np.ascontiguousarray(recorded)
        return Response(*self._of.drive(biases, dwells, recorded, numbers.astype(np.uint32), celsius, places))

    def expose(
        self,
        bias_v: ArrayLike,
        *,
        dwell_s: float,
        celsius: ArrayLike = 25.0,
        where: ArrayLike | None = None,
    ) -> Response:
        """Give each cell its own bias, at its own temperature, for a time.

        Parameters
        ----------
        bias_v
            V: one for all, or an array of the cells' shape.
        dwell_s
            s.
        celsius
            °C: one for all, or an array of the cells' shape.
        where
            As for :meth:`pulse`.

        Returns
        -------
        Response
            One record.
        """
        biases = _checked.number_or_array("bias_v", bias_v, self.shape, "V")
        degrees = _checked.number_or_array("celsius", celsius, self.shape, "C")
        places = _checked.places(where, self.shape)
        dwell_s = _checked.number("dwell_s", dwell_s, "s")
        return Response(*self._of.expose(biases, degrees, dwell_s, True, places))

    def bake(self, *, celsius: float, seconds: float) -> None:
        """Leave all cells at 0 V and a temperature, in one exact step.

        Parameters
        ----------
        celsius
            °C.
        seconds
            s: microseconds or ten years.
        """
        self._of.bake(_checked.number("celsius", celsius, "C"), _checked.number("seconds", seconds, "s"))

    def conductance(self, *, read_v: float = 0.1, celsius: float = 25.0) -> Floats:
        """Conductance of every cell, S, without noise; takes no time and changes nothing.

        Parameters
        ----------
        read_v
            Bias of the reading, V.
        celsius
            Temperature of the reading, °C.

        Returns
        -------
        numpy.ndarray
            64-bit floats of the cells' shape, yours.
        """
        return self._of.conductance(_checked.number("read_v", read_v, "V"), _checked.number("celsius", celsius, "C"))

    def filling(self) -> Floats:
        """Filling of the traps of every cell, 0 to 1."""
        return self._of.filling()

    def occupancy(self) -> Floats:
        """Occupancy of each trap class, 0 to 1; axes (row, column, class)."""
        return self._of.occupancy().reshape(*self.shape, len(self._of.weights))

    def set_occupancy(self, occupancy: ArrayLike) -> None:
        """Replace the occupancies.

        Parameters
        ----------
        occupancy
            0 to 1, axes (row, column, class), as :meth:`occupancy` gives them. The backends ``cpu`` and ``gpu`` round
            them to single precision.
        """
        rows, cols = self.shape
        classes = len(self._of.weights)
        given = _checked.array("occupancy", occupancy, (rows, cols, classes))
        if given.min() < 0 or given.max() > 1:
            wrong = given.min() if given.min() < 0 else given.max()
            raise UsageError(f"occupancy is {wrong}; it must be between 0 and 1")
        self._of.set_occupancy(given.reshape(rows * cols, classes))

    def empty(self) -> None:
        """Take the cells' charge away."""
        self._of.empty()

    def snapshot(self) -> Snapshot:
        """The state as it is now, to go back to; it stays where the cells are.

        What chance does to counted electrons is not part of it: cells that are taken back go on with new random
        numbers, as a device that is measured again does. A :meth:`copy` goes on with those of the cells themselves.
        """
        return self._of.snapshot()

    def restore(self, snapshot: Snapshot) -> None:
        """Go back to a state of these cells, or of others that are as many and of the same material."""
        if not isinstance(snapshot, Snapshot):
            raise UsageError(f"snapshot is {type(snapshot).__name__}; it must be what Cells.snapshot gave")
        self._of.restore(snapshot)

    def copy(self) -> Cells:
        """The same cells in the same state once more, to be treated differently."""
        return Cells(self._of.copy())

    def close(self) -> None:
        """Give their memory back. Closing twice is fine; anything else raises :class:`ClosedError` then."""
        self._of.close()

    def __enter__(self) -> Cells:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        rows, cols = self.shape
        closed = ", closed" if self.closed else ""
        return f"<trapline.Cells {rows} x {cols} of {self._of.material}, {self.electrons}, on {self.backend}{closed}>"


def cells(
    material: Material | str,
    *,
    rows: int,
    cols: int,
    seed: int = 1,
    variation: bool = True,
    electrons: str | None = None,
    backend: str = "auto",
    adapter: str | int | None = None,
    device_memory_mib: int | None = None,
    threads: int | None = None,
    instruction_set: str | None = None,
) -> Cells:
    """An array of cells, empty.

    Parameters
    ----------
    material
        A material, or its name or path.
    rows, cols
        Of the array.
    seed
        From which variation and chance are drawn.
    variation
        Whether cells differ from each other.
    electrons
        ``counted`` or ``mean-field``; counted without it, where a cell has up to 2e6 dots.
    backend, adapter, device_memory_mib, threads, instruction_set
        As for :func:`run`. A backend is opened once and kept.

    Returns
    -------
    Cells

    Examples
    --------
    >>> array = cells(material("pi-ws2-qd"), rows=16, cols=16, seed=1, backend="cpu")
    >>> fresh_s = array.conductance()
    >>> array.pulse(1.5, width_s=1e-3, count=30)
    >>> bool((array.conductance() > fresh_s).all())
    True
    >>> array.bake(celsius=150, seconds=1e5)
    """
    of: Any = material
    if not isinstance(of, Material):
        of = _trapline.Material.load(_checked.word("material", _checked.path("material", of)))
    made = {
        "rows": _checked.whole("rows", rows, 1, _checked.MOST_LINES),
        "cols": _checked.whole("cols", cols, 1, _checked.MOST_LINES),
        "seed": _checked.whole("seed", seed, 0, _checked.MOST_SEED),
        "variation": _checked.truth("variation", variation),
        "electrons": _checked.maybe_word("electrons", electrons),
    }
    asked = _checked.computing(backend, adapter, device_memory_mib, threads, instruction_set)
    return Cells(_trapline.Cells(of, made, asked))
