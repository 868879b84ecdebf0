#!/usr/bin/env python3
"""Runs the notebooks of examples/notebooks and compares what they print with what is stored in them.

    python scripts/check-notebooks.py
    python scripts/check-notebooks.py examples/notebooks/own-device.ipynb
    python scripts/check-notebooks.py --write

The interpreter that runs this script runs the notebooks. It needs trapline, matplotlib, nbclient, nbformat and ipykernel.
Every notebook runs in a temporary folder with the folders of the sources that it reads, so that nothing is written beside
it.

- No cell may raise.
- Texts are compared cell by cell: words as they are, numbers to a hundredth, or to one of the last digit shown. Of
  figures only how many there are is compared. What goes to the standard error is told and neither compared nor stored.
- Cells with the tag `differs` in their metadata run, and are not compared: what no two machines print alike.
- A notebook is of 200 KB at most, a figure of 40 KB, and no output names a folder of this machine.

--write stores the outputs, without times, metadata of the execution and widgets.
"""

import argparse
import base64
import doctest
import io
import math
import os
import re
import shutil
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
NOTEBOOKS = ROOT / "examples" / "notebooks"
COPIED = ["campaigns", "materials", "fits"]
NUMBER = re.compile(r"(?<![\w.])[-+]?\d+(?:\.\d*)?(?:[eE][-+]?\d+)?(?!\w)")
KINDS = {"text/plain", "text/html", "image/png"}
LONGEST_S = 120
MOST_BYTES = 200_000
MOST_PNG_BYTES = 40_000


def alike(stored, printed):
    """Whether two texts say the same: words as they are, numbers to a hundredth or to one of the last digit shown.

    >>> alike("life 102 d (89.9 to 116 d)", "life  102 d (89.5 to 117 d)"), alike("1.40e-09 A", "1.41e-09 A")
    (True, True)
    >>> alike("0.0 off", "0.1 off"), alike("1.2 to\\n3", "1.2 to 3"), alike("pi-ws2-qd", "pi-ws2-qd"), alike("NaN", "NaN")
    (True, True, True, True)
    >>> alike("1.40e-09 A", "1.43e-09 A"), alike("102 d", "102 h"), alike("0.357", "0.337"), alike("1.00", "nan")
    (False, False, False, False)
    >>> alike("pi-ws2-qd", "pi-ws3-qd"), alike("1 2", "1"), alike("5.0e-3", "-5.0e-3"), alike("1e-12", "1e-11")
    (False, False, False, False)
    """
    if " ".join(NUMBER.sub("#", stored).split()) != " ".join(NUMBER.sub("#", printed).split()):
        return False
    for a, b in zip(NUMBER.findall(stored), NUMBER.findall(printed)):
        mantissa, _, power = a.lower().partition("e")
        digits = len(mantissa.partition(".")[2])
        # One of the last digit of a number with a power of ten and no point, such as 1e-12, would be all of it.
        last = 10.0 ** (int(power or 0) - digits) if digits or not power else 0.0
        if not math.isclose(float(a), float(b), rel_tol=1e-2, abs_tol=1.001 * last):
            return False
    return True


def texts(outputs):
    """What a cell printed: its standard output, the texts of what it showed, and how many figures.

    >>> texts([{"output_type": "stream", "name": "stdout", "text": "a"}, {"output_type": "stream", "name": "stderr", "text": "b"}])
    ('a', 0)
    >>> texts([{"output_type": "display_data", "data": {"text/plain": "<Figure size 1x1>", "image/png": "x"}}])
    ('', 1)
    """
    said, figures = [], 0
    for output in outputs:
        if output["output_type"] == "stream":
            said += [output["text"]] if output["name"] == "stdout" else []
        elif "image/png" in output.get("data", {}):
            figures += 1
        else:
            said.append(output.get("data", {}).get("text/plain", ""))
    return "\n".join(said), figures


def difference(stored, printed):
    """How the outputs of a cell differ, in a line or two; None where they do not.

    >>> one = [{"output_type": "stream", "name": "stdout", "text": "kept 0.981\\nlife 3 d"}]
    >>> two = [{"output_type": "stream", "name": "stdout", "text": "kept 0.981\\nlife 9 d"}]
    >>> difference(one, one) is None, difference(one, [])
    (True, 'stored:  kept 0.981\\n      printed: nothing')
    >>> difference(one, two)
    'stored:  life 3 d\\n      printed: life 9 d'
    """
    (before, figures), (now, drawn) = texts(stored), texts(printed)
    if figures != drawn:
        return f"stored:  {figures} figures\n      printed: {drawn}"
    if alike(before, now):
        return None
    lines = [text.strip("\n").split("\n") for text in (before, now)]
    for number in range(max(map(len, lines))):
        a, b = (part[number] if number < len(part) and part[number].strip() else "nothing" for part in lines)
        if not alike(a, b):
            return f"stored:  {a}\n      printed: {b}"
    return f"stored:  {before}\n      printed: {now}"


