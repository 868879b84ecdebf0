"""The command ``trapline`` that comes with this package: found, and called."""

from __future__ import annotations

import functools
import importlib.metadata
import json
import os
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from . import _checked, _trapline
from ._errors import Interrupted, MissingError, RunError, UsageError

_NAME = "trapline.exe" if sys.platform == "win32" else "trapline"


def _candidates() -> Iterator[Path]:
    named = os.environ.get("TRAPLINE_PROGRAM")
    if named:
        yield Path(named)
        return
    try:
        files = importlib.metadata.files("trapline") or []
    except importlib.metadata.PackageNotFoundError:
        files = []
    for file in files:
        if file.name == _NAME and file.parent.name in ("bin", "Scripts"):
            yield Path(str(file.locate()))
    yield Path(sysconfig.get_path("scripts")) / _NAME
    yield Path(sys.executable).parent / _NAME


@functools.cache
def find() -> str:
    """The path of the command; the environment's ``TRAPLINE_PROGRAM`` goes before what was installed.

    Raises
    ------
    MissingError
        Where it is not there.
    """
    for path in _candidates():
        if shutil.which(path):
            found = str(path.resolve())
            # A record is read by a process of its own first, which a damaged file may end.
            _trapline.children_are(found)
            return found
    raise MissingError(
        "the command trapline is not beside this package; install it again, pip install --force-reinstall trapline, or "
        "name it with the environment's TRAPLINE_PROGRAM"
    )


def call(arguments: Sequence[str], *, quiet_codes: tuple[int, ...] = ()) -> subprocess.CompletedProcess[str]:
    """Calls the command and waits for it; what it prints comes back.

    Exit codes other than 0 and ``quiet_codes`` become exceptions with the line that the command printed.
    """
    command = [find(), *arguments]
    try:
        done = subprocess.run(command, capture_output=True, encoding="utf-8", errors="replace", check=False)
    except KeyboardInterrupt:
        raise Interrupted(f"interrupted: trapline {arguments[0] if arguments else ''} was ended") from None
    except (OSError, ValueError) as error:
        raise RunError(f"the command trapline cannot be started: {error}") from None
    if done.returncode == 0:
        return done
    lines = [line for line in done.stderr.splitlines() if line.startswith("trapline: ")]
    if done.returncode in quiet_codes and not lines:
        return done
    said = lines[-1].removeprefix("trapline: ") if lines else f"trapline ended with code {done.returncode}"
    if done.returncode == 2:
        raise UsageError(said)
    if done.returncode == 130:
        raise Interrupted(said)
    if done.returncode in quiet_codes and done.stdout:
        return done
    raise RunError(said)


def call_for_json(arguments: Sequence[str], *, quiet_codes: tuple[int, ...] = ()) -> tuple[Any, int, str]:
    """The same of a command that prints JSON: what it says, its exit code, its remarks."""
    done = call(arguments, quiet_codes=quiet_codes)
    try:
        return json.loads(done.stdout), done.returncode, done.stderr
    except json.JSONDecodeError as error:
        raise RunError(f"trapline {arguments[0]} printed no JSON: {error}") from None


def command(*arguments: str | os.PathLike[str]) -> str:
    """Call any subcommand of the command ``trapline`` of this package.

    It runs in a process of its own, as in a shell.

    Parameters
    ----------
    *arguments
        The words of the command line: ``"qualify", "q.h5"``.

    Returns
    -------
    str
        What it prints on its standard output.

    Raises
    ------
    UsageError, RunError
        Where it ends with 2 or 1, with the line that it printed.

    Examples
    --------
    >>> print(command("materials").splitlines()[0].split()[0])
    material
    """
    return call([_checked.path("an argument", argument) for argument in arguments]).stdout
