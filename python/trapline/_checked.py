"""Arguments as the compiled part takes them, or a line that says what they must be."""

from __future__ import annotations

import math
import os
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._errors import UsageError


def shown(value: object) -> str:
    """A value in one line, short."""
    text = " ".join(repr(value).split())
    return text if len(text) <= 60 else text[:57] + "..."


def _unmasked(name: str, value: Any, of: str = "numbers") -> None:
    if np.ma.isMaskedArray(value) and np.ma.getmaskarray(value).any():
        raise UsageError(f"{name} has masked places; it must be {of} throughout: fill them")


def truth(name: str, value: Any) -> bool:
    """True or False, of Python or NumPy; a text or a number is neither."""
    if not isinstance(value, (bool, np.bool_)):
        raise UsageError(f"{name} is {shown(value)}; it must be True or False")
    return bool(value)


def number(name: str, value: Any, unit: str = "") -> float:
    """A finite real number: of Python or NumPy, but no text and no truth value."""
    limit = f"a finite number{f' of {unit}' if unit else ''}"
    _unmasked(name, value)
    if isinstance(value, (bool, np.bool_, str, bytes)):
        raise UsageError(f"{name} is {shown(value)}; it must be {limit}")
    try:
        found = float(value)
    except (TypeError, ValueError, OverflowError):
        raise UsageError(f"{name} is {shown(value)}; it must be {limit}") from None
    if not math.isfinite(found):
        raise UsageError(f"{name} is {found}; it must be {limit}")
    return found


def whole(name: str, value: Any, low: int, high: int) -> int:
    """A whole number within limits, both included."""
    limit = f"a whole number from {low} to {high}"
    if isinstance(value, (bool, np.bool_)):
        raise UsageError(f"{name} is {value}; it must be {limit}")
    try:
        found = value.__index__()
    except (AttributeError, TypeError):
        raise UsageError(f"{name} is {shown(value)}; it must be {limit}") from None
    if not low <= found <= high:
        raise UsageError(f"{name} is {found}; it must be {limit}")
    return int(found)


def maybe_whole(name: str, value: Any, low: int, high: int) -> int | None:
    return None if value is None else whole(name, value, low, high)


def word(name: str, value: Any) -> str:
    if not isinstance(value, str):
        raise UsageError(f"{name} is {shown(value)}; it must be a text")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise UsageError(f"{name} is {shown(value)}; it must be a text of whole characters") from None
    return value


def maybe_word(name: str, value: Any) -> str | None:
    return None if value is None else word(name, value)


def path(name: str, value: Any) -> str:
    """A path as text."""
    try:
        found = os.fspath(value)
    except TypeError:
        raise UsageError(f"{name} is {shown(value)}; it must be a path") from None
    return os.fsdecode(found)


def _in_words(shape: tuple[int | None, ...]) -> str:
    return " x ".join("any" if length is None else str(length) for length in shape)


def _matches(found: tuple[int, ...], wanted: tuple[int | None, ...]) -> bool:
    return len(found) == len(wanted) and all(b is None or a == b for a, b in zip(found, wanted))


def array(name: str, value: Any, shape: tuple[int | None, ...], unit: str = "") -> NDArray[np.float64]:
    """Real numbers of a shape as 64-bit floats in C order.

    Integers, other floats, other orders and strides are converted, which is a copy; an array that is as it must be is
    not copied. Complex numbers, objects, texts, truth values, masked places, NaN and infinities are refused.
    """
    of = f" of {unit}" if unit else ""
    _unmasked(name, value, f"numbers{of}")
    found = _as_array(name, value, f"an array of {_in_words(shape)} numbers{of}")
    if found.dtype.kind not in "iuf":
        raise UsageError(f"{name} has elements of {found.dtype}; they must be real numbers{of}")
    if not _matches(found.shape, shape):
        raise UsageError(
            f"{name} has the shape {_in_words(found.shape) or 'of one number'}; it must be {_in_words(shape)}"
        )
    if found.size == 0:
        raise UsageError(f"{name} is empty; it must hold at least one number")
    numbers = np.ascontiguousarray(found, dtype=np.float64)
    finite = np.isfinite(numbers)
    if not finite.all():
        place = tuple(int(at) for at in np.unravel_index(int(np.argmin(finite)), numbers.shape))
        at = place[0] if len(place) == 1 else place
        raise UsageError(f"{name} is {numbers[place]} at {at}; each must be a finite number{of}")
    return numbers


def number_or_array(
    name: str, value: Any, shape: tuple[int | None, ...], unit: str = ""
) -> float | NDArray[np.float64]:
    """One number for all, or an array of them."""
    return number(name, value, unit) if _is_alone(value) else array(name, value, shape, unit)


def _is_alone(value: Any) -> bool:
    """Whether a value is one and no array. A list of lists of different lengths is neither."""
    try:
        return np.ndim(value) == 0
    except ValueError:
        return False


def _as_array(name: str, value: Any, what: str) -> NDArray[Any]:
    try:
        return np.asarray(value)
    except (TypeError, ValueError):
        raise UsageError(f"{name} is {shown(value)}; it must be {what}") from None


def of_segments(name: str, value: Any, segments: int, kinds: str, what: str) -> NDArray[Any]:
    """One value of a kind for each of some segments."""
    _unmasked(name, value, what)
    found = _as_array(name, value, f"{segments} {what}, one for each segment")
    if found.dtype.kind not in kinds or found.shape != (segments,):
        raise UsageError(
            f"{name} is {found.dtype} of {found.shape}; it must be {segments} {what}, one for each segment"
        )
    return found


def places(where: Any, shape: tuple[int, int]) -> NDArray[np.uint32] | None:
    """Places of the cells that a mask of the array's shape names; all where it is None."""
    if where is None:
        return None
    _unmasked("where", where, "truth values")
    mask = _as_array("where", where, f"an array of {_in_words(shape)} truth values")
    if mask.dtype != np.bool_:
        raise UsageError(f"where has elements of {mask.dtype}; they must be truth values, one for each cell")
    if mask.shape != shape:
        raise UsageError(f"where has the shape {_in_words(mask.shape)}; it must be {_in_words(shape)}")
    return np.flatnonzero(mask).astype(np.uint32)


def computing(
    backend: Any, adapter: Any, device_memory_mib: Any, threads: Any, instruction_set: Any
) -> dict[str, str | int | None]:
    """The options that say what computes."""
    return {
        "backend": word("backend", backend),
        "adapter": maybe_word("adapter", None if adapter is None else str(adapter)),
        "device_memory_mib": maybe_whole("device_memory_mib", device_memory_mib, 1, 1 << 24),
        "threads": maybe_whole("threads", threads, 1, 1024),
        "instruction_set": maybe_word("instruction_set", instruction_set),
    }


MOST_LINES = 1 << 20
MOST_SEED = (1 << 64) - 1
