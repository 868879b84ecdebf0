#!/usr/bin/env python3
"""Runs the commands of the manual and compares what they print with what the pages show.

    scripts/check-manual.py --trapline target/debug/trapline
    scripts/check-manual.py --trapline target/debug/trapline docs/start-array.md
    scripts/check-manual.py --trapline target/debug/trapline --write docs/start-array.md

Every page has a temporary folder of its own, with campaigns/, studies/, materials/, fits/ and claims/ in it, in which
bash runs what stands after `$ ` in blocks fenced as ```console, in the order of the page. A line that ends with a
backslash goes on. Commands must be small: seconds on one core.

- A command must end with 0, or with N where `# exit code N` stands behind it.
- What a page shows below a command is compared with its standard output, line by line: words as they are, numbers to
  a hundredth, or to one of the last digit shown. A line `...` stands for any number of lines. Where nothing is shown,
  nothing is compared; nor where `# differs` stands behind the command, for what no two machines print alike.
- A block fenced as ```toml whose first line is `# NAME.toml` is written to that file before what follows.
- docs/commands.md must name every command of `trapline --help`.

--write puts what was printed in the place of what is shown, but leaves blocks alone that have a `...` line.
Only standard Python.
"""

import argparse
import doctest
import math
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
COPIED = ["campaigns", "studies", "materials", "fits", "claims"]
FENCE = re.compile(r"^( *)```(\w*)\s*$")
NUMBER = re.compile(r"(?<![\w.])[-+]?\d+(?:\.\d+)?(?:e[-+]?\d+)?(?![\w])|(?<![\w.])[-+]?\d+(?:\.\d+)?e[-+]?\d+")
EXIT_CODE = re.compile(r"#.*\bexit code (\d+)")
DIFFERS = re.compile(r"#.*\bdiffers\b")
LONGEST_S = 120


def blocks(text):
    """(language, first line, lines) of every fenced block, lines counted from 0."""
    inside, found = None, []
    for number, line in enumerate(text.split("\n")):
        fence = FENCE.match(line)
        if inside is None and fence:
            inside = (fence.group(2), number + 1, [])
        elif inside is not None and line.strip() == "```":
            found.append(inside)
            inside = None
        elif inside is not None:
            inside[2].append(line)
    return found


def commands(lines):
    """(command, index of its first line, index behind it, lines shown below it)."""
    found, i = [], 0
    while i < len(lines):
        if not lines[i].startswith("$ "):
            i += 1
            continue
        first, command = i, lines[i][2:]
        while command.endswith("\\") and i + 1 < len(lines):
            i += 1
            command = command[:-1] + lines[i].strip()
        i += 1
        behind = i
        while i < len(lines) and not lines[i].startswith("$ "):
            i += 1
        found.append((command, first, behind, lines[behind:i]))
    return found


def alike(shown, printed):
    """Whether two lines say the same: words as they are, numbers to a hundredth or to one of the last digit shown.

    >>> alike("life  102 d (89.9 to 116 d)", "life  102 d  (89.5 to 117 d)"), alike("1.4e-9 A", "1.5e-9 A")
    (True, True)
    >>> alike("1.40e-9 A", "1.43e-9 A"), alike("life 102 d", "life 102 h"), alike("0.357", "0.337"), alike("1", "nan")
    (False, False, False, False)
    """
    words = [" ".join(NUMBER.sub("#", line).split()) for line in (shown, printed)]
    if words[0] != words[1]:
        return False
    for a, b in zip(NUMBER.findall(shown), NUMBER.findall(printed)):
        mantissa, _, power = a.partition("e")
        digit = 10.0 ** (int(power or 0) - len(mantissa.partition(".")[2]))
        if not math.isclose(float(a), float(b), rel_tol=1e-2, abs_tol=1.001 * digit):
            return False
    return True


def differs(shown, printed):
    """The first line that is shown and was not printed, or None.

    >>> differs(["a", "...", "c 1", ""], ["a", "b", "c 1"]), differs(["a", "..."], ["a", "b"])
    (None, None)
    >>> [differs(shown, ["a", "b"]) is None for shown in (["a"], ["b"], ["a", "...", "c"], ["a", "b", "c"], ["b", "...", "a"])]
    [False, False, False, False, False]
    """
    while shown and not shown[-1].strip():
        shown = shown[:-1]
    at, anywhere = 0, False
    for line in shown:
        if line.strip() == "...":
            anywhere = True
            continue
        candidates = range(at, len(printed)) if anywhere else range(at, min(at + 1, len(printed)))
        met = next((i for i in candidates if alike(line, printed[i])), None)
        if met is None:
            there = printed[at] if at < len(printed) else "nothing"
            return f"shown:   {line}\n      printed: {there}"
        at, anywhere = met + 1, False
    if shown and not anywhere and at < len(printed):
        return f"shown:   nothing more\n      printed: {printed[at]}"
    return None


