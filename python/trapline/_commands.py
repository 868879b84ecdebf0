"""What the command does in a process of its own: merge, diff, analyze, lives, rare, fit."""

from __future__ import annotations

import builtins
import contextlib
import os
import tempfile
import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from . import _checked, _program
from ._cells import Material, material
from ._errors import TraplineWarning, UsageError
from ._records import Path, _pandas, open

if TYPE_CHECKING:
    import pandas
    import xarray


def _file(name: str, path: Any) -> str:
    """A path that no option is taken for."""
    found = _checked.path(name, path)
    return os.path.join(".", found) if found.startswith("-") else found


def _files(name: str, paths: Any) -> list[str]:
    """Paths of one or several files."""
    if isinstance(paths, (str, bytes, os.PathLike)):
        return [_file(name, paths)]
    try:
        given = list(paths)
    except TypeError:
        raise UsageError(f"{name} is {_checked.shown(paths)}; it must be a path or several") from None
    found = [_file(name, path) for path in given]
    if not found:
        raise UsageError(f"{name} is empty; it must name at least one file")
    return found


def _numbers(name: str, values: float | Iterable[float]) -> str:
    given = values if isinstance(values, Iterable) else [values]
    return ",".join(repr(_checked.number(name, value)) for value in given)


def _switches(**options: tuple[str, Any]) -> list[str]:
    """Those options of a command that arguments of these names set."""
    return [word for name, (word, given) in options.items() if _checked.truth(name, given)]


def merge(
    pieces: Path | Sequence[Path], *, output: Path, force: bool = False, partial: bool = False, virtual: bool = False
) -> xarray.Dataset:
    """Put records of shards, and what is finished of campaigns in progress, together into one record.

    In a process of its own: ``trapline merge``.

    Parameters
    ----------
    pieces
        The records.
    output
        The record to write.
    force
        Replaces a record that exists.
    partial
        Writes the record though points are missing; in it they are told apart by ``computed``.
    virtual
        Leaves histograms, series and dumps in the pieces, which must then stay where they are.

    Returns
    -------
    xarray.Dataset
        The record, as :func:`open` reads it.

    Examples
    --------
    >>> half = [run("bake.toml", rows=16, cols=16, shard=f"{n}/2", output="part", force=True) for n in (1, 2)]
    >>> whole = merge(["part-1-of-2.h5", "part-2-of-2.h5"], output="merged.h5", force=True)
    >>> int(whole.computed.min())
    1
    """
    words = ["merge", "--json", "-o", _file("output", output), *_files("pieces", pieces)]
    words += _switches(force=("--force", force), partial=("--partial", partial), virtual=("--virtual", virtual))
    said, _, _ = _program.call_for_json(words)
    for remark in said["remarks"]:
        warnings.warn(remark, TraplineWarning, stacklevel=2)
    return open(output)


@dataclass(frozen=True)
class Comparison:
    """How two records differ. It is true where they hold the same results.

    Attributes
    ----------
    described
        Differences in what was computed, a line each.
    missing
        What only one of them has, a line each.
    common
        Points, or datasets of experiments, that both hold.
    differences
        Of each dataset that differs: ``name``, ``at``, ``numbers``, ``differ``, ``largest``, ``times_allowed``,
        ``values``.
    """

    described: list[str]
    missing: list[str]
    common: int
    differences: list[dict[str, Any]]

    @property
    def same(self) -> bool:
        """Whether both hold the same results."""
        return self.common > 0 and not self.missing and not self.differences

    def __bool__(self) -> bool:
        return self.same

    def table(self) -> pandas.DataFrame:
        """The differences, a row each."""
        names = ["name", "at", "numbers", "differ", "largest", "times_allowed", "values"]
        made: pandas.DataFrame = _pandas().DataFrame(self.differences, columns=names).set_index("name")
        return made


