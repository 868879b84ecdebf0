"""A folder of its own for each test, with a small campaign in it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import trapline as tl

HERE = Path(__file__).parent

Script = Callable[[str], "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="session")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with bake.toml and its record."""
    folder = tmp_path_factory.mktemp("recorded")
    shutil.copy(HERE / "bake.toml", folder)
    tl.run(folder / "bake.toml", output=folder / "bake.h5", backend="cpu")
    return folder


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder, with bake.toml."""
    shutil.copy(HERE / "bake.toml", tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def baked(folder: Path, recorded: Path) -> Path:
    """The same with bake.h5."""
    shutil.copy(recorded / "bake.h5", folder)
    return folder


def run_script(text: str) -> subprocess.CompletedProcess[str]:
    """Runs a script in an interpreter of its own, which must end by itself within a minute."""
    return subprocess.run(
        [sys.executable, "-c", text], capture_output=True, text=True, timeout=60, env=os.environ, check=False
    )


@pytest.fixture
def script() -> Script:
    return run_script
