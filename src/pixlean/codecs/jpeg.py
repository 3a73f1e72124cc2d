"""JPEG: jpegli at the wanted quality, the lossless repack as its rival, gain maps never touched."""

from __future__ import annotations

import io
import math
import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from pixlean.domain.encoding import Encoding
from pixlean.domain.errors import BadImage
from pixlean.domain.estimate import Forecast, Strategy
from pixlean.domain.formats import Format
from pixlean.domain.image import ImageInfo
from pixlean.domain.limits import Limits
from pixlean.domain.plan import Trial, TrialKind
from pixlean.domain.recipe import Recipe
from pixlean.imaging import jpegli
from pixlean.imaging.colour import icc_to_keep
from pixlean.imaging.contract import DropTrial, Source, replace_picture
from pixlean.imaging.metadata import is_only_orientation, orientation_exif, read_exif
from pixlean.imaging.pixels import Array, Picture, load_pixels, open_with_pillow
from pixlean.imaging.sampling import exactly, tiles
from pixlean.imaging.tools import in_disposable_process
from pixlean.imaging.vips import vips

_SOF = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}
_ARITHMETIC = {0xC9, 0xCA, 0xCB, 0xCD, 0xCE, 0xCF}
_EXIF, _XMP, _XMP_MORE = b"Exif\0\0", b"http://ns.adobe.com/xap/1.0/\0", b"http://ns.adobe.com/xmp/extension/\0"
_ICC, _PHOTOSHOP, _MPF = b"ICC_PROFILE\0", b"Photoshop 3.0\0", b"MPF\0"
_GAIN_MAP = re.compile(rb"hdrgm:|HDRGainMap|urn:iso:std:iso:ts:21496")
_XMP_GPS = re.compile(rb'(exif:GPS\w*)="[^"]*"|<(exif:GPS\w*)>[^<]*</(exif:GPS\w*)>')
# libjpeg's luminance table at quality 50, in zigzag-free order; its sum gives the scale of a file's own table.
_BASE_LUMA_SUM = 3689


@dataclass(frozen=True)
class _Segment:
    marker: int
    start: int
    end: int


def _segments(data: bytes, limits: Limits) -> tuple[list[_Segment], int]:
    """All marker segments up to the first scan, the number of scans, and a check that the file is whole."""
    found: list[_Segment] = []
    at, size = 2, len(data)
    while at + 4 <= size:
        if data[at] != 0xFF:
            raise BadImage("the JPEG has bytes where a marker must stand")
        marker = data[at + 1]
        if marker == 0xFF:
            at += 1
            continue
        if marker in (0x01, *range(0xD0, 0xD9)):
            at += 2
            continue
        if marker == 0xD9:
            break
        length = int.from_bytes(data[at + 2 : at + 4], "big")
        if length < 2 or at + 2 + length > size:
            raise BadImage("the JPEG ends inside a segment")
        found.append(_Segment(marker, at, at + 2 + length))
        limits.check("max_chunks", len(found))
        if marker == 0xDA:
            return found, _count_scans(data, at, limits)
        at += 2 + length
    raise BadImage("the JPEG has no picture data")


def _count_scans(data: bytes, at: int, limits: Limits) -> int:
    scans = 0
    while at >= 0:
        scans += 1
        limits.check("max_jpeg_scans", scans)
        at = data.find(b"\xff\xda", at + 2)
    return scans


def _payload(data: bytes, segment: _Segment) -> bytes:
    return data[segment.start + 4 : segment.end]


def _icc_of(data: bytes, segments: list[_Segment]) -> bytes | None:
    parts: dict[int, bytes] = {}
    for segment in segments:
        payload = _payload(data, segment)
        if segment.marker == 0xE2 and payload.startswith(_ICC) and len(payload) > 14:
            parts.setdefault(payload[12], payload[14:])
    return b"".join(parts[number] for number in sorted(parts)) or None


def _quality_of(data: bytes, segments: list[_Segment]) -> int | None:
    """The libjpeg quality whose luminance table is nearest to the file's first one (inverts jpeg_quality_scaling)."""
    for segment in segments:
        payload = _payload(data, segment)
        if segment.marker != 0xDB or not payload or payload[0] & 15:
            continue
        wide = payload[0] >> 4
        values = np.frombuffer(payload[1 : 1 + (128 if wide else 64)], ">u2" if wide else np.uint8)
        scale = 100.0 * float(values.sum()) / _BASE_LUMA_SUM
        quality = 100 - scale / 2 if scale <= 100 else 5000 / scale
        return int(min(100, max(1, round(quality))))
    return None