def diff(a: Path, b: Path, *, tolerance: float = 0.0) -> Comparison:
    """Compare the numbers of two records.

    In a process of its own: ``trapline diff``.

    Parameters
    ----------
    a, b
        Two campaigns, points or experiments.
    tolerance
        Share of a dataset's scale up to which two numbers count as the same; 0 asks for the same values.

    Returns
    -------
    Comparison

    Examples
    --------
    >>> bool(diff("bake.h5", "merged.h5"))
    True
    """
    words = [
        "diff",
        "--json",
        "--tolerance",
        repr(_checked.number("tolerance", tolerance)),
        _file("a", a),
        _file("b", b),
    ]
    said, _, _ = _program.call_for_json(words, quiet_codes=(1,))
    return Comparison(said["described"], said["missing"], said["common"], said["differences"])


def analyze(
    records: Path | Sequence[Path],
    *,
    output: Path | None = None,
    use_celsius: float | Iterable[float] = 85.0,
    ppm: float | Iterable[float] = 1000.0,
    confidence: float = 0.9,
    across_break: bool = False,
    pool_seeds: bool = True,
    force: bool = False,
) -> dict[str, Any] | list[dict[str, Any]]:
    """Lifetimes with bounds, activation energies, lives at use; a page with figures on request.

    In a process of its own: ``trapline analyze``. :func:`lifetimes` has its table in this process.

    Parameters
    ----------
    records
        Records of campaigns, each reported on by itself.
    output
        Folder for the page and its figures; nothing is written without it.
    use_celsius
        Temperatures of use, °C.
    ppm
        Failed cells in a million whose times are told.
    confidence
        Of all bounds.
    across_break
        Lets lines go across a break, above the glass transition, and as far as asked.
    pool_seeds
        Pools the cells of the seeds of a sweep.
    force
        Replaces a report that exists.

    Returns
    -------
    dict or list of dict
        ``report.json``, of several records a list.

    Examples
    --------
    >>> "groups" in analyze("bake.h5", use_celsius=[55, 85])
    True
    """
    words = [
        "analyze",
        "--json",
        "--use-temperature",
        _numbers("use_celsius", use_celsius),
        "--ppm",
        _numbers("ppm", ppm),
    ]
    words += ["--confidence", repr(_checked.number("confidence", confidence)), *_files("records", records)]
    words += [] if output is None else ["-o", _file("output", output)]
    words += _switches(across_break=("--extrapolate-across-break", across_break), force=("--force", force))
    words += [] if _checked.truth("pool_seeds", pool_seeds) else ["--separate-seeds"]
    report: dict[str, Any] | list[dict[str, Any]] = _program.call_for_json(words)[0]
    return report


def lives(
    path: Path,
    *,
    use_celsius: float | Iterable[float] = 85.0,
    ppm: float | Iterable[float] = 1000.0,
    confidence: float = 0.9,
    across_break: bool = False,
    pool_seeds: bool = True,
) -> pandas.DataFrame:
    """Lives at temperatures of use, extrapolated from a campaign's bakes.

    In a process of its own: ``trapline analyze``. ``docs/lifetime.md`` says what they rest on.

    Parameters
    ----------
    path
        The record of a campaign.
    use_celsius
        Temperatures of use, in degrees Celsius.
    ppm
        Failed cells in a million whose times are told.
    confidence
        Of all bounds.
    across_break
        Lets lines go across a break, above the glass transition, and as far as asked; their bounds then mean little.
    pool_seeds
        Pools the cells of the seeds of a sweep.

    Returns
    -------
    pandas.DataFrame
        A row for each case, temperature and number of failed cells: ``life_s`` with ``lower_s`` and ``upper_s`` by
        Arrhenius' law, and in ``life_y`` years; ``linear_in_t_s``, the life if its logarithm were straight in the temperature, and
        ``factor_between_laws``; ``counted_lower_s`` and ``counted_upper_s``, what a bake at the temperature itself counted, if there
        was one; ``refused``, why there is no life.

    Examples
    --------
    >>> lives("bake.h5", use_celsius=[55.0, 85.0]).celsius.tolist()
    [55.0, 85.0, 55.0, 85.0]
    """
    words = ["analyze", "--json", "--use-temperature", _numbers("use_celsius", use_celsius), "--ppm", _numbers("ppm", ppm)]
    words += ["--confidence", repr(_checked.number("confidence", confidence))]
    words += ["--extrapolate-across-break"] if across_break else []
    words += [] if pool_seeds else ["--separate-seeds"]
    said, _, _ = _program.call_for_json([*words, _file("path", path)])
    rows = [
        _life(group, use["temperature_k"] - 273.15, life)
        for group in said["groups"]
        for use in group["uses"]
        for life in use["lives"]
    ]
    made: pandas.DataFrame = _pandas().DataFrame(rows, columns=_LIFE)
    return made


