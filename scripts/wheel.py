#!/usr/bin/env python3
"""The Python wheel, from what was built for the release bundle.

  wheel.py pack PROGRAM MODULE LICENCES FOLDER   puts dist/trapline-<version>-....whl together; prints its path
  wheel.py check WHEEL                           looks at the symbols and the libraries of what is in it

Only standard Python (3.11 or newer), and `strip` and `readelf` of binutils. A wheel is a zip with a list of checksums:
no build tool is needed to make one, and none would take the bundle's own objects.
"""

import base64
import hashlib
import os
import re
import subprocess
import sys
import tempfile
import time
import tomllib
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PYTHON = ROOT / "python"
# The stable interface from Python 3.10 on, glibc 2.28 (scripts/bundle.sh).
TAG = "cp310-abi3-manylinux_2_28_x86_64"
GLIBC = (2, 28)
# What PEP 600 lets every Linux have, of those that anything here asks for.
SYSTEM = {
    "libc.so.6",
    "libm.so.6",
    "libdl.so.2",
    "libpthread.so.0",
    "librt.so.1",
    "libutil.so.1",
    "ld-linux-x86-64.so.2",
}
# All that an interpreter looks for. Symbols of HDF5 or zlib here would be taken for another library's.
EXPORTED = {"PyInit__trapline"}
MODULE = "trapline/_trapline.abi3.so"


def metadata(project):
    lines = [
        "Metadata-Version: 2.4",
        f"Name: {project['name']}",
        f"Version: {project['version']}",
        f"Summary: {project['description']}",
        f"Keywords: {','.join(project['keywords'])}",
        f"License-Expression: {project['license']}",
        "License-File: LICENSE-MIT",
        "License-File: LICENSE-APACHE",
    ]
    lines += [f"Classifier: {classifier}" for classifier in project["classifiers"]]
    lines += [f"Requires-Python: {project['requires-python']}"]
    lines += [f"Requires-Dist: {needed}" for needed in project["dependencies"]]
    for extra, needs in project["optional-dependencies"].items():
        lines += [f"Provides-Extra: {extra}"]
        lines += [f"Requires-Dist: {needed} ; extra == '{extra}'" for needed in needs]
    lines += [f"Project-URL: {name}, {url}" for name, url in project["urls"].items()]
    lines += ["Description-Content-Type: text/markdown", ""]
    return "\n".join(lines) + "\n" + (PYTHON / project["readme"]).read_text(encoding="utf-8")


def stripped(path):
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "stripped"
        subprocess.run(["strip", "-o", target, path], check=True)
        return target.read_bytes()


def pack(program, module, licences, folder):
    project = tomllib.loads((PYTHON / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    name, version = project["name"], project["version"]
    info = f"{name}-{version}.dist-info"
    files = {}
    for path in sorted((PYTHON / name).iterdir()):
        if path.suffix in (".py", ".pyi") or path.name == "py.typed":
            files[f"{name}/{path.name}"] = path.read_bytes()
    files[MODULE] = stripped(module)
    files[f"{name}-{version}.data/scripts/trapline"] = stripped(program)
    for text in ("LICENSE-MIT", "LICENSE-APACHE"):
        files[f"{info}/licenses/{text}"] = (ROOT / text).read_bytes()
    for path in sorted(Path(licences).rglob("*")):
        if path.is_file():
            files[f"{info}/licenses/linked/{path.relative_to(licences).as_posix()}"] = path.read_bytes()
    files[f"{info}/METADATA"] = metadata(project).encode()
    wheel = ["Wheel-Version: 1.0", "Generator: trapline scripts/wheel.py", "Root-Is-Purelib: false", f"Tag: {TAG}", ""]
    files[f"{info}/WHEEL"] = "\n".join(wheel).encode()
    rows = []
    for path, content in files.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
        quoted = f'"{path}"' if "," in path else path
        rows.append(f"{quoted},sha256={digest},{len(content)}")
    rows.append(f"{info}/RECORD,,")
    files[f"{info}/RECORD"] = ("\n".join(rows) + "\n").encode()

    # Nothing of the builder in the entries: fixed order, modes and time.
    moment = time.gmtime(max(int(os.environ.get("SOURCE_DATE_EPOCH", "0")), 315532800))[:6]
    target = Path(folder) / f"{name}-{version}-{TAG}.whl"
    target.parent.mkdir(parents=True, exist_ok=True)
    target.unlink(missing_ok=True)
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for path, content in files.items():
            entry = zipfile.ZipInfo(path, moment)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.create_system = 3  # Unix, whose modes follow
            mode = 0o755 if "/scripts/" in path or path.endswith(".so") else 0o644
            entry.external_attr = (0o100000 | mode) << 16
            archive.writestr(entry, content)
    print(target)


def readelf(what, path):
    # The words of readelf's output are translated; we look for the English ones.
    command = ["readelf", "--wide", *what, path]
    return subprocess.run(command, check=True, capture_output=True, text=True, env={**os.environ, "LC_ALL": "C"}).stdout


def exported(symbols):
    """Names of dynamic symbols that are defined, from `readelf --dyn-syms`."""
    found = set()
    for line in symbols.splitlines():
        fields = line.split()
        if len(fields) >= 8 and fields[0].rstrip(":").isdigit() and fields[6] != "UND" and fields[4] != "LOCAL":
            found.add(fields[7].split("@")[0])
    return found


def too_new(versions):
    """Versions of symbols that are needed and are not of an old enough glibc, from `readelf --version-info`."""
    needed = versions.split("Version needs section", 1)[-1] if "Version needs section" in versions else ""
    wrong = set()
    for version in re.findall(r"Name: (\S+)", needed):
        number = re.fullmatch(r"GLIBC_(\d+)\.(\d+)(?:\.\d+)?", version)
        if not number or tuple(map(int, number.groups())) > GLIBC:
            wrong.add(version)
    return wrong


def check(wheel):
    wrong = []
    with zipfile.ZipFile(wheel) as archive, tempfile.TemporaryDirectory() as folder:
        programs = [name for name in archive.namelist() if name.endswith("/scripts/trapline")]
        for name in [MODULE, *programs]:
            path = archive.extract(name, folder)
            libraries = set(re.findall(r"\(NEEDED\).*\[(.*)\]", readelf(["--dynamic"], path)))
            wrong += [f"{name} needs {library}" for library in sorted(libraries - SYSTEM)]
            wrong += [f"{name} needs {version}" for version in sorted(too_new(readelf(["--version-info"], path)))]
            if name == MODULE:
                found = exported(readelf(["--dyn-syms"], path))
                wrong += [f"{name} exports {symbol}" for symbol in sorted(found - EXPORTED)]
                wrong += [f"{name} does not export {symbol}" for symbol in sorted(EXPORTED - found)]
        if len(programs) != 1:
            wrong.append(f"it holds {len(programs)} commands in the place of one")
    if wrong:
        sys.exit("wheel.py: error: " + "\nwheel.py: error: ".join(wrong))
    print(
        f"{wheel}: exports {', '.join(EXPORTED)} only, needs glibc {GLIBC[0]}.{GLIBC[1]} and nothing else",
        file=sys.stderr,
    )


def main(arguments):
    if len(arguments) == 5 and arguments[0] == "pack":
        pack(*arguments[1:])
    elif len(arguments) == 2 and arguments[0] == "check":
        check(arguments[1])
    else:
        sys.exit(__doc__)


if __name__ == "__main__":
    main(sys.argv[1:])
