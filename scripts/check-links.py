#!/usr/bin/env python3
"""Checks the links of the documents, in a second: `make manual` and `make check` run it.

- Relative links and images of README, CONTRIBUTING, CHANGELOG, docs/ and paper/ lead to files that are there, and
  anchors to headings. Pages of docs/ link to nothing outside docs/, which the book does not have.
- Every page of docs/ is in docs/SUMMARY.md, once, and every entry there is a page.
- Pages that sources, scripts, notebooks and campaigns name, as docs/NAME.md, are there.

Addresses on the web are not asked. Only standard Python.
"""

import doctest
import re
import sys
import unicodedata
from pathlib import Path
from urllib.parse import unquote

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
LINK = re.compile(r"!?\[(?:[^\[\]]|\[[^\]]*\])*\]\(\s*<?([^()\s>]+(?:\([^()\s]*\))?)>?(?:\s+\"[^\"]*\")?\s*\)")
DEFINED = re.compile(r"^ {0,3}\[[^\]]+\]:\s*<?(\S+?)>?\s*$")
NAMED = re.compile(r"(?<![\w/.-])docs/[\w.-]+\.(?:md|png|svg)\b")
NAMING = ["src", "crates", "tests", "examples", "benches", "scripts", "campaigns", "studies", "fits", "claims", "materials"]
SUFFIXES = {".rs", ".py", ".sh", ".toml", ".wgsl", ".c", ".def", ".yaml", ".ipynb"}


def prose(path):
    """Lines with their numbers, without fenced and indented code; what is quoted in a line stays."""
    fenced, blank, code = False, True, False
    for number, line in enumerate(path.read_text(encoding="utf-8").split("\n"), 1):
        if line.lstrip().startswith("```"):
            fenced = not fenced
            continue
        # Indented code begins behind a blank line and goes on over blank lines; lists are not indented so far here.
        code = not fenced and line.startswith("    ") and (code or blank) or code and not line.strip()
        blank = not line.strip()
        if not fenced and not code:
            yield number, line


def without_quoted(line):
    return re.sub(r"(`+).+?\1", lambda found: " " * len(found.group()), line)


def anchors(path, known={}):
    """The names by which GitHub and mdBook link to headings of a page."""
    if path not in known:
        found, counts = set(), {}
        for _, line in prose(path):
            heading = re.match(r"^ {0,3}#{1,6}\s+(.*?)\s*#*\s*$", line)
            if heading:
                text = re.sub(r"!?\[([^\]]*)\]\([^)]*\)", r"\1", heading.group(1)).replace("`", "").strip().lower()
                kept = (c for c in text if c in " -_" or unicodedata.category(c)[0] in "LNM")
                name = "".join(kept).replace(" ", "-")
                again = counts.get(name, 0)
                counts[name] = again + 1
                found.add(f"{name}-{again}" if again else name)
        known[path] = found
    return known[path]


def broken(path, target):
    """Why a link leads nowhere, or None.

    >>> [broken(DOCS / "fit.md", to) for to in ("https://a.b", "array.md", "bake.png", "array.md#writing-through-wires")]
    [None, None, None, None]
    >>> [broken(DOCS / "fit.md", to) is None for to in ("none.md", "array.md#no-such", "../README.md", "/docs/fit.md")]
    [False, False, False, False]
    """
    if re.match(r"^[a-z][a-z0-9+.-]*:", target):
        return None
    if target.startswith("/"):
        return "begins with a slash"
    name, _, anchor = unquote(target).partition("#")
    to = (path.parent / name).resolve() if name else path
    if not to.exists():
        return "is not there"
    if ROOT != to and ROOT not in to.parents:
        return "leads out of the repository"
    if path.parent == DOCS and DOCS not in to.parents:
        return "leads out of docs/, where the book has nothing: name the file instead"
    if anchor and (to.suffix != ".md" or anchor not in anchors(to)):
        return f"has no heading #{anchor}"
    return None


def main():
    if doctest.testmod().failed:
        sys.exit(1)
    pages = [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")]
    pages += sorted(DOCS.glob("*.md")) + sorted((ROOT / "paper").glob("*.md"))
    errors, links = [], 0
    for path in pages:
        shown = path.relative_to(ROOT)
        for number, line in prose(path):
            targets = LINK.findall(without_quoted(line)) + DEFINED.findall(line)
            for target in targets:
                links += 1
                why = broken(path, target)
                if why:
                    errors.append(f"{shown}:{number}: ({target}) {why}")
            for name in NAMED.findall(line):
                if not (ROOT / name).exists():
                    errors.append(f"{shown}:{number}: {name} is not there")

    summary = [Path(target) for _, line in prose(DOCS / "SUMMARY.md") for target in LINK.findall(line)]
    there = {Path(page.name) for page in DOCS.glob("*.md")} - {Path("SUMMARY.md")}
    for page in sorted(there - set(summary)):
        errors.append(f"docs/SUMMARY.md: {page} is not in it")
    for page in sorted({page for page in summary if summary.count(page) > 1}):
        errors.append(f"docs/SUMMARY.md: {page} is in it twice")

    sources = [ROOT / "Makefile", ROOT / "Cargo.toml", ROOT / "build.rs"]
    sources += [path for folder in NAMING for path in sorted((ROOT / folder).rglob("*")) if path.suffix in SUFFIXES]
    for path in sources:
        for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").split("\n"), 1):
            for name in NAMED.findall(line):
                if not (ROOT / name).exists() and path != Path(__file__).resolve() and "NAME" not in name:
                    errors.append(f"{path.relative_to(ROOT)}:{number}: {name} is not there")

    for error in errors:
        print(f"check-links: {error}", file=sys.stderr)
    print(f"check-links: {len(pages)} pages, {links} links, {len(errors)} broken")
    sys.exit(1 if errors else 0)


if __name__ == "__main__":
    main()
