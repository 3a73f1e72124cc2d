"""Colours that a PNG tells behind its pixels do not count: browsers pass over them."""

from __future__ import annotations

import struct
import zlib
from typing import Any

import numpy as np
import pytest

import pixlean
from pictures import opened, photo, saved
from pixlean.domain.formats import Format


def with_late_gamma(data: bytes) -> bytes:
    body = b"gAMA" + struct.pack(">I", 100_000)
    chunk = struct.pack(">I", 4) + body + struct.pack(">I", zlib.crc32(body))
    return data[:-12] + chunk + data[-12:]


@pytest.mark.parametrize("options", [{"quality": 100}, {"quality": 60}, {"outputs": (Format.WEBP,), "quality": 95}])
def test_a_gamma_behind_the_pixels_changes_nothing(options: dict[str, Any]) -> None:
    data = saved(photo(), "PNG")
    made = pixlean.compress(with_late_gamma(data), **options).data
    assert b"gAMA" not in made
    difference = np.abs(np.asarray(opened(made).convert("RGB"), float) - np.asarray(photo(), float)).mean()
    assert difference < 6
