"""How far a run is: a bar in a terminal and in a notebook."""

from __future__ import annotations

import importlib
import sys
import time
from collections.abc import Callable
from typing import Any

Told = Callable[[int, int, int, int], None]
"""Called with the steps of cells done, all of them, the points finished, all of them."""


def _span(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 5400:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"


class Bar:
    """A bar: of characters on a terminal's standard error, of HTML in a notebook."""

    def __init__(self, notebook: Any = None) -> None:
        self._notebook = notebook
        self._handle: Any = None
        self._began = time.monotonic()
        self._first: int | None = None
        self._said = ""

    def __call__(self, done: int, steps: int, finished: int, points: int) -> None:
        if self._first is None:
            self._first = done
        share = done / steps if steps else 1.0
        elapsed, own = time.monotonic() - self._began, done - self._first
        left = f", {_span(elapsed * (steps - done) / own)} left" if 0 < own and done < steps else ""
        text = f"{finished} of {points} points, {100 * share:.0f} %{left}"
        if text == self._said:
            return
        self._said = text
        if self._notebook is None:
            width = 30
            filled = int(width * share)
            sys.stderr.write(f"\r[{'#' * filled}{'.' * (width - filled)}] {text}\x1b[K")
            sys.stderr.flush()
        else:
            html = self._notebook.HTML(f'<progress value="{share:.4f}" max="1"></progress> {text}')
            if self._handle is None:
                self._handle = self._notebook.display(html, display_id=True)
            else:
                self._handle.update(html)

    def close(self) -> None:
        if self._notebook is None and self._said:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()


def _notebook() -> Any:
    """IPython's display, in a kernel; None elsewhere. What nobody imported is not imported here."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    if shell is None or not hasattr(shell, "kernel"):
        return None
    return importlib.import_module("IPython.display")


def shown(progress: bool | Told | None) -> tuple[Told | None, Callable[[], None]]:
    """Whom a run tells how far it is, and what ends that.

    None: a bar where somebody looks, a terminal or a notebook. True: a bar anyway. False: nobody.
    """
    if callable(progress) and not isinstance(progress, bool):
        return progress, lambda: None
    if progress is False:
        return None, lambda: None
    notebook = _notebook()
    if progress is None and notebook is None and not (sys.stderr is not None and sys.stderr.isatty()):
        return None, lambda: None
    bar = Bar(notebook)
    return bar, bar.close
