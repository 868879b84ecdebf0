#!/usr/bin/env python3
"""What cargo linked into the release binary, from its own messages (--message-format=json).

  linked.py licences MESSAGES TARGET FOLDER   writes the licences of everything linked into FOLDER
  linked.py hdf5 MESSAGES TARGET              prints a cargo configuration that links the same HDF5 and zlib again

Only standard Python: the list comes from cargo, the texts from the sources that were compiled.
"""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

# The C libraries that come inside crates, and where their licences lie in them.
C_LIBRARIES = {
    "hdf5-metno-src": ("HDF5", "ext/hdf5/LICENSE"),
    "libz-sys": ("zlib", "src/zlib/LICENSE"),
}
TEXTS = re.compile(r"^(licen[cs]e|copying|copyright|notice|unlicense|ofl)", re.IGNORECASE)
# What rustc comes with covers the compiler too; only this one and the texts it names are about the library.
RUST_TEXTS = re.compile(r"^(copyright-library|licenses)", re.IGNORECASE)


def messages(path, reason):
    with open(path, encoding="utf-8") as lines:
        for line in lines:
            if line.startswith("{"):
                message = json.loads(line)
                if message.get("reason") == reason:
                    yield message


def linked_packages(path, target):
    """Packages whose library was compiled for the target: no build scripts, no procedural macros."""
    wanted = {
        message["package_id"]
        for message in messages(path, "compiler-artifact")
        if "lib" in message["target"]["kind"] and any(f"/{target}/" in name for name in message["filenames"])
    }
    command = ["cargo", "metadata", "--format-version=1", "--all-features"]
    metadata = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
    own = set(metadata["workspace_members"])
    found = [package for package in metadata["packages"] if package["id"] in wanted - own]
    return sorted(found, key=lambda package: (package["name"], package["version"]))


def copy_texts(source, folder, names=TEXTS):
    """Copies the licence files at the top of a source; false when it has none."""
    texts = [entry for entry in sorted(source.iterdir()) if names.match(entry.name)] if source.is_dir() else []
    for entry in texts:
        folder.mkdir(parents=True, exist_ok=True)
        if entry.is_dir():
            shutil.copytree(entry, folder / entry.name, dirs_exist_ok=True)
        else:
            shutil.copyfile(entry, folder / entry.name)
    return bool(texts)


def licences(path, target, folder):
    packages = linked_packages(path, target)
    rows, seen = [], set()
    folder.mkdir(parents=True, exist_ok=True)
    for package in packages:
        name, version = package["name"], package["version"]
        source = Path(package["manifest_path"]).parent
        licence = package["license"] or package["license_file"] or "not stated"
        where = f"{name}-{version}/" if copy_texts(source, folder / f"{name}-{version}") else "(no text in the crate)"
        if name in C_LIBRARIES:
            library, text = C_LIBRARIES[name]
            (folder / library).mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source / text, folder / library / "COPYING")
            seen.add(name)
            where = f"{library}/COPYING"
        rows.append((f"{name} {version}", licence, package["repository"] or "(no repository named)", where))
    missing = sorted(set(C_LIBRARIES) - seen)
    if missing:
        sys.exit(f"linked.py: not among the linked crates: {', '.join(missing)}; is the bundle built with hdf5-static?")

    # Beside the crates: Rust's own library, and the parts of LLVM that zig links in for the unwinder.
    sysroot = subprocess.run(["rustc", "--print", "sysroot"], check=True, stdout=subprocess.PIPE, text=True).stdout
    if copy_texts(Path(sysroot.strip()) / "share/doc/rust", folder / "rust-std", RUST_TEXTS):
        home = "https://github.com/rust-lang/rust"
        rows.append(("The Rust standard library", "MIT OR Apache-2.0", home, "rust-std/"))
    else:
        sys.exit("linked.py: this Rust has no share/doc/rust with its licences; the bundle needs one from rustup")
    try:
        import ziglang  # the package that brings the zig of the bundle
    except ImportError:
        sys.exit("linked.py: run it with the Python that has ziglang (.setup/venv/bin/python)")
    zig = Path(ziglang.__file__).parent
    for source, name in ((zig, "zig"), (zig / "lib/libunwind", "llvm-libunwind")):
        if not copy_texts(source, folder / name):
            sys.exit(f"linked.py: no licence in {source}")
    rows.append(("zig's compiler runtime", "MIT", "https://ziglang.org", "zig/"))
    rows.append(("LLVM's libunwind", "Apache-2.0 WITH LLVM-exception", "https://llvm.org", "llvm-libunwind/"))

    head = (
        "What is linked into this binary besides trapline itself, each with its licence, its home and the folder here\n"
        "that holds its text. HDF5 and zlib are C libraries built from source: see HDF5/COPYING and zlib/COPYING.\n"
        "Crates that bring no text of their own use the Apache License 2.0, whose text is ../LICENSE-APACHE.\n\n"
    )
    text = "\n".join("\n    ".join(row) + "\n" for row in rows)
    (folder / "CRATES.txt").write_text(head + text, encoding="utf-8")


def hdf5(path, target):
    out = {}
    for message in messages(path, "build-script-executed"):
        for name in C_LIBRARIES:
            ours = re.search(rf"[/#]{re.escape(name)}[@#-]\d", message["package_id"])
            if ours and f"/{target}/" in message["out_dir"]:
                out[name] = message["out_dir"]
    missing = sorted(set(C_LIBRARIES) - set(out))
    if missing:
        sys.exit(f"linked.py: cargo ran no build script of {', '.join(missing)}")
    root, zlib = out["hdf5-metno-src"], out["libz-sys"]
    quote = json.dumps  # a JSON string is a TOML string
    print(f"""# Written by scripts/bundle.sh: takes the place of the build scripts that compile HDF5 and zlib, and links
# what they made for the bundle. Use: cargo test --features hdf5-static --config .setup/bundle-hdf5.toml
[target.{target}.hdf5src]
root = {quote(root)}
include = {quote(root + "/include")}
library = "hdf5"
zlib = "z"
zlib_header = {quote(zlib + "/include/zlib.h")}

[target.{target}.z]
rustc-link-lib = ["static=z"]
rustc-link-search = [{quote("native=" + zlib + "/lib")}]
root = {quote(zlib)}
include = {quote(zlib + "/include")}""")


def main(arguments):
    if len(arguments) == 4 and arguments[0] == "licences":
        licences(arguments[1], arguments[2], Path(arguments[3]))
    elif len(arguments) == 3 and arguments[0] == "hdf5":
        hdf5(arguments[1], arguments[2])
    else:
        sys.exit(__doc__)


if __name__ == "__main__":
    main(sys.argv[1:])
