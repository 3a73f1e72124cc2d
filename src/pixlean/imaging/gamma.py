"""PNGs that say their colours by gAMA and cHRM alone, as an ICC profile that every other part understands."""

from __future__ import annotations

import struct
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

Primaries = tuple[float, ...]

# White, red, green, blue, each as x and y (Rec. ITU-R BT.709-6, item 1.3), and the exponent that PNG takes sRGB's
# curve for (PNG specification, third edition, 11.3.2.5).
_SRGB: Primaries = (0.3127, 0.329, 0.64, 0.33, 0.3, 0.6, 0.15, 0.06)
_SRGB_EXPONENT = 2.2
# Writers round: 45455 and 45454 are the same gamma, and 31270 and 31269 the same white.
_SAME_EXPONENT, _SAME_PRIMARIES = 0.05, 0.002
_LEAST_EXPONENT, _MOST_EXPONENT = 0.2, 6.0
# The white that profiles relate to, and the cone space in which white is adapted to it (ICC.1:2022, 6.3.4.3 and E.3).
_D50 = np.array([0.9642, 1.0, 0.8249])
_BRADFORD = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])


def profile_of(gama: bytes | None, chrm: bytes | None) -> bytes | None:
    """A profile that says what the bodies of a gAMA and a cHRM say; ``None`` where that is sRGB or makes no sense."""
    exponent, primaries = _SRGB_EXPONENT, _SRGB
    if gama is not None and len(gama) == 4 and int.from_bytes(gama, "big"):
        exponent = 100_000 / int.from_bytes(gama, "big")
    if chrm is not None and len(chrm) == 32:
        primaries = tuple(value / 100_000 for value in struct.unpack(">8I", chrm))
    alike = max(abs(one - other) for one, other in zip(primaries, _SRGB, strict=True)) <= _SAME_PRIMARIES
    if alike and abs(exponent - _SRGB_EXPONENT) <= _SAME_EXPONENT:
        return None
    if not _LEAST_EXPONENT <= exponent <= _MOST_EXPONENT:
        return None
    return _profile(exponent, _SRGB if alike else primaries)


@lru_cache(maxsize=16)
def _profile(exponent: float, primaries: Primaries) -> bytes | None:
    """A matrix profile, version 2 (ICC.1:2001-04, 6.3.1.2)."""
    try:
        columns = _colorants(primaries)
    except np.linalg.LinAlgError:
        return None
    if not np.isfinite(columns).all() or np.abs(columns).max() > 4:
        return None
    curve = b"curv" + struct.pack(">IIH", 0, 1, round(256 * exponent)) + bytes(2)
    text = b"PNG gamma\0"
    tags = [
        (b"desc", b"desc" + struct.pack(">II", 0, len(text)) + text + bytes(78)),
        (b"cprt", b"text" + bytes(4) + b"none\0"),
        (b"wtpt", _xyz(_D50)),
        *((name, _xyz(columns[:, at])) for at, name in enumerate((b"rXYZ", b"gXYZ", b"bXYZ"))),
        *((name, curve) for name in (b"rTRC", b"gTRC", b"bTRC")),
    ]
    at, table, bodies = 128 + 4 + 12 * len(tags), b"", b""
    for name, body in tags:
        table += name + struct.pack(">II", at + len(bodies), len(body))
        bodies += body + bytes(-len(body) % 4)
    head = struct.pack(">I4sI4s4s4s", at + len(bodies), bytes(4), 0x02100000, b"mntr", b"RGB ", b"XYZ ")
    head += bytes(12) + b"acsp" + bytes(28) + _s15(_D50)
    return head.ljust(128, b"\0") + struct.pack(">I", len(tags)) + table + bodies


def _colorants(primaries: Primaries) -> NDArray[np.float64]:
    """XYZ of red, green and blue as columns, adapted to D50. Raises ``LinAlgError`` where they span nothing."""
    corners = np.array(primaries).reshape(4, 2)
    if (corners[:, 1] <= 0).any():
        raise np.linalg.LinAlgError("a colour without luminance")
    whole = np.stack([corners[:, 0] / corners[:, 1], np.ones(4), (1 - corners.sum(axis=1)) / corners[:, 1]])
    white, rgb = whole[:, 0], whole[:, 1:]
    to_xyz = rgb * np.linalg.solve(rgb, white)
    adapt = np.linalg.inv(_BRADFORD) @ np.diag((_BRADFORD @ _D50) / (_BRADFORD @ white)) @ _BRADFORD
    found: NDArray[np.float64] = adapt @ to_xyz
    return found


def _xyz(values: NDArray[np.float64]) -> bytes:
    return b"XYZ " + bytes(4) + _s15(values)


def _s15(values: NDArray[np.float64]) -> bytes:
    """As signed 15.16 fixed point."""
    return struct.pack(">3i", *(round(65_536 * float(value)) for value in values))
