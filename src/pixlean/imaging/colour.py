"""The one policy for ICC profiles: sRGB ones are redundant, any other one stays with its pixels."""

from __future__ import annotations

import io
from functools import lru_cache
from typing import Any

import numpy as np
from PIL import Image, ImageCms

from pixlean.imaging.pixels import Array


@lru_cache(maxsize=64)
def is_srgb(icc: bytes) -> bool:
    """Whether an RGB profile renders like sRGB: no colour of a 6x6x6 cube moves by more than 2 of 255.

    2/255 is below what rounding in an 8-bit transform gives for the many sRGB variants in use.
    """
    try:
        profile = ImageCms.ImageCmsProfile(io.BytesIO(icc))
        if profile.profile.xcolor_space.strip() != "RGB":
            return False
        cube = _cube()
        shown = ImageCms.profileToProfile(Image.fromarray(cube), profile, ImageCms.createProfile("sRGB"))
        return shown is not None and int(np.abs(np.asarray(shown).astype(int) - cube.astype(int)).max()) <= 2
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        return False


@lru_cache(maxsize=64)
def is_press_profile(icc: bytes) -> bool:
    """Whether a profile says what CMYK inks look like: browsers take any other one, and a broken one, for none."""
    try:
        profile = ImageCms.ImageCmsProfile(io.BytesIO(icc))
        if profile.profile.xcolor_space.strip() != "CMYK":
            return False
        ImageCms.buildTransform(profile, ImageCms.createProfile("sRGB"), "CMYK", "RGB")
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        return False
    return True


@lru_cache(maxsize=64)
def fits_in_srgb(icc: bytes, mode: str) -> bool:
    """Whether a screen of sRGB shows all that a profile of the pixels' own mode does: a press's, or an RGB within sRGB.

    Of RGB profiles, each colour of a 6x6x6 cube must come back from sRGB where it was, give or take 4 of 255.
    """
    if mode == "CMYK":
        return is_press_profile(icc)
    try:
        profile, srgb = ImageCms.ImageCmsProfile(io.BytesIO(icc)), ImageCms.createProfile("sRGB")
        if profile.profile.xcolor_space.strip() != "RGB" or mode not in ("RGB", "RGBA", "P"):
            return False
        cube = _cube()
        shown = ImageCms.profileToProfile(Image.fromarray(cube), profile, srgb)
        back = None if shown is None else ImageCms.profileToProfile(shown, srgb, profile)
        return back is not None and int(np.abs(np.asarray(back).astype(int) - cube.astype(int)).max()) <= 4
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        return False


def _cube() -> Array:
    steps = np.arange(0, 256, 51, dtype=np.uint8)
    return np.stack(np.meshgrid(steps, steps, steps), axis=-1).reshape(1, -1, 3)


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