def execute(path, folder):
    """The notebook with what it prints here."""
    import nbformat
    from jupyter_client.kernelspec import KernelSpecManager
    from jupyter_client.manager import AsyncKernelManager
    from nbclient import NotebookClient

    for name in COPIED:
        shutil.copytree(ROOT / name, folder / name)
    here = folder / "examples" / "notebooks"
    here.mkdir(parents=True)
    shutil.copy(path, here)
    notebook = nbformat.read(path, as_version=4)
    # No kernel that a user has installed: the one of this interpreter.
    kernels = KernelSpecManager()
    kernels.kernel_dirs = []
    manager = AsyncKernelManager(kernel_name="python3", kernel_spec_manager=kernels)
    # The kernel warns of its own sockets on this machine otherwise.
    quiet = ["--IPKernelApp.log_level=ERROR"]
    where = {"metadata": {"path": str(here)}}
    NotebookClient(
        notebook, km=manager, timeout=LONGEST_S, record_timing=False, extra_arguments=quiet, resources=where
    ).execute()
    return notebook


def code_cells(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def smaller(png):
    """A figure of 128 colours, which is a third as large; nobody sees it in lines and letters."""
    from PIL import Image  # matplotlib brings it

    image = Image.open(io.BytesIO(base64.b64decode(png))).convert("RGB")
    made = io.BytesIO()
    image.quantize(128).save(made, format="png", optimize=True)
    return base64.b64encode(made.getvalue()).decode()


def cleaned(notebook):
    """The same without what differs from run to run, and without what no one reads."""
    notebook.metadata = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    for cell in notebook.cells:
        tags = cell.metadata.get("tags")
        cell.metadata = {"tags": tags} if tags else {}
    for number, cell in enumerate(code_cells(notebook), 1):
        cell.execution_count = number
        kept = []
        for output in cell.outputs:
            if output.get("name") == "stderr":
                continue
            # How a text is cut into pieces is a matter of time.
            if kept and output["output_type"] == kept[-1]["output_type"] == "stream":
                kept[-1]["text"] += output["text"]
                continue
            kept.append(output)
            if "metadata" in output:
                output["metadata"] = {}
            if "image/png" in output.get("data", {}):
                output["data"]["image/png"] = smaller(output["data"]["image/png"])
            if output["output_type"] == "execute_result":
                output["execution_count"] = number
        cell.outputs = kept
    return notebook


def flaws(notebook, text, folders):
    """What may not be in a notebook that is stored."""
    found = []
    if len(text.encode()) > MOST_BYTES:
        found.append(f"{len(text.encode())} bytes; it must be {MOST_BYTES} at most")
    for number, cell in enumerate(code_cells(notebook), 1):
        for output in cell.outputs:
            data = output.get("data", {})
            found += [f"cell {number}: an output of the type {kind}" for kind in sorted(set(data) - KINDS)]
            png = len(data.get("image/png", "")) * 3 // 4
            if png > MOST_PNG_BYTES:
                found.append(f"cell {number}: a figure of {png} bytes; it must be of {MOST_PNG_BYTES} at most")
            said = output.get("text", "") + data.get("text/plain", "") + data.get("text/html", "")
            found += [f"cell {number}: its output names {folder}" for folder in folders if folder in said]
    return found


def check(path, write):
    """Errors of a notebook, and remarks."""
    import nbformat
    from nbclient.exceptions import CellExecutionError

    errors, remarks = [], []
    with tempfile.TemporaryDirectory(prefix="notebooks-") as folder:
        folders = {str(Path(folder)), str(ROOT), str(Path.home()), tempfile.gettempdir() + "/"} - {"/"}
        # Nobody's start-up files.
        os.environ["IPYTHONDIR"] = str(Path(folder) / "ipython")
        os.environ["JUPYTER_RUNTIME_DIR"] = str(Path(folder) / "runtime")
        try:
            run = execute(path, Path(folder))
        except CellExecutionError as error:
            return [re.sub(r"\x1b\[[0-9;]*m", "", str(error)).strip()], remarks
    stored = nbformat.read(path, as_version=4)
    for cell in code_cells(run):
        remarks += [f"standard error: {output.text.strip()}" for output in cell.outputs if output.get("name") == "stderr"]
    if write:
        cleaned(run)
        nbformat.validate(run)
        text = nbformat.writes(run) + "\n"
        errors = flaws(run, text, folders)
        if not errors:
            path.write_text(text, encoding="utf-8")
        return errors, remarks
    errors += flaws(stored, path.read_text(encoding="utf-8"), folders)
    for number, (before, now) in enumerate(zip(code_cells(stored), code_cells(run)), 1):
        if "differs" in before.metadata.get("tags", []):
            continue
        found = difference(before.outputs, now.outputs)
        if found:
            errors.append(f"cell {number}\n      {found}")
    return errors, remarks


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true", help="stores what is printed")
    parser.add_argument("notebooks", nargs="*", type=Path, help="notebooks [default: all of examples/notebooks]")
    arguments = parser.parse_args()
    if doctest.testmod().failed:
        sys.exit(1)
    try:
        import ipykernel  # noqa: F401
        import nbclient  # noqa: F401
        import nbformat  # noqa: F401
    except ImportError as error:
        sys.exit(f"check-notebooks: {error.name} is not installed; install it: pip install nbclient nbformat ipykernel")
    failed = 0
    for path in arguments.notebooks or sorted(NOTEBOOKS.glob("*.ipynb")):
        start = time.monotonic()
        errors, remarks = check(path.resolve(), arguments.write)
        took, size = time.monotonic() - start, path.stat().st_size
        print(f"check-notebooks: {path.name}: {len(errors)} failed, {took:.1f} s, {size / 1000:.0f} KB")
        for line in remarks + errors:
            print(f"   {line}")
        failed += len(errors)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
