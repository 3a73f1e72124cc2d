"""Take out of installed packages what a server never opens: ``python3 slim_packages.py SITE-PACKAGES`` in an image.

Tests and C sources, debug symbols, parts of packages that serve something else, and of imagecodecs the codecs that
nothing asks for, with the libraries that only they need. Wants binutils (``strip``, ``objdump``). Prints what each step saved.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

# What pixlean asks of imagecodecs, and what tifffile does to decode the TIFFs that pixlean reads.
CODECS = {
    "_shared", "_shared_cython", "_imcd", "_jpeg8", "_jpegxl", "_png", "_zlib", "_deflate", "_zstd", "_lzma", "_lerc",
    "_webp", "_jpeg2k", "_ccitt", "_ljpeg", "_jpegsof3",
}  # fmt: skip
_SOURCES = {".pyx", ".pxd", ".pyi", ".c", ".h", ".a", ".cpp"}
# Of other packages: colours for source code (rich can show it, nothing here does), other databases, Fortran.
_UNUSED = ("sqlalchemy/dialects/mysql", "sqlalchemy/dialects/oracle", "sqlalchemy/dialects/mssql", "numpy/f2py")
_LEXERS = {"__init__.py", "_mapping.py", "python.py", "special.py"}
# Below that nothing is won.
_STRIPPED_BYTES = 300_000


def main(packages: Path) -> None:
    for step in (without_tests, without_unused, without_codecs, without_symbols, without_copies):
        before = _size_bytes(packages)
        step(packages)
        print(f"{step.__name__}: {(before - _size_bytes(packages)) / 1e6:.0f} MB less")


def without_tests(packages: Path) -> None:
    for folder in [path for path in packages.rglob("tests") if path.is_dir()]:
        shutil.rmtree(folder, ignore_errors=True)
    for path in packages.rglob("*"):
        if path.suffix in _SOURCES and path.is_file():
            path.unlink()


def without_unused(packages: Path) -> None:
    for name in _UNUSED:
        shutil.rmtree(packages / name, ignore_errors=True)
    lexers = packages / "pygments" / "lexers"
    for path in lexers.glob("*.py"):
        if path.name not in _LEXERS:
            path.unlink()
    for path in lexers.glob("__pycache__/*.pyc"):
        if f"{path.name.partition('.')[0]}.py" not in _LEXERS:
            path.unlink()


def without_codecs(packages: Path) -> None:
    codecs, libraries = packages / "imagecodecs", packages / "imagecodecs.libs"
    for path in codecs.glob("_*.so"):
        if path.name.partition(".")[0] not in CODECS:
            path.unlink()
    needed: set[str] = set()
    waiting = list(codecs.glob("*.so"))
    while waiting:
        fresh = set(_needed_by(waiting.pop())) - needed
        needed |= fresh
        waiting += [libraries / name for name in fresh if (libraries / name).exists()]
    for path in libraries.glob("*.so*"):
        if path.name not in needed:
            path.unlink()


def without_symbols(packages: Path) -> None:
    """Libraries that auditwheel moved into a wheel (``*.libs``) were patched: strip breaks some of those."""
    for path in packages.rglob("*.so"):
        patched = any(folder.name.endswith(".libs") for folder in path.parents)
        if not patched and path.stat().st_size > _STRIPPED_BYTES:
            subprocess.run(["strip", "--strip-unneeded", str(path)], check=False, stderr=subprocess.DEVNULL)


def without_copies(packages: Path) -> None:
    """Wheels hold no links: a library under three names is there three times."""
    seen: dict[tuple[Path, str], Path] = {}
    for path in sorted(packages.rglob("*.so*")):
        if path.is_symlink() or not path.is_file() or path.stat().st_size < _STRIPPED_BYTES:
            continue
        first = seen.setdefault((path.parent, hashlib.sha256(path.read_bytes()).hexdigest()), path)
        if first is not path:
            path.unlink()
            path.symlink_to(first.name)


def _needed_by(path: Path) -> Iterator[str]:
    told = subprocess.run(["objdump", "-p", str(path)], check=True, capture_output=True, text=True).stdout
    for line in told.splitlines():
        if line.strip().startswith("NEEDED"):
            yield line.split()[1]


def _size_bytes(packages: Path) -> int:
    return sum(path.stat().st_size for path in packages.rglob("*") if path.is_file() and not path.is_symlink())


if __name__ == "__main__":
    main(Path(sys.argv[1]))
