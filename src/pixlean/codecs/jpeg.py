"""JPEG: jpegli at the wanted quality, the lossless repack as its rival, gain maps never touched."""

from __future__ import annotations

import io
import math
import struct
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np

from pixlean.domain.encoding import Encoding
from pixlean.domain.errors import BadImage
from pixlean.domain.estimate import Forecast, Strategy
from pixlean.domain.formats import Format
from pixlean.domain.image import ImageInfo
from pixlean.domain.limits import Limits
from pixlean.domain.recipe import Recipe
from pixlean.imaging import jpegli, jpegread
from pixlean.imaging.contract import Abilities, Codec, DropTrial, Knob, Make, Source, Trial, Writes, run_it
from pixlean.imaging.eyes import vips_jpeg_eyes
from pixlean.imaging.jpegfile import (
    ARITHMETIC,
    EXIF,
    FRAME_MARKERS,
    GAIN_MAP,
    MPF,
    blanked_in_place,
    density_of,
    holds_more_than_previews,
    icc_of,
    kinds_of,
    payload_of,
    quality_of,
    resegmented,
    segments_of,
    travelling,
    with_density,
    with_exif,
)
from pixlean.imaging.jpegpixels import JPEGLI, QUICK_EFFORT, TRELLIS, WHOLE, chroma_for, encode, encoder_for
from pixlean.imaging.metadata import metadata_by_pillow, read_exif
from pixlean.imaging.pixels import Array, Picture, load_pixels, open_with_pillow
from pixlean.imaging.sampling import tiles
from pixlean.imaging.tools import in_disposable_process, know_errand
from pixlean.imaging.vips import vips
from pixlean.imaging.worth import AGAIN_JPEG, QUALITY_LOOKS, is_worn


def _probe(data: bytes, limits: Limits) -> ImageInfo:
    """Read the marker segments; see ``contract.Codec``."""
    segments, scans = segments_of(data, limits)
    frame = next((segment for segment in segments if segment.marker in FRAME_MARKERS), None)
    if frame is None or frame.end - frame.start < 12:
        raise BadImage("the JPEG has no frame header")
    depth, height, width, components = struct.unpack_from(">BHHB", data, frame.start + 4)
    if not width or not height or not components or frame.end - frame.start < 10 + 3 * components:
        raise BadImage("the JPEG's frame header is empty")
    limits.check_picture(width, height, bytes_per_pixel=components)
    if width * height > 1_000_000 and len(data) * 1000 < width * height:
        raise BadImage("the JPEG holds far too little data for its size")
    factors = [data[frame.start + 11 + 3 * index] for index in range(components)]
    orientation, kinds, untouchable = 1, set[str](), set[str]()
    for segment in segments:
        payload = payload_of(data, segment)
        kinds |= kinds_of(segment.marker, payload)
        if segment.marker == 0xE1 and payload.startswith(EXIF) and orientation == 1:
            orientation, _ = read_exif(payload)
        if GAIN_MAP.search(payload):
            untouchable.add("gain_map")
        elif segment.marker == 0xE2 and payload.startswith(MPF):
            if holds_more_than_previews(data, payload):
                untouchable.add("gain_map")
            else:
                kinds.add("thumbnail")  # a large preview, which no viewer needs
    if depth != 8 or frame.marker in ARITHMETIC or frame.marker not in (0xC0, 0xC1, 0xC2):
        untouchable.add("coding")
    icc = icc_of(data, segments)
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
        quality=quality_of(data, segments),
        density_dpi=density_of(data, segments),
        chroma_subsampling=_subsampling(factors),
        progressive=frame.marker in (0xC2, 0xCA) or scans > components,
        untouchable=frozenset(untouchable),
    )


def _subsampling(factors: list[int]) -> str | None:
    if len(factors) != 3:
        return None
    names = {0x22: "420", 0x21: "422", 0x12: "440", 0x11: "444", 0x41: "411"}
    if factors[1] == factors[2] == 0x11:
        return names.get(factors[0], "other")
    return "444" if len(set(factors)) == 1 else "other"