def probe(data: bytes, limits: Limits) -> ImageInfo:
    """Read the marker segments; see ``contract.Codec.probe``."""
    segments, scans = _segments(data, limits)
    frame = next((segment for segment in segments if segment.marker in _SOF), None)
    if frame is None or frame.end - frame.start < 12:
        raise BadImage("the JPEG has no frame header")
    depth, height, width, components = struct.unpack_from(">BHHB", data, frame.start + 4)
    if not width or not height or not components or frame.end - frame.start < 10 + 3 * components:
        raise BadImage("the JPEG's frame header is empty")
    limits.check_picture(width, height, bytes_per_pixel=components)
    if width * height > 1_000_000 and len(data) * 1000 < width * height:
        raise BadImage("the JPEG holds far too little data for its size")
    factors = [data[frame.start + 11 + 3 * index] for index in range(components)]
    orientation, kinds, keep = 1, set[str](), set[str]()
    for segment in segments:
        payload = _payload(data, segment)
        kinds |= _kinds_of(segment.marker, payload)
        if segment.marker == 0xE1 and payload.startswith(_EXIF) and orientation == 1:
            orientation, _ = read_exif(payload)
        if _GAIN_MAP.search(payload) or (segment.marker == 0xE2 and payload.startswith(_MPF)):
            keep.add("gain_map")
    if depth != 8 or frame.marker in _ARITHMETIC or frame.marker not in (0xC0, 0xC1, 0xC2):
        keep.add("coding")
    icc = _icc_of(data, segments)
    limits.check("max_icc_bytes", len(icc or b""))
    return ImageInfo(
        format=Format.JPEG,
        width_px=width,
        height_px=height,
        mode={1: "L", 3: "RGB", 4: "CMYK"}.get(components, f"{components} channels"),
        bit_depth=depth,
        orientation=orientation,
        icc=icc,
        metadata=frozenset(kinds),
        lossless=False,
        jpeg_quality=_quality_of(data, segments),
        chroma_subsampling=_subsampling(factors),
        progressive=frame.marker in (0xC2, 0xCA) or scans > components,
        keep=frozenset(keep),
    )


def _subsampling(factors: list[int]) -> str | None:
    if len(factors) != 3:
        return None
    names = {0x22: "420", 0x21: "422", 0x12: "440", 0x11: "444", 0x41: "411"}
    if factors[1] == factors[2] == 0x11:
        return names.get(factors[0], "other")
    return "444" if len(set(factors)) == 1 else "other"


def _kinds_of(marker: int, payload: bytes) -> set[str]:
    """The private kinds in one segment; JFIF, ICC, Adobe and MPF carry none."""
    if not payload.strip(b"\0"):
        return set()
    if marker == 0xFE:
        return {"comment"}
    if not 0xE1 <= marker <= 0xEF:
        return {"thumbnail"} if marker == 0xE0 and (payload[:5] == b"JFXX\0" or payload[12:14] > b"\0\0") else set()
    if marker == 0xE1 and payload.startswith(_EXIF):
        return set() if is_only_orientation(payload) else set(read_exif(payload)[1])
    if marker == 0xE1 and payload.startswith((_XMP, _XMP_MORE)):
        gps = {"gps"} if _XMP_GPS.search(payload) else set[str]()
        # XMP that describes a gain map is part of the picture: only its GPS fields are private.
        return gps if _GAIN_MAP.search(payload) else gps | {"xmp"}
    if marker == 0xED:
        return {"iptc"}
    if (marker == 0xE2 and payload.startswith((_ICC, _MPF))) or (marker == 0xEE and payload.startswith(b"Adobe")):
        return set()
    return {"text"}


def trials(info: ImageInfo, recipe: Recipe) -> tuple[Trial, ...]:
    """jpegli at the recipe's quality, then the repack unless the encode already won by a margin."""
    if info.keep:
        return (_STRIP,) if recipe.strip_metadata else ()
    repack = Trial(
        kind=TrialKind.REPACK,
        method="jpegli-transcode",
        why="the same coefficients with optimal Huffman tables",
        parameters=MappingProxyType({"progressive": recipe.progressive_jpeg}),
        lossless=True,
        unless_below=0.80,
    )
    quality = recipe.quality
    if info.jpeg_quality is not None and info.jpeg_quality <= quality + 3:
        # Already at or below the wanted quality: re-encoding would only add a generation loss.
        return (repack, _STRIP)
    encoder = "jpegli" if info.mode != "CMYK" and jpegli.available() else "libjpeg-turbo"
    if encoder != "jpegli" and info.mode != "CMYK":
        encoder = "mozjpeg-trellis"
    encode = Trial(
        kind=TrialKind.ENCODE,
        method=encoder,
        why="the picture at the wanted quality",
        parameters=MappingProxyType({"quality": quality, "progressive": recipe.progressive_jpeg}),
        must_gain=0.07,
        quality_parameter="quality",
    )
    return (encode, repack, _STRIP)