_LIFE = [
    "case",
    "material",
    "celsius",
    "ppm",
    "life_s",
    "lower_s",
    "upper_s",
    "life_y",
    "linear_in_t_s",
    "factor_between_laws",
    "counted_lower_s",
    "counted_upper_s",
    "refused",
]


def _life(group: dict[str, Any], celsius: float, life: dict[str, Any]) -> list[Any]:
    """A row of :func:`lives`."""
    none = float("nan")
    arrhenius, linear = life["arrhenius"], life["linear_in_t"] or {}
    bounds = arrhenius.get("bounds") or {}
    counted = (life["shown"] or {}).get("between_s") or {}
    seconds = arrhenius.get("life_s", none)
    factor = life["factor_between_laws"]
    return [
        group["name"],
        group["material"],
        round(celsius, 9),
        1e6 * life["fraction"],
        seconds,
        bounds.get("lower", none),
        bounds.get("upper", none),
        seconds / 31_557_600.0,
        linear.get("life_s", none),
        none if factor is None else factor,
        counted.get("lower", none),
        counted.get("upper", none),
        arrhenius.get("refused", ""),
    ]


def rare(
    file: Path,
    *,
    at_s: float | Iterable[float] | None = None,
    electrons: str | None = None,
    precision: float = 0.1,
    confidence: float = 0.95,
    max_samples: int = 1 << 18,
    seed: int = 1,
    threads: int | None = None,
) -> pandas.DataFrame:
    """Estimate how few cells of a campaign's points fail, down to 1e-12, with bounds.

    In a process of its own: ``trapline rare``. Where a fraction is not as precise as asked for, ``reached`` is false
    and a :class:`TraplineWarning` says so.

    Parameters
    ----------
    file
        The campaign file.
    at_s
        Times after programming, s; the campaign's without it.
    electrons
        In the place of the file's.
    precision
        Half-width of the bounds over the fraction at which a time is settled.
    confidence
        Of the bounds.
    max_samples
        Cells after which a point ends, settled or not.
    seed
        Of the sample.
    threads
        One per core without it; the result does not depend on them.

    Returns
    -------
    pandas.DataFrame
        A row for each point and time: ``fraction`` of failed cells, ``lower``, ``upper``, ``effective_cells``.

    Examples
    --------
    >>> found = rare("bake.toml", at_s=1e5, precision=0.5)
    >>> bool((found.lower <= found.fraction).all())
    True
    """
    words = ["rare", "--json", "--precision", repr(_checked.number("precision", precision))]
    words += ["--confidence", repr(_checked.number("confidence", confidence))]
    words += ["--max-samples", str(_checked.whole("max_samples", max_samples, 1, 1 << 63))]
    words += ["--seed", str(_checked.whole("seed", seed, 0, _checked.MOST_SEED))]
    words += [] if at_s is None else ["--at", _numbers("at_s", at_s)]
    words += [] if electrons is None else ["--electrons", _checked.word("electrons", electrons)]
    words += [] if threads is None else ["--threads", str(_checked.whole("threads", threads, 1, 1024))]
    said, code, remarks = _program.call_for_json([*words, _file("file", file)], quiet_codes=(1,))
    if code != 0:
        line = remarks.strip().splitlines()[-1:] or ["some fractions are not as precise as was asked for"]
        warnings.warn(line[0].removeprefix("trapline: "), TraplineWarning, stacklevel=2)
    rows = []
    for point in said["points"]:
        of = {key: point[key] for key in ("number", "material", "temperature_c", "electrons", "kept_below")}
        of = {**{name.replace("temperature_c", "celsius"): value for name, value in of.items()}, **point["sweeps"]}
        rows += [{**of, **time} for time in point.get("estimate", {}).get("times", [])]
    made: pandas.DataFrame = _pandas().DataFrame(rows)
    return made


