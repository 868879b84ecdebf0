"""Exceptions: each says in one line what, where, the value, the limit and the fix.

The line is the one that the command ``trapline`` prints for the same failure, so options are called there as on the
command line: ``--force`` is ``force=True`` here, ``-o`` is ``output=``.
"""

from __future__ import annotations

__all__ = [
    "ClosedError",
    "DefectError",
    "ForkedError",
    "InUseError",
    "Interrupted",
    "MissingError",
    "RunError",
    "TraplineError",
    "TraplineWarning",
    "UsageError",
]


class TraplineError(Exception):
    """Whatever fails in this package; its text is one line."""


class UsageError(TraplineError, ValueError):
    """The call, or a file that you wrote, is wrong; the command ends with exit code 2."""


class RunError(TraplineError, RuntimeError):
    """Something failed on the way: a damaged file, a device, a disk; the command ends with exit code 1."""


class DefectError(RunError):
    """A defect of trapline itself. The handle it happened to is closed."""


class ClosedError(UsageError):
    """A handle that was closed."""


class InUseError(UsageError):
    """A handle that another thread is using at this moment."""


class ForkedError(UsageError):
    """A process that was forked from one that had computed: it lacks the threads. Use ``spawn``."""


class MissingError(UsageError, ImportError):
    """A package, or the command ``trapline``, that is needed here and not installed."""


class Interrupted(KeyboardInterrupt):
    """Ctrl-C, with a line that says what is kept. A ``KeyboardInterrupt``, so no ``except Exception`` hides it."""


class TraplineWarning(UserWarning):
    """A remark on a result that is there nevertheless."""
