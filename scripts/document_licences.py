"""Write THIRD_PARTY.md: every package that a server installs, with its version and licence.

``python scripts/document_licences.py``; read from the lock file and from the packages that are installed.
"""

from __future__ import annotations

import re
import subprocess
import sys
from importlib import metadata
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "THIRD_PARTY.md"
_EXPORT = (
    "export", "--frozen", "--no-dev", "--no-hashes", "--no-emit-project", "--no-header", "--no-annotate", "--quiet",
    "--extra", "heic", "--extra", "raw",
)  # fmt: skip
_HEAD = """# What pixlean stands on

Made by `python scripts/document_licences.py` from the lock file; do not edit. A test compares the two.

What `make run` and the image install, with the licence that each package tells of itself. Wheels of pictures carry libraries of their own (libvips, libheif, libaom, mozjpeg and others): their licences lie in the wheels.
Why each was chosen: `docs/dependencies.md`. `pillow-heif` carries x265 (GPL-2.0) and comes with the extra `heic`; `docs/containers.md` tells how to leave it out.

| package | version | licence |
|---|---|---|
"""
# What packages write into their metadata in place of a name.
_TEXTS = (
    ("apache license", "Apache-2.0"),
    ("mit license", "MIT"),
    ("bsd", "BSD"),
    ("python software foundation", "PSF"),
)
_MOST_CHARACTERS = 60


def page() -> str:
    """The whole page. Raises ``PackageNotFoundError`` where a package of the lock file is not installed."""
    words = [str(ROOT / ".venv" / "bin" / "uv"), *_EXPORT]
    exported = subprocess.run(words, cwd=ROOT, capture_output=True, check=True, text=True).stdout
    rows = []
    for line in exported.splitlines():
        found = re.match(r"([A-Za-z0-9._-]+)==([^ ;]+)\s*(?:;\s*(.*))?$", line)
        if found is None or not _is_for_here(found[3] or ""):
            continue
        rows.append(f"| {found[1]} | {found[2]} | {_licence(found[1])} |\n")
    return _HEAD + "".join(rows)


def _is_for_here(marker: str) -> bool:
    from packaging.markers import Marker

    # For the platform that images are made for, whatever runs this.
    here = {"sys_platform": "linux", "platform_system": "Linux", "os_name": "posix", "python_version": "3.11",
            "python_full_version": "3.11.9", "platform_machine": "x86_64", "implementation_name": "cpython",
            "platform_python_implementation": "CPython", "extra": ""}  # fmt: skip
    return not marker or Marker(marker).evaluate(here)


def _licence(name: str) -> str:
    told = metadata.metadata(name)
    by_name: str | None = told.get("License-Expression")
    if by_name:
        return by_name
    classifiers = [
        each.rpartition("::")[2].strip()
        for each in told.get_all("Classifier", [])
        if each.startswith("License ::") and "OSI Approved" not in each.rpartition("::")[2]
    ]
    if classifiers:
        return ", ".join(classifiers)
    text = (told.get("License") or "").strip()
    if text and len(text) <= _MOST_CHARACTERS and "\n" not in text:
        return text
    return next((licence for words, licence in _TEXTS if words in text.lower()), "see the package")


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
    sys.stdout.write(f"{PAGE.name} is written\n")
