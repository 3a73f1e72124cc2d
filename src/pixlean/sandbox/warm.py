"""What the zygote loads before it forks: every child then has it without loading it."""

from __future__ import annotations

import contextlib

_LIBRARIES = (
    "oxipng", "imagecodecs", "imagecodecs._jpeg8", "pyvips", "tinycss2", "PIL.JpegImagePlugin", "PIL.PngImagePlugin",
    "PIL.WebPImagePlugin",
)  # fmt: skip
_NAMED = ("pillow", "pyvips-binary", "imagecodecs", "pyoxipng", "pyjpegli", "pillow-heif", "scour")


def warm_up() -> tuple[dict[str, bool], dict[str, str]]:
    """Import what most orders need and start no thread: threads do not survive a fork. The tools, and versions."""
    from importlib import metadata, util

    import numpy as np

    from pixlean.domain.formats import FORMATS
    from pixlean.engine import compress, estimate  # noqa: F401 - imported for their modules
    from pixlean.engine.registry import codec_for
    from pixlean.imaging import jpegli, jpegtrellis, libwebp, palettemap, resample, sharpyuv, ssimsums
    from pixlean.imaging.chroma import halving_loss
    from pixlean.imaging.regions import region_means
    from pixlean.imaging.tools import find_tool

    for name in FORMATS:
        codec_for(name)
    for module in _LIBRARIES:
        with contextlib.suppress(ImportError):
            __import__(module)
    for library in (jpegtrellis, palettemap, resample, sharpyuv):
        library.available()
    ssimsums.sums()
    tiny = np.zeros((2, 2, 3), np.uint8)
    halving_loss(tiny)
    region_means(tiny, 1, 1)
    tools = {
        "pngquant": util.find_spec("pyvips") is not None,
        "jpegtran": jpegli.available(),
        "cwebp": libwebp.available() or util.find_spec("pyvips") is not None,
        "oxipng": util.find_spec("oxipng") is not None,
        "pillow_heif": util.find_spec("pillow_heif") is not None,
        "scour": util.find_spec("scour") is not None,
        "pillow": True,
        "jxl_plugin": util.find_spec("imagecodecs") is not None,
        **{row.tool: find_tool(row.tool) is not None for row in FORMATS.values() if row.tool},
    }
    versions: dict[str, str] = {}
    for package in _NAMED:
        with contextlib.suppress(metadata.PackageNotFoundError):
            versions[package] = metadata.version(package)
    return tools, versions
