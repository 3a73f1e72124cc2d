"""The named places that a child may read: the interpreter, its packages, shared libraries, fonts; nothing else.

Neither the working folder nor what ``PYTHONPATH`` names is one of them, only the packages that lie there: beside them
there may be an ``.env`` or a database.
"""

from __future__ import annotations

import importlib.util
import os
import stat
import sys
from collections.abc import Iterable
from glob import glob
from pathlib import Path

_SYSTEM = (
    "/usr/lib", "/lib", "/lib64", "/usr/lib64", "/usr/local/lib", "/etc/ld.so.cache",
    "/usr/share/fonts", "/usr/share/fontconfig", "/etc/fonts", "/var/cache/fontconfig", "/usr/share/mime",
    "/usr/share/zoneinfo", "/dev/null", "/dev/urandom", "/sys/devices/system/cpu", "/proc/cpuinfo", "/proc/meminfo",
)  # fmt: skip
_PACKAGES = (
    "pixlean", "PIL", "pillow", "numpy", "pyvips", "_libvips", "pyvips_binary", "cffi",
    "_cffi_backend", "imagecodecs", "oxipng", "pyjpegli", "pillow_heif", "scour", "lxml", "py_mini_racer", "msgspec",
    "mozjpeg_lossless_optimization", "rawpy", "scipy",
)  # fmt: skip


def readable_places() -> list[str]:
    """What a child may read, as it is on this machine: the same in the server and in the zygote."""
    places = {*_SYSTEM, os.path.dirname(os.__file__)}
    places |= {path for path in sys.path if os.path.basename(path) in ("site-packages", "dist-packages")}
    places |= {path for path in sys.path if path.endswith(".zip") or os.path.basename(path) == "lib-dynload"}
    places |= set(glob(os.path.join(sys.base_prefix, "lib", "libpython*")))
    for name in _PACKAGES:
        places |= _of_package(name)
    return sorted({os.path.realpath(place) for place in places if os.path.exists(place)})


def check_private(private: Iterable[str]) -> None:
    """Raise ``PermissionError`` where one of these paths lies in a place that children may read."""
    places = [Path(place) for place in readable_places()]
    for path in private:
        real = Path(os.path.realpath(path))
        place = next((place for place in places if real == place or place in real.parents), None)
        if place is not None:
            raise PermissionError(
                f"{path} lies in {place}, which the encoding processes may read: move it out of the interpreter's, "
                "the packages' and the system's library folders"
            )


def open_to_all(places: Iterable[str]) -> bool:
    """Whether every user may read these: an interpreter below ``/root`` can't be read by any other user than root."""
    return all(_is_open(place) for place in places)


def _is_open(place: str) -> bool:
    path = Path(place)
    try:
        wanted = stat.S_IROTH | (stat.S_IXOTH if path.is_dir() else 0)
        return path.stat().st_mode & wanted == wanted and all(
            parent.stat().st_mode & stat.S_IXOTH for parent in path.parents
        )
    except OSError:  # not even we may
        return False


def _of_package(name: str) -> set[str]:
    """A package's folder or file, and the folder of shared libraries that wheels put beside it (``NAME.libs``)."""
    try:
        spec = importlib.util.find_spec(name)
    except (ImportError, ValueError):
        return set()
    if spec is None:
        return set()
    folders = set(spec.submodule_search_locations or ())
    if not folders:
        return {spec.origin} if spec.origin and os.path.isabs(spec.origin) else set()
    return folders | {f"{folder}.libs" for folder in folders}
