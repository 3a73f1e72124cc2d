"""The small C libraries of our own (``native/``), built ahead for x86-64 and aarch64 and shipped with the package."""

from __future__ import annotations

import platform
from pathlib import Path
from typing import Any


def load(name: str, declarations: str) -> tuple[Any, Any]:
    """cffi's interface and the library. Raises ``OSError`` where there is none for this machine."""
    import cffi

    ffi = cffi.FFI()
    ffi.cdef(declarations)
    return ffi, ffi.dlopen(str(Path(__file__).parent / "native" / f"{name}-{platform.machine()}.so"))
