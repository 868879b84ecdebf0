"""trapline: a simulator of charge-trap synaptic crossbars.

How long does an array of such cells keep what it learned, at which temperature, and how many of its cells do not.

>>> import trapline as tl
>>> tl.materials()[0]
'pi-ws2-qd'

Campaigns (:func:`run`, :func:`resume`, :func:`plan`), records (:func:`open`, :func:`show`, :func:`lifetimes`), cells
(:func:`cells`) and circuits (:func:`crossbar`) are computed in this process, with the interpreter's lock free.
:func:`merge`, :func:`diff`, :func:`analyze`, :func:`rare` and :func:`fit` call the command ``trapline`` that comes with
the package. Numbers carry their units in their names: ``width_s``, ``celsius``, ``wire_ohm``.
"""

from __future__ import annotations

import json as _json
import os as _os
from typing import Any as _Any

if "XDG_RUNTIME_DIR" not in _os.environ:
    # Mesa's chooser of devices prints two lines at every look for adapters where there is no session.
    _os.environ.setdefault("NODEVICE_SELECT", "1")

from . import _trapline
from ._campaigns import Forecast, Plan, plan, resume, run
from ._cells import Cells, Material, Response, Snapshot, cells, material, materials, parse_material
from ._circuits import Crossbar, Reading, Readings, Weights, crossbar
from ._commands import Comparison, Fit, analyze, diff, fit, lives, merge, rare
from ._errors import (
    ClosedError,
    DefectError,
    ForkedError,
    Interrupted,
    InUseError,
    MissingError,
    RunError,
    TraplineError,
    TraplineWarning,
    UsageError,
)
from ._program import command
from ._records import Record, failures, lifetimes, open, show

__version__: str = _trapline.VERSION
__commit__: str = _trapline.COMMIT


def devices() -> list[dict[str, _Any]]:
    """GPU adapters of this machine, best first.

    Returns
    -------
    list of dict
        As ``trapline devices --json`` has them; empty where there is no driver. The place in the list is the number
        that ``adapter`` takes.

    Examples
    --------
    >>> isinstance(devices(), list)
    True
    """
    found: list[dict[str, _Any]] = _json.loads(_trapline.devices())
    return found


__all__ = [
    "Cells",
    "ClosedError",
    "Comparison",
    "Crossbar",
    "DefectError",
    "Fit",
    "Forecast",
    "ForkedError",
    "InUseError",
    "Interrupted",
    "Material",
    "MissingError",
    "Plan",
    "Reading",
    "Readings",
    "Record",
    "Response",
    "RunError",
    "Snapshot",
    "TraplineError",
    "TraplineWarning",
    "UsageError",
    "Weights",
    "analyze",
    "cells",
    "command",
    "crossbar",
    "devices",
    "diff",
    "failures",
    "fit",
    "lifetimes",
    "lives",
    "material",
    "materials",
    "merge",
    "open",
    "parse_material",
    "plan",
    "rare",
    "resume",
    "run",
    "show",
]
