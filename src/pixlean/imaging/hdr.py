"""From other primaries and transfer curves (ITU-T H.273 code points) to sRGB, high dynamic range included."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pixlean.imaging.pixels import Array

_PQ, _HLG = 16, 18
# Linear RGB of these primaries to linear BT.709: BT.2020 (9), DCI-P3 (11, D65 assumed) and Display P3 (12); BT.2087.
_TO_709 = {
    9: ((1.6605, -0.5876, -0.0728), (-0.1246, 1.1329, -0.0083), (-0.0182, -0.1006, 1.1187)),
    11: ((1.2249, -0.2247, 0.0), (-0.0420, 1.0419, 0.0), (-0.0197, -0.0786, 1.0979)),
    12: ((1.2249, -0.2247, 0.0), (-0.0420, 1.0419, 0.0), (-0.0197, -0.0786, 1.0979)),
}
_SRGB_LIKE = {1, 2, 6, 13, 14, 15}
_GAMMAS = {4: 2.2, 5: 2.8, 8: 1.0}
# ITU-R BT.2408: diffuse white of high dynamic range pictures at 203 cd/m2, HLG's nominal display peak at 1000.
_WHITE_NITS, _HLG_PEAK_NITS = 203.0, 1000.0
# Up to here light stays as it is; what is brighter is bent to meet white.
_KNEE = 0.7


def to_srgb(frame: Array, primaries: int, transfer: int) -> Array:
    """A frame (rows, columns, 3 or 4; uint8 or uint16) in sRGB, of the same type. Alpha stays."""
    top = float(np.iinfo(frame.dtype).max)
    colour = frame[..., :3].astype(np.float32) / top
    light = _linear(colour, transfer)
    if primaries in _TO_709:
        light = np.maximum(light @ np.array(_TO_709[primaries], np.float32).T, 0)
    if transfer in (_PQ, _HLG):
        light = _bent(light)
    made = np.rint(_encoded(np.clip(light, 0, 1)) * top).astype(frame.dtype)
    return np.concatenate([made, frame[..., 3:]], axis=-1) if frame.shape[2] == 4 else made


def _linear(colour: NDArray[np.float32], transfer: int) -> NDArray[np.float32]:
    """Light in units of diffuse white."""
    if transfer == _PQ:  # SMPTE ST 2084
        power = colour ** (1 / 78.84375)
        nits = 10_000 * (np.maximum(power - 0.8359375, 0) / (18.8515625 - 18.6875 * power)) ** (1 / 0.1593017578125)
        return np.asarray(nits / _WHITE_NITS, np.float32)
    if transfer == _HLG:  # ITU-R BT.2100, system gamma 1.2
        scene = np.where(colour <= 0.5, colour**2 / 3, (np.exp((colour - 0.55991073) / 0.17883277) + 0.28466892) / 12)
        luminance = scene @ np.array([0.2627, 0.6780, 0.0593], np.float32)
        shown = scene * np.maximum(luminance, 1e-6)[..., np.newaxis] ** 0.2
        return np.asarray(shown * _HLG_PEAK_NITS / _WHITE_NITS, np.float32)
    if transfer in _GAMMAS:
        return np.asarray(colour ** _GAMMAS[transfer], np.float32)
    return np.asarray(np.where(colour <= 0.04045, colour / 12.92, ((colour + 0.055) / 1.055) ** 2.4), np.float32)


def _bent(light: NDArray[np.float32]) -> NDArray[np.float32]:
    """Highlights brought under white by their strongest channel, so that hues stay."""
    peak = np.maximum(light.max(axis=-1, keepdims=True), 1e-6)
    room = 1 - _KNEE
    bent = np.where(peak <= _KNEE, peak, _KNEE + room * (1 - np.exp(-(peak - _KNEE) / room)))
    return np.asarray(light * (bent / peak), np.float32)


def _encoded(light: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray(np.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055), np.float32)


def is_plain(primaries: int, transfer: int) -> bool:
    """Whether code points mean what pixels without them mean: sRGB or near it."""
    return primaries not in _TO_709 and transfer in _SRGB_LIKE