def _trials(info: ImageInfo, recipe: Recipe) -> tuple[Trial, ...]:
    """jpegli at the recipe's quality, then the repack unless the encode already won by a margin."""
    if info.untouchable:
        return (_strip(_blanked, guess_head=_head_as_it_is),) if recipe.strip_metadata else ()
    repack = Trial(
        method="jpegli-transcode",
        make=partial(_transcoded, recipe=recipe),
        guess=run_it(partial(_transcoded, recipe=recipe)),
        guess_head=partial(_head_repacked, info=info),
        lossless=True,
        unless_below=0.80,
    )
    if is_worn(info, recipe.quality):
        return (repack, _strip(partial(_repacked_segments, recipe=recipe)))
    return (_again(info, recipe), repack, _strip(partial(_repacked_segments, recipe=recipe)))


_TURBO = "libjpeg-turbo"


def _again(info: ImageInfo, recipe: Recipe) -> Trial:
    """The picture at the wanted quality."""
    encoder = _TURBO if info.mode == "CMYK" else encoder_for(recipe.quality, recipe.effort, info.pixels)

    def at(quality: float) -> Make:
        return lambda source: resegmented(_again_with(encoder, source, round(quality), recipe), source, recipe)

    guessed = encoder in (TRELLIS, JPEGLI)
    return Trial(
        method=encoder,
        make=at(recipe.quality),
        guess=partial(_guess, encoder=encoder, recipe=recipe) if guessed else run_it(at(recipe.quality)),
        guess_head=partial(_head_encoded, info=info, quality=recipe.quality) if guessed else None,
        knob=Knob(low=recipe.quality, high=100, at=at),
        loss=AGAIN_JPEG,
    )


def _strip(make: Make, *, guess_head: Callable[[bytes, int], Forecast | None] | None = None) -> Trial:
    """Private segments cut out, or blanked in their places."""
    return Trial(
        method="metadata-strip", make=make, guess=run_it(make), guess_head=guess_head, lossless=True, verbatim=True,
        unless_below=0.97,
    )  # fmt: skip


def _frames(data: bytes) -> Iterator[Array]:
    """The one frame as L, RGB or CMYK, uint8."""
    usual = jpegread.decoded(data)
    if usual is not None:
        yield usual
        return
    try:
        image = load_pixels(open_with_pillow(data, "JPEG"))
    except BadImage:
        yield _by_libvips(data)
    else:
        yield np.asarray(image)


def _by_libvips(data: bytes) -> Array:
    """What Pillow refuses and browsers show: a whole picture without its end marker, arithmetic coding of any size.

    Raises ``BadImage`` where anything of the picture is missing.
    """
    pyvips = vips()
    try:
        image = pyvips.Image.jpegload_buffer(_ended(data), fail_on="warning")
        pixels: Array = image.numpy()
    except pyvips.Error as error:
        raise BadImage("the JPEG data does not decode") from error
    # CMYK stays as libvips gives it, where 0 is no ink, as in Pillow's.
    return pixels if image.bands > 1 else pixels.reshape(image.height, image.width)


def _ended(data: bytes) -> bytes:
    """The file with an end marker behind its picture."""
    return data if b"\xff\xd9" in data[-65_536:] else data + b"\xff\xd9"


def _shrunk(data: bytes, factor: float, left: float) -> Any | None:
    """The picture scaled down by the DCT by 2, 4 or 8, where that leaves the resize enough to do."""
    step = next((step for step in (8, 4, 2) if factor >= left * step), 1)
    return None if step == 1 else vips().Image.jpegload_buffer(data, shrink=step, fail_on="truncated")


def _blanked(source: Source) -> bytes:
    return blanked_in_place(source.data)


