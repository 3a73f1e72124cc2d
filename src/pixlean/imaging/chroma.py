"""What a picture loses when its colour is stored at half the size (4:2:0)."""

from __future__ import annotations

import numpy as np

from pixlean.imaging.pixels import Array


def halving_loss(pixels: Array) -> float:
    """The mean loss of a 2x2 average in Cb and Cr, in levels of 255: (rows, columns, 3) or grey, uint8.

    Photographs lie below 1; from 1.5 on it shows as bleeding around coloured lines and text. Infinite for pictures
    that can't be halved, 0 for grey ones.
    """
    import cv2

    if pixels.ndim == 2:
        return 0.0
    chroma = cv2.cvtColor(np.ascontiguousarray(pixels[..., :3]), cv2.COLOR_RGB2YCrCb)[..., 1:]
    rows, columns = (size & ~1 for size in chroma.shape[:2])
    if not rows or not columns:
        return np.inf
    whole = np.ascontiguousarray(chroma[:rows, :columns])
    return float(cv2.absdiff(whole, _there_and_back(whole)).mean())


def halved(pixels: Array) -> Array:
    """The picture (rows, columns, 3), uint8, as it looks with chroma at half the size and no other loss."""
    import cv2

    planes = cv2.cvtColor(np.ascontiguousarray(pixels), cv2.COLOR_RGB2YCrCb)
    planes[..., 1:] = _there_and_back(np.ascontiguousarray(planes[..., 1:]))
    return cv2.cvtColor(planes, cv2.COLOR_YCrCb2RGB)


def _there_and_back(chroma: Array) -> Array:
    import cv2

    rows, columns = chroma.shape[:2]
    half = cv2.resize(chroma, ((columns + 1) // 2, (rows + 1) // 2), interpolation=cv2.INTER_AREA)
    return cv2.resize(half, (columns, rows), interpolation=cv2.INTER_LINEAR)
