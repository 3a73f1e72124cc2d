"""libvips, set up once: no cache, one thread, untrusted loaders blocked but for the two that codecs here need."""

from __future__ import annotations

from functools import lru_cache
from typing import Any


@lru_cache(maxsize=1)
def vips() -> Any:
    """The ``pyvips`` module. Imported on first use: loading libvips costs 50 ms."""
    import pyvips

    pyvips.cache_set_max(0)
    pyvips.cache_set_max_mem(0)
    pyvips.vips_lib.vips_concurrency_set(1)
    pyvips.vips_lib.vips_block_untrusted_set(True)
    for trusted in (b"VipsForeignLoadSvg", b"VipsForeignLoadHeif"):
        # SVG text is sanitised before, HEIF boxes are walked and bounded before libvips sees them.
        pyvips.vips_lib.vips_operation_block_set(trusted, False)
    return pyvips