def _repacked_segments(source: Source, recipe: Recipe) -> bytes:
    return resegmented(source.data, source, recipe)


_PROGRESSIVE, _SEQUENTIAL = "jpegli-progressive", "jpegli-sequential"
know_errand(_PROGRESSIVE, partial(jpegli.transcode, progressive=True))
know_errand(_SEQUENTIAL, partial(jpegli.transcode, progressive=False))


def _transcoded(source: Source, recipe: Recipe) -> bytes:
    """The same coefficients with optimal Huffman tables."""
    if not jpegli.available():
        raise DropTrial("jpegli's self-test failed")
    ways = {True: (_PROGRESSIVE,), False: (_SEQUENTIAL,), None: (_PROGRESSIVE, _SEQUENTIAL)}[_asked(recipe)]
    if len(ways) > 1 and len(source.data) > _SMALL_BYTES:
        ways = ways[:1]
    repacked = min((in_disposable_process(way, _ended(source.data)) for way in ways), key=len)
    return resegmented(repacked, source, recipe)


# Progressive files have a header for every scan: above this they are smaller all the same.
_SMALL_BYTES = 20_000


def _scans(asked: bool | None, effort: int | None) -> bool | None:
    """Whether scans are progressive; ``None`` where both have to be looked at."""
    return False if asked is None and effort is not None and effort <= QUICK_EFFORT else asked


def _asked(recipe: Recipe) -> bool | None:
    return _scans(recipe.progressive_jpeg, recipe.effort)


# Up to here the encode itself is quick enough (55 to 120 ms a megapixel).
_EXACT_PIXELS = 800_000


def _guess(source: Source, encoder: str, recipe: Recipe) -> Forecast:
    """The encode of large pictures from tiles of 128 pixels: less is off by their borders, which show in the chroma.

    On 24 encodes of 12 photographs the error was 0.9 points of the source (standard deviation), 2.2 at most.
    """
    sample = None
    if source.info.pixels > _EXACT_PIXELS:
        sample = tiles(source.picture.first, tile_px=128, most_px=500_000)
    if sample is None:
        encoded = _again_with(encoder, source, recipe.quality, recipe)
        return Forecast(size_bytes=len(resegmented(encoded, source, recipe)))
    head_bytes = 600
    encoded = _again_with(encoder, source.with_frame(sample.frame), recipe.quality, recipe)
    size = sample.whole(len(encoded), head_bytes) + len(travelling(source, recipe))
    return Forecast(size_bytes=size, strategy=Strategy.SAMPLE, spread=0.03)


def _head_as_it_is(_head: bytes, total_bytes: int) -> Forecast:
    return Forecast(size_bytes=total_bytes, strategy=Strategy.HEADER_ONLY, spread=0.02)


def _picture_bytes(head: bytes, total_bytes: int) -> int:
    """Bytes of the file behind its marker segments."""
    return total_bytes - segments_of(head, Limits())[0][-1].end


def _head_repacked(head: bytes, total_bytes: int, info: ImageInfo) -> Forecast | None:
    picture_bytes = _picture_bytes(head, total_bytes)
    if picture_bytes <= 0:
        return None
    share = 0.88 if not info.progressive else 0.99
    return Forecast(size_bytes=round(share * picture_bytes), strategy=Strategy.HEADER_ONLY, spread=0.05)


# The logarithm of jpegli's bytes over the source's, as a quadratic form of the logarithms of both quantisation scales
# and of the source's bits per pixel, with terms for 4:4:4 and progressive sources. Least absolute error over 2 029
# re-encodes of 50 photographs: standard deviation 0.15.
_HEAD_MODEL = (
    0.2491, 0.7962, -1.0302, 0.8737, -0.0761, 0.0425, 0.0748, -0.0249, -0.1135, -0.0960, -0.4412, 0.0807, -0.0633,
)  # fmt: skip


