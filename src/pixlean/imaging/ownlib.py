"""The small C libraries of our own (``native/``), built ahead for x86-64 and aarch64 and shipped with the package."""

from __future__ import annotations

import platform
from functools import cache
from pathlib import Path
from typing import Any

_NATIVE = Path(__file__).parent / "native"


def load(name: str, declarations: str) -> tuple[Any, Any]:
    """cffi's interface and the library. Raises ``OSError`` where there is none for this machine."""
    import cffi

    ffi = cffi.FFI()
    ffi.cdef(declarations)
    return ffi, ffi.dlopen(str(_NATIVE / f"{name}-{platform.machine()}.so"))


@cache
def find(name: str, declarations: str) -> tuple[Any, Any] | None:
    """What ``load`` gives, once; ``None`` where there is no library for this machine."""
    try:
        return load(name, declarations)
    except (OSError, ImportError):
        return None


def source_digest(name: str) -> str:
    """The SHA-256 of the header and the C file that a library was built from. Raises ``OSError`` where none is."""
    ffi, library = load(name, "const char *pixlean_source(void);")
    return bytes(ffi.string(library.pixlean_source())).decode()
