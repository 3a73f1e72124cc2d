"""What is private in pictures within drawings goes; what they show stays."""

from __future__ import annotations

import base64
import re

import numpy as np
import pytest
from PIL import Image, PngImagePlugin

import pixlean
from pictures import opened, photo, saved

XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><exif:GPSLatitude>48,8N</exif:GPSLatitude></x:xmpmeta>'
SECRET = (b"GPS", b"Pixcam", b"48,8N", b"whose", b"Exif\0\0II")


def located(orientation: int = 1) -> bytes:
    found = Image.Exif()
    found[0x010F], found[0x0112] = "Pixcam", orientation
    found.get_ifd(0x8825).update({1: "N", 2: (48.0, 8.0, 0.0)})
    return found.tobytes()


def with_text() -> PngImagePlugin.PngInfo:
    info = PngImagePlugin.PngInfo()
    info.add_text("Comment", "whose GPS")
    return info


RASTERS = {
    "jpeg": saved(photo(), "JPEG", exif=located(), comment=b"whose"),
    "jpeg with a trailer": saved(photo(), "JPEG", exif=located()) + b"Pixcam GPS",
    "png": saved(photo(), "PNG", exif=located(), pnginfo=with_text()),
    "webp": saved(photo(), "WEBP", exif=located(), xmp=XMP),
    "avif": saved(photo(), "AVIF", exif=located(), xmp=XMP),
}


def drawing(data: bytes, *, how: str = "image", kind: str = "image/png") -> bytes:
    url = f"data:{kind};base64,{base64.b64encode(data).decode()}"
    body = {
        "image": f'<image width="300" height="200" href="{url}"/>',
        "xlink": f'<image width="300" height="200" xlink:href="{url}"/>',
        "style": f'<rect width="300" height="200" style="mask-image:url({url})"/>',
    }[how]
    head = (
        '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" width="300" height="200">'
    )
    return f"{head}{body}</svg>".encode()


def embedded(text: bytes) -> bytes:
    found = re.search(rb"data:[\w/+-]+;base64,([A-Za-z0-9+/=]+)", text)
    assert found is not None
    return base64.b64decode(found[1])


@pytest.mark.parametrize("how", ["image", "xlink", "style"])
@pytest.mark.parametrize("name", RASTERS)
def test_what_is_private_in_an_embedded_picture_goes(name: str, how: str) -> None:
    source = RASTERS[name]
    assert any(secret in source for secret in SECRET)
    outcome = pixlean.compress(drawing(source, how=how))
    inner = embedded(outcome.data)
    assert not any(secret in inner for secret in SECRET)
    assert np.array_equal(np.asarray(opened(inner)), np.asarray(opened(source)))
    assert not pixlean.probe(outcome.data).metadata


def test_it_goes_out_of_drawings_within_drawings_too() -> None:
    outcome = pixlean.compress(drawing(drawing(RASTERS["jpeg"]), kind="image/svg+xml"))
    assert not any(secret in embedded(outcome.data) for secret in SECRET)


def test_its_orientation_stays() -> None:
    for kind in ("JPEG", "PNG"):
        inner = embedded(pixlean.compress(drawing(saved(photo(), kind, exif=located(6)))).data)
        assert opened(inner).getexif().get(0x0112) == 6 and b"Pixcam" not in inner


@pytest.mark.parametrize("name", RASTERS)
def test_it_stays_where_it_was_asked_to(name: str) -> None:
    inner = embedded(pixlean.compress(drawing(RASTERS[name]), strip_metadata=False).data)
    assert inner == RASTERS[name]


def test_a_picture_that_holds_nothing_private_is_left_as_it_is() -> None:
    source = saved(photo(), "JPEG")
    assert embedded(pixlean.compress(drawing(source)).data) == source