def run(page, trapline, write):
    """Errors of a page, and how many commands it has."""
    text = page.read_text(encoding="utf-8")
    lines, errors, count = text.split("\n"), [], 0
    replaced = []
    with tempfile.TemporaryDirectory(prefix="manual-") as folder:
        folder = Path(folder)
        here = folder / "here"
        programs = folder / "programs"
        here.mkdir()
        programs.mkdir()
        (programs / "trapline").symlink_to(trapline)
        for name in COPIED:
            shutil.copytree(ROOT / name, here / name)
        environment = dict(os.environ, PATH=f"{programs}:{os.environ['PATH']}", LC_ALL="C.UTF-8", NO_COLOR="1")
        for language, start, content in blocks(text):
            named = re.match(r"^# ([\w-]+\.toml)$", content[0]) if content else None
            if language == "toml" and named:
                (here / named.group(1)).write_text("\n".join(content) + "\n", encoding="utf-8")
            if language != "console":
                continue
            for command, first, behind, shown in commands(content):
                count += 1
                where = f"{page.name}:{start + first + 1}: $ {command}"
                wanted = EXIT_CODE.search(command)
                wanted = int(wanted.group(1)) if wanted else 0
                try:
                    done = subprocess.run(
                        ["bash", "-o", "pipefail", "-c", command], cwd=here, env=environment, stdin=subprocess.DEVNULL,
                        stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=LONGEST_S, encoding="utf-8",
                    )
                except subprocess.TimeoutExpired:
                    errors.append(f"{where}\n      not done after {LONGEST_S} s")
                    continue
                if done.returncode != wanted:
                    errors.append(f"{where}\n      exit code {done.returncode}\n{done.stderr.rstrip()}")
                    continue
                printed = done.stdout.rstrip("\n").split("\n") if done.stdout.strip() else []
                if write and not DIFFERS.search(command) and not any(line.strip() == "..." for line in shown):
                    replaced.append((start + behind, start + behind + len(shown), printed))
                    shown = []
                if shown and not DIFFERS.search(command):
                    difference = differs(shown, printed)
                    if difference:
                        errors.append(f"{where}\n      {difference}")
    for first, end, printed in reversed(replaced):
        shown = lines[first:end]
        blank = shown[len("\n".join(shown).rstrip("\n").split("\n")) :] if any(shown) else shown
        lines[first:end] = [line.rstrip() for line in printed] + (blank if printed else shown and [""] * len(blank))
    if replaced:
        page.write_text("\n".join(lines), encoding="utf-8")
    return errors, count


def unnamed_commands(trapline):
    """The program's commands that docs/commands.md does not name."""
    printed = subprocess.run([trapline, "--help"], check=True, stdout=subprocess.PIPE, encoding="utf-8").stdout
    names = re.findall(r"^  ([a-z]+) ", printed.partition("Commands:\n")[2].partition("\nOptions:")[0], re.MULTILINE)
    page = (ROOT / "docs" / "commands.md").read_text(encoding="utf-8")
    return [name for name in names if name != "help" and f"`{name}`" not in page] if names else ["none found in --help"]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trapline", required=True, type=Path, help="the program")
    parser.add_argument("--write", action="store_true", help="puts what is printed into the pages")
    parser.add_argument("pages", nargs="*", type=Path, help="pages [default: all of docs/ that have such blocks]")
    arguments = parser.parse_args()
    if doctest.testmod().failed:
        sys.exit(1)
    trapline = arguments.trapline.resolve()
    if not os.access(trapline, os.X_OK):
        sys.exit(f"check-manual: {trapline} is not a program; build it first")
    pages = arguments.pages or sorted(
        page for page in (ROOT / "docs").glob("*.md") if "\n```console\n" in page.read_text(encoding="utf-8")
    )
    failed = 0
    for name in unnamed_commands(trapline):
        print(f"check-manual: docs/commands.md: no word of {name}")
        failed += 1
    for page in pages:
        start = time.monotonic()
        errors, count = run(page, trapline, arguments.write)
        print(f"check-manual: {page.name}: {count} commands, {len(errors)} failed, {time.monotonic() - start:.1f} s")
        for error in errors:
            print(f"   {error}")
        failed += len(errors)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
