"""BMPs whose masks tell what a bit means, in any order and width, with alpha: as a browser shows them."""

from __future__ import annotations

import io
import struct

import numpy as np
import pytest
from PIL import Image

from pixlean.domain.formats import Format
from pixlean.domain.recipe import Recipe
from pixlean.engine.compress import compress
from pixlean.engine.probe import probe

MASKS = {
    "565": (16, (0xF800, 0x07E0, 0x001F, 0)),
    "1555": (16, (0x7C00, 0x03E0, 0x001F, 0x8000)),
    "4444": (16, (0x0F00, 0x00F0, 0x000F, 0xF000)),
    "x444": (16, (0x0F00, 0x00F0, 0x000F, 0)),
    "odd": (16, (0x0800, 0x01FF, 0x0600, 0xF000)),
    "rgba": (32, (0xFF000000, 0x00FF0000, 0x0000FF00, 0x000000FF)),
    "bgra": (32, (0x000000FF, 0x0000FF00, 0x00FF0000, 0xFF000000)),
    "deep": (32, (0x3FF00000, 0x000FFC00, 0x000003FF, 0xC0000000)),
}


def bmp(masks: tuple[int, int, int, int], bits: int, levels: np.ndarray, *, top_down: bool = False) -> bytes:
    """A version 4 BMP of levels (rows, columns, 4) between 0 and 1."""
    rows, columns = levels.shape[:2]
    words = np.zeros((rows, columns), np.uint64)
    for channel, mask in enumerate(masks):
        if mask:
            shift = (mask & -mask).bit_length() - 1
            words |= np.rint(levels[..., channel] * (mask >> shift)).astype(np.uint64) << np.uint64(shift)
    packed = words.astype("<u2" if bits == 16 else "<u4")
    lines = [line.tobytes().ljust((columns * bits + 31) // 32 * 4, b"\0") for line in packed]
    body = b"".join(lines if top_down else reversed(lines))
    header = struct.pack("<IiiHHIIiiII", 108, columns, -rows if top_down else rows, 1, bits, 3, len(body), 0, 0, 0, 0)
    header += struct.pack("<4I", *masks) + b"BGRs" + bytes(48)
    return struct.pack("<2sIHHI", b"BM", 14 + len(header) + len(body), 0, 0, 14 + len(header)) + header + body


@pytest.mark.parametrize("name", MASKS)
@pytest.mark.parametrize("top_down", [False, True])
def test_every_order_of_masks_is_read(name: str, top_down: bool) -> None:
    bits, masks = MASKS[name]
    ramp = np.linspace(0, 1, 21)
    levels = np.stack(np.broadcast_arrays(ramp[:, None], ramp[None, :], 1 - ramp[:, None], ramp[None, ::-1]), axis=-1)
    levels = levels[:, :19]
    data = bmp(masks, bits, levels, top_down=top_down)
    assert probe(data).has_alpha is bool(masks[3])
    shown = np.asarray(Image.open(io.BytesIO(compress(data, Recipe(outputs=(Format.PNG,), quality=100)).data)))
    for channel in range(3 + bool(masks[3])):
        steps = masks[channel].bit_count()
        wanted = np.rint(np.rint(levels[..., channel] * (2**steps - 1)) * 255 / (2**steps - 1))
        seen = (
            shown[..., channel]
            if masks[3] == 0 or channel == 3
            else np.where(shown[..., 3], shown[..., channel], wanted)
        )
        assert np.abs(seen - wanted).max() <= 1, channel


def test_alpha_is_not_lost_for_a_smaller_file() -> None:
    levels = np.ones((30, 30, 4))
    levels[:, :, 1:3], levels[:15, :, 3] = 0, 0
    for name in ("1555", "4444", "rgba"):
        bits, masks = MASKS[name]
        outcome = compress(bmp(masks, bits, levels), Recipe(quality=40))
        again = compress(outcome.data, Recipe(outputs=(Format.PNG,), quality=100))
        alpha = np.asarray(Image.open(io.BytesIO(again.data)).convert("RGBA"))[..., 3]
        assert alpha[:15].max() == 0 and alpha[15:].min() == 255, name


def test_a_mask_with_gaps_is_no_picture() -> None:
    from pixlean.domain.errors import BadImage

    with pytest.raises(BadImage):
        compress(bmp((0xA800, 0x07E0, 0x001F, 0), 16, np.zeros((4, 4, 4))), Recipe())