@dataclass(frozen=True)
class Fit:
    """A material that was fitted.

    Attributes
    ----------
    material
        The new one; its file is ``output``.
    report
        The fit as the command prints it: parameters with their bounds, targets, what the data cannot tell.
    """

    material: Material
    report: dict[str, Any]


def fit(
    file: Path | None,
    *,
    material_name: str | Material,
    output: Path,
    parameters: Sequence[str] = (),
    claims: Sequence[str] = (),
    starts: int = 1,
    seed: int = 1,
    max_evaluations: int = 1000,
    force: bool = False,
) -> Fit:
    """Fit numbers of a material to measurements.

    In a process of its own: ``trapline fit``. ``docs/fit.md`` says what a fit file holds.

    Parameters
    ----------
    file
        The fit file; None where ``parameters`` and ``claims`` say everything.
    material_name
        A shipped material by name, a file by path, or a :class:`Material`.
    output
        The material to write.
    parameters
        Keys of the material's file with bounds: ``"capture.stay_midpoint=2.5..3.5"``.
    claims
        Ids of claims of the source paper.
    starts, seed, max_evaluations
        Of the search.
    force
        Replaces outputs that exist.

    Returns
    -------
    Fit
    """
    with contextlib.ExitStack() as kept:
        if isinstance(material_name, Material):
            folder = kept.enter_context(tempfile.TemporaryDirectory(prefix="trapline-"))
            # Its name is that of the file, and a fit goes by the name.
            start = os.path.join(folder, "start.toml")
            with builtins.open(start, "w", encoding="utf-8") as written:
                written.write(material_name.text)
        else:
            start = _checked.path("material_name", material_name)
        said, code = _fitted(start, file, output, parameters, claims, starts, seed, max_evaluations, force)
    if code != 0:
        wrong = [] if said["converged"] else [f"has {said['stopped']}"]
        wrong += [f"misses {', '.join(said['missed'])}"] if said["missed"] else []
        bounded = [parameter["key"] for parameter in said["parameters"] if parameter["at_bound"]]
        wrong += [f"ends at a bound of {', '.join(bounded)}"] if bounded else []
        text = f"the fit {'; it '.join(wrong)}; the material is written nevertheless"
        warnings.warn(text, TraplineWarning, stacklevel=2)
    return Fit(material(os.path.abspath(_checked.path("output", output))), said)


def _fitted(
    start: str,
    file: Path | None,
    output: Path,
    parameters: Sequence[str],
    claims: Sequence[str],
    starts: int,
    seed: int,
    max_evaluations: int,
    force: bool,
) -> tuple[Any, int]:
    """What ``trapline fit`` prints of a fit that begins at a material, and its exit code."""
    words = ["fit", "--json", "--material", start, "-o", _file("output", output)]
    words += [f"--parameter={_checked.word('parameters', parameter)}" for parameter in parameters]
    words += [f"--claims={','.join(_checked.word('claims', claim) for claim in claims)}"] if claims else []
    words += ["--starts", str(_checked.whole("starts", starts, 1, 1000))]
    words += ["--seed", str(_checked.whole("seed", seed, 0, _checked.MOST_SEED))]
    words += ["--max-evaluations", str(_checked.whole("max_evaluations", max_evaluations, 1, 1_000_000))]
    words += _switches(force=("--force", force))
    words += [] if file is None else [_file("file", file)]
    said, code, _ = _program.call_for_json(words, quiet_codes=(1,))
    return said, code