# What is written now against the sequential files of jpegli that the model knows: progressive scans take .961 (mean of
# 39 photographs at three qualities), the trellis .955 of that (28 pictures at five).
_SHARE_OF_MODEL = 0.918


def _head_encoded(head: bytes, total_bytes: int, info: ImageInfo, quality: int) -> Forecast | None:
    """A forecast from the quantisation tables and the size alone; ``None`` for what they say nothing about."""
    picture_bytes = _picture_bytes(head, total_bytes)
    if info.mode != "RGB" or info.quality is None or picture_bytes <= 0:
        return None
    source, wanted = _log_scale(info.quality), _log_scale(quality)
    bits = math.log(8 * picture_bytes / info.pixels)
    full, scans = float(info.chroma_subsampling == "444"), float(info.progressive)
    terms = (
        1.0, source, wanted, bits, source * wanted, source**2, wanted**2, bits**2, bits * source, bits * wanted,
        full, full * source, scans,
    )  # fmt: skip
    share = _SHARE_OF_MODEL * math.exp(sum(weight * term for weight, term in zip(_HEAD_MODEL, terms, strict=True)))
    return Forecast(size_bytes=round(share * picture_bytes), strategy=Strategy.HEADER_ONLY, spread=0.16)


def _log_scale(quality: int) -> float:
    """The logarithm of libjpeg's quantisation scale in per cent (jpeg_quality_scaling)."""
    return math.log(5000 / quality if quality < 50 else max(2, 200 - 2 * quality))


def _encode(picture: Picture, wish: Encoding) -> bytes:
    """An sRGB or grey picture without alpha as a JPEG; raises ``ValueError`` for anything else."""
    pixels = picture.first
    if pixels.dtype != np.uint8 or (pixels.ndim == 3 and pixels.shape[2] != 3):
        raise ValueError("a JPEG holds 8-bit grey or RGB")
    encoder = encoder_for(wish.quality, wish.effort, pixels.shape[0] * pixels.shape[1])
    # One decision for all qualities below: a search over the quality must not meet a jump.
    whole = wish.whole_chroma or wish.quality >= 95
    chroma = WHOLE if whole else chroma_for(pixels, 80, encoder)
    progressive = _scans(wish.progressive, wish.effort)
    encoded = encode(pixels, wish.quality, encoder, progressive=progressive, chroma=chroma)
    if wish.density_dpi is not None:
        encoded = with_density(encoded, wish.density_dpi)
    return encoded if wish.exif is None else with_exif(encoded, wish.exif)


def _again_with(encoder: str, source: Source, quality: int, recipe: Recipe) -> bytes:
    """The source's pixels once more; chroma that it has at half the size stays so (4:2:2 becomes 4:2:0)."""
    if encoder == _TURBO:
        return _with_turbo(source, quality, recipe)
    pixels = source.picture.first
    halved = source.info.chroma_subsampling in ("420", "422", "440", "411")
    chroma = chroma_for(pixels, quality, encoder, halved=halved)
    return encode(pixels, quality, encoder, progressive=_asked(recipe), chroma=chroma)


def _with_turbo(source: Source, quality: int, recipe: Recipe) -> bytes:
    """CMYK, which the others can't write."""
    from PIL import Image

    out = io.BytesIO()
    Image.fromarray(source.picture.first, "CMYK").save(
        out, "JPEG", quality=quality, optimize=True, progressive=_asked(recipe) is not False
    )
    return out.getvalue()


CODEC = Codec(
    probe=_probe,
    frames=_frames,
    trials=_trials,
    writes=Writes(
        encode=_encode,
        abilities=Abilities(
            looks=QUALITY_LOOKS,
            alpha=False,
            quality_step=0.1,
            halves_chroma=True,
            most_side_px=jpegli.MOST_SIDE_PX,
        ),
    ),
    with_exif=with_exif,
    metadata=partial(metadata_by_pillow, pillow_format="JPEG"),
    eyes=vips_jpeg_eyes,
    shrunk=_shrunk,
)