_STRIP = Trial(
    kind=TrialKind.REPACK, method="metadata-strip", why="private segments cut out", lossless=True, unless_below=0.97
)


def frames(data: bytes) -> Iterator[Array]:
    """The one frame."""
    yield decode(data).first


def preview(data: bytes) -> Array:
    """The picture scaled down by the DCT, by 8 where it is large: enough to see that it is the right one."""
    image = open_with_pillow(data, "JPEG")
    image.draft(None, (max(128, image.width // 8), max(128, image.height // 8)))
    return np.asarray(load_pixels(image))


def decode(data: bytes) -> Picture:
    """The picture as L, RGB or CMYK, uint8, orientation not applied."""
    image = load_pixels(open_with_pillow(data, "JPEG"))
    return Picture(frames=(np.asarray(image),), mode=image.mode)


def run(source: Source, trial: Trial, recipe: Recipe) -> bytes:
    """One of the trials above."""
    if trial.method == "metadata-strip":
        return _strip_in_place(source.data) if source.info.keep else _resegment(source.data, source, recipe)
    if trial.method == "jpegli-transcode":
        if not jpegli.available():
            raise DropTrial("jpegli's self-test failed")
        progressive = bool(trial.parameters["progressive"])
        made = in_disposable_process(lambda: jpegli.transcode(source.data, progressive=progressive))
        return _resegment(made, source, recipe)
    return _resegment(_encode(source, trial), source, recipe)


# Up to here the encode itself is quick enough (6 ms a megapixel, decoding not counted).
_EXACT_PIXELS = 6_000_000


def forecast(source: Source, trial: Trial, recipe: Recipe) -> Forecast:
    """The encode of large pictures from 32-pixel tiles, whose blocks cost what they cost in place; the rest is run."""
    sample = None
    if trial.method == "jpegli" and source.info.pixels > _EXACT_PIXELS:
        sample = tiles(source.picture.first, tile_px=32, most_px=1_500_000)
    if sample is None:
        return exactly(run(source, trial, recipe))
    head_bytes = 600
    made = _encode(replace_picture(source, sample.frame), trial)
    travelling = len(_travelling(source, recipe))
    size = sample.whole(len(made), head_bytes) + travelling
    return Forecast(size_bytes=size, strategy=Strategy.SAMPLE, spread=0.02)


# The logarithm of jpegli's bytes over the source's, as a quadratic form of the logarithms of both quantisation scales
# and of the source's bits per pixel, with terms for 4:4:4 and progressive sources. Least absolute error over 2 029
# re-encodes of 50 photographs: standard deviation 0.15.
_HEAD_MODEL = (
    0.2491, 0.7962, -1.0302, 0.8737, -0.0761, 0.0425, 0.0748, -0.0249, -0.1135, -0.0960, -0.4412, 0.0807, -0.0633,
)  # fmt: skip


def forecast_head(head: bytes, total_bytes: int, info: ImageInfo, trial: Trial) -> Forecast | None:
    """A forecast from the quantisation tables and the size alone; ``None`` for what they say nothing about."""
    picture_bytes = total_bytes - _segments(head, Limits())[0][-1].end
    if info.keep:
        return Forecast(size_bytes=total_bytes, strategy=Strategy.HEADER_ONLY, spread=0.02)
    if trial.method == "jpegli-transcode" and picture_bytes > 0:
        share = 0.93 if not info.progressive else 0.99
        return Forecast(size_bytes=round(share * picture_bytes), strategy=Strategy.HEADER_ONLY, spread=0.05)
    if trial.method != "jpegli" or info.mode != "RGB" or info.jpeg_quality is None or picture_bytes <= 0:
        return None
    source, wanted = _log_scale(info.jpeg_quality), _log_scale(int(trial.parameters["quality"] or 0))
    bits = math.log(8 * picture_bytes / info.pixels)
    full, scans = float(info.chroma_subsampling == "444"), float(info.progressive)
    terms = (
        1.0, source, wanted, bits, source * wanted, source**2, wanted**2, bits**2, bits * source, bits * wanted,
        full, full * source, scans,
    )  # fmt: skip
    share = math.exp(sum(weight * term for weight, term in zip(_HEAD_MODEL, terms, strict=True)))
    return Forecast(size_bytes=round(share * picture_bytes), strategy=Strategy.HEADER_ONLY, spread=0.16)


def _log_scale(quality: int) -> float:
    """The logarithm of libjpeg's quantisation scale in per cent (jpeg_quality_scaling)."""
    return math.log(5000 / quality if quality < 50 else max(2, 200 - 2 * quality))


# jpegli's quality that scores, on photographs, no lower on average than libjpeg-turbo's at the recipe's number
# (`make bench` measures it): a little more from 50 on.
_SHIFT_BELOW_50, _SHIFT = 2.0, 3.2


def encode(picture: Picture, wish: Encoding) -> bytes:
    """An sRGB or grey picture without alpha as a JPEG; raises ``ValueError`` for anything else."""
    pixels = picture.first
    if pixels.dtype != np.uint8 or (pixels.ndim == 3 and pixels.shape[2] != 3):
        raise ValueError("a JPEG holds 8-bit grey or RGB")
    method = "jpegli" if jpegli.available() else "mozjpeg-trellis"
    # One decision for all qualities below: a search over the quality must not meet a jump.
    subsampling = "444" if wish.quality >= 95 else _chroma_that_shows(pixels, 80)
    made = _encode_pixels(
        pixels, method, wish.quality, progressive=wish.progressive or wish.careful, subsampling=subsampling
    )
    return made if wish.exif is None else with_exif(made, wish.exif)


def with_exif(data: bytes, exif: bytes) -> bytes:
    """A JPEG with this EXIF body in place of its own."""
    segments, _ = _segments(data, Limits())
    out = bytearray(data[:2]) + _segment(0xE1, _EXIF + exif)
    for segment in segments:
        if not (segment.marker == 0xE1 and _payload(data, segment).startswith(_EXIF)):
            out += data[segment.start : segment.end]
    return bytes(out) + data[segments[-1].end :]


def _encode(source: Source, trial: Trial) -> bytes:
    quality, progressive = int(trial.parameters["quality"] or 0), bool(trial.parameters["progressive"])
    pixels = source.picture.first
    if trial.method == "libjpeg-turbo":
        from PIL import Image

        out = io.BytesIO()
        Image.fromarray(pixels, source.picture.mode).save(
            out, "JPEG", quality=quality, optimize=True, progressive=progressive
        )
        return out.getvalue()
    return _encode_pixels(
        pixels, trial.method, quality, progressive=progressive, subsampling=_chroma_for(source, quality)
    )


def _encode_pixels(pixels: Array, method: str, quality: int, *, progressive: bool, subsampling: str) -> bytes:
    if method == "jpegli":
        shift = _SHIFT if quality >= 50 else _SHIFT_BELOW_50
        distance = jpegli.quality_to_distance(min(100, quality + shift))
        return jpegli.encode(pixels, distance=distance, subsampling=subsampling, progressive=progressive)
    pyvips = vips()

    image = pyvips.Image.new_from_array(np.ascontiguousarray(pixels), interpretation="srgb")
    made: bytes = image.jpegsave_buffer(
        Q=quality,
        trellis_quant=True,
        overshoot_deringing=True,
        optimize_coding=True,
        optimize_scans=progressive,
        interlace=progressive,
        quant_table=3,
        subsample_mode="off" if subsampling == "444" else "on",
        keep="none",
    )
    return made


def _chroma_for(source: Source, quality: int) -> str:
    """4:4:4 only where the source has it and its colour edges need it, else 4:2:0 (4:2:2 sources likewise).

    The need is measured: the mean loss of a 2x2 average in Cb and Cr. From 1.5 levels on it shows as
    bleeding around coloured lines and text; photographs lie below 1.
    """
    if source.info.chroma_subsampling in ("420", "422", "440", "411") or source.picture.mode != "RGB":
        return "420"
    return _chroma_that_shows(source.picture.first, quality)


def _chroma_that_shows(pixels: Array, quality: int) -> str:
    import cv2

    if pixels.ndim == 2:
        return "420"
    chroma = cv2.cvtColor(np.ascontiguousarray(pixels), cv2.COLOR_RGB2YCrCb)[..., 1:]
    rows, columns = (size & ~1 for size in chroma.shape[:2])
    if not rows or not columns:
        return "444"
    whole = np.ascontiguousarray(chroma[:rows, :columns])
    half = cv2.resize(whole, (columns // 2, rows // 2), interpolation=cv2.INTER_AREA)
    back = cv2.resize(half, (columns, rows), interpolation=cv2.INTER_LINEAR)
    loss = float(cv2.absdiff(whole, back).mean())
    return "444" if loss > (1.5 if quality < 85 else 0.8) else "420"


def _resegment(made: bytes, source: Source, recipe: Recipe) -> bytes:
    """``made``'s picture data behind the segments of the source that must travel with it."""
    limits = Limits()
    own, _ = _segments(made, limits)
    core = [segment for segment in own if not (0xE0 <= segment.marker <= 0xEF or segment.marker == 0xFE)]
    adobe = [segment for segment in own if segment.marker == 0xEE and _payload(made, segment).startswith(b"Adobe")]
    jfif = [] if adobe else [segment for segment in own if segment.marker == 0xE0][:1]
    out = bytearray(b"\xff\xd8")
    for segment in (*jfif, *adobe):
        out += _without_thumbnail(made[segment.start : segment.end])
    out += _travelling(source, recipe)
    end = made.rfind(b"\xff\xd9") if made is not source.data else _end_of_picture(made, core[-1].end)
    for segment in core:
        out += made[segment.start : segment.end]
    return bytes(out + made[core[-1].end : end] + b"\xff\xd9")


def _without_thumbnail(segment: bytes) -> bytes:
    """A JFIF APP0 without the thumbnail it may hold; any other segment as it is."""
    if segment[4:9] == b"JFIF\0" and len(segment) >= 18:
        return segment[:2] + b"\0\x10" + segment[4:16] + b"\0\0"
    return segment


def _travelling(source: Source, recipe: Recipe) -> bytes:
    data, info = source.data, source.info
    out = bytearray()
    if recipe.strip_metadata:
        if info.orientation != 1:
            out += _segment(0xE1, _EXIF + orientation_exif(info.orientation))
        profile = icc_to_keep(info.icc, strip_metadata=True)
        if profile:
            size = 65519
            parts = [profile[at : at + size] for at in range(0, len(profile), size)]
            for number, part in enumerate(parts, 1):
                out += _segment(0xE2, _ICC + bytes((number, len(parts))) + part)
        return bytes(out)
    for segment in _segments(data, Limits())[0]:
        payload = _payload(data, segment)
        if segment.marker == 0xFE or (0xE1 <= segment.marker <= 0xEF and not payload.startswith((b"Adobe", _MPF))):
            out += data[segment.start : segment.end]
    return bytes(out)


def _segment(marker: int, payload: bytes) -> bytes:
    return bytes((0xFF, marker)) + (len(payload) + 2).to_bytes(2, "big") + payload


def _end_of_picture(data: bytes, at: int) -> int:
    """Where the EOI of the first picture stands; what trails it (motion clips, junk) is not picture."""
    while True:
        at = data.find(b"\xff", at)
        if at < 0 or at + 1 >= len(data):
            return len(data)
        if data[at + 1] == 0xD9:
            return at
        at += 1


def _strip_in_place(data: bytes) -> bytes:
    """Blank private segments without moving a byte, so that the offsets of gain maps stay true.

    EXIF becomes the orientation and zeros, comments and IPTC become zeros, XMP loses its GPS fields and, unless
    it describes the gain map, everything.
    """
    out = bytearray(data)
    at = 0
    while at >= 0:
        _blank_one_picture(out, at)
        at = data.find(b"\xff\xd8\xff", at + 2)
    return bytes(out)


def _blank_one_picture(out: bytearray, start: int) -> None:
    try:
        segments, _ = _segments(bytes(out[start:]), Limits(max_jpeg_scans=1_000_000))
    except BadImage:
        return
    for segment in segments:
        first, last = start + segment.start + 4, start + segment.end
        payload = bytes(out[first:last])
        kinds = _kinds_of(segment.marker, payload)
        if not kinds or (segment.marker == 0xE2 and _GAIN_MAP.search(payload)):
            continue
        if payload.startswith(_EXIF):
            body = orientation_exif(read_exif(payload)[0])
            blank = (_EXIF + body).ljust(len(payload), b"\0")[: len(payload)]
        elif payload.startswith((_XMP, _XMP_MORE)) and _GAIN_MAP.search(payload):
            blank = _XMP_GPS.sub(lambda found: b" " * len(found.group(0)), payload)
        else:
            blank = b"\0" * len(payload)
        out[first:last] = blank
