"""The examples in the docstrings and in docs/python.md do what they say."""

from __future__ import annotations

import doctest
import inspect
import re
import warnings
from pathlib import Path

import pytest
import trapline as tl

DOCS = Path(__file__).resolve().parents[2] / "docs" / "python.md"


def examples(name: str, text: str) -> doctest.DocTest:
    names = {public: getattr(tl, public) for public in tl.__all__}
    return doctest.DocTestParser().get_doctest(text, {**names, "tl": tl}, name, None, 0)


def check(test: doctest.DocTest) -> None:
    said: list[str] = []
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", tl.TraplineWarning)
        runner.run(test, out=said.append)
    assert runner.failures == 0, "".join(said)


def documented() -> dict[str, str]:
    found = {"trapline": tl.__doc__ or ""}
    for name in tl.__all__:
        of = getattr(tl, name)
        found[name] = inspect.getdoc(of) or ""
        if inspect.isclass(of):
            methods = {key: value for key, value in vars(of).items() if not key.startswith("_") and callable(value)}
            found.update({f"{name}.{key}": inspect.getdoc(value) or "" for key, value in methods.items()})
    return found


@pytest.mark.parametrize("name", [name for name, text in documented().items() if ">>>" in text])
def test_examples_of_docstrings(name: str, baked: Path) -> None:
    if name == "diff":
        check(examples("merge", documented()["merge"]))
        tl.run("bake.toml", rows=16, cols=16, force=True)
    if name == "resume":
        tl.run("bake.toml", rows=16, cols=16, backend="cpu", force=True)
    check(examples(name, documented()[name]))


def test_everything_public_is_documented_with_its_parameters() -> None:
    for name in tl.__all__:
        of = getattr(tl, name)
        text = inspect.getdoc(of) or ""
        assert len(text) > 20, name
        if inspect.isfunction(of):
            for parameter in inspect.signature(of).parameters:
                assert re.search(rf"^[\w, *]*\b{parameter}\b", text, re.MULTILINE), f"{name}: {parameter}"


def test_the_version_is_the_crates() -> None:
    project = Path(__file__).resolve().parents[1] / "pyproject.toml"
    assert re.search(rf'^version = "{tl.__version__}"$', project.read_text(encoding="utf-8"), re.MULTILINE)
    assert tl.__version__ in tl.command("--version")


def test_an_example_that_is_wrong_is_found() -> None:
    with pytest.raises(AssertionError):
        check(examples("wrong", ">>> materials()\n['gold']\n"))


@pytest.mark.skipif(not DOCS.is_file(), reason="the package without its source")
def test_examples_of_the_document(folder: Path) -> None:
    text = re.sub(r"^```.*$", "", DOCS.read_text(encoding="utf-8"), flags=re.MULTILINE)
    test = examples("docs/python.md", text)
    assert len(test.examples) > 20
    check(test)
