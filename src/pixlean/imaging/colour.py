"""The one policy for ICC profiles: sRGB ones are redundant, any other one stays with its pixels."""

from __future__ import annotations

import io
from functools import lru_cache
from typing import Any

import numpy as np
from PIL import Image, ImageCms


@lru_cache(maxsize=64)
def is_srgb(icc: bytes) -> bool:
    """Whether an RGB profile renders like sRGB: no colour of a 6x6x6 cube moves by more than 2 of 255.

    2/255 is below what rounding in an 8-bit transform gives for the many sRGB variants in use.
    """
    try:
        profile = ImageCms.ImageCmsProfile(io.BytesIO(icc))
        if profile.profile.xcolor_space.strip() != "RGB":
            return False
        steps = np.arange(0, 256, 51, dtype=np.uint8)
        cube = np.stack(np.meshgrid(steps, steps, steps), axis=-1).reshape(1, -1, 3)
        shown = ImageCms.profileToProfile(Image.fromarray(cube), profile, ImageCms.createProfile("sRGB"))
        return shown is not None and int(np.abs(np.asarray(shown).astype(int) - cube.astype(int)).max()) <= 2
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        return False


def icc_to_keep(icc: bytes | None, *, strip_metadata: bool) -> bytes | None:
    """The profile that must travel with re-encoded pixels.

    With ``strip_metadata`` an sRGB profile goes, because pixels without one mean sRGB; any other
    profile stays, so colours never shift.
    """
    if not icc or (strip_metadata and is_srgb(icc)):
        return None
    return icc


def shown_without_profile(image: Any) -> Any:
    """A libvips CMYK image (0 is no ink; alpha may follow) as browsers show it where it has no profile: in sRGB.

    Each ink takes its share of the light, as in Chromium, Firefox, libtiff's RGBA interface, Pillow and ImageMagick.
    libvips would take a printing press for granted, whose colours are up to 80 of 255 away.
    """
    deep = image.format == "ushort"
    full = 65535 if deep else 255
    light = (full - image[0:3]) * (full - image[3]) / full
    shown = light.rint().cast(image.format).copy(interpretation="rgb16" if deep else "srgb")
    return shown.bandjoin(image[4:]) if image.bands > 4 else shown
