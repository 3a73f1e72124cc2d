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
    half = cv2.resize(whole, (columns // 2, rows // 2), interpolation=cv2.INTER_AREA)
    back = cv2.resize(half, (columns, rows), interpolation=cv2.INTER_LINEAR)
    return float(cv2.absdiff(whole, back).mean())
