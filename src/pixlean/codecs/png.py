"""PNG and APNG: libimagequant's palettes where allowed, oxipng always, chunks by allow-list."""

from __future__ import annotations

import io
import math
import struct
import zlib
from collections.abc import Iterator
from functools import partial

import numpy as np
from PIL import Image

from pixlean.domain.encoding import Encoding
from pixlean.domain.errors import BadImage
from pixlean.domain.estimate import Forecast, Strategy
from pixlean.domain.formats import Format
from pixlean.domain.image import ImageInfo
from pixlean.domain.limits import Limits
from pixlean.domain.recipe import Recipe, Strength
from pixlean.imaging.contract import Abilities, Codec, DropTrial, Source, Trial, Writes, run_it
from pixlean.imaging.eyes import vips_eyes
from pixlean.imaging.gamma import profile_of
from pixlean.imaging.metadata import is_only_orientation, metadata_by_pillow, read_exif
from pixlean.imaging.pixels import Array, Picture, as_rgb_array, load_pixels, open_with_pillow
from pixlean.imaging.pngfile import (
    CHANNELS,
    COLOUR,
    LAYOUT,
    MODES,
    PICTURE,
    SIGNATURE,
    TEXT,
    chunk,
    chunks_of,
    density_of,
    read_head,
    read_icc,
    selected_chunks,
    with_density,
    with_exif,
)
from pixlean.imaging.sampling import mosaic, tile_score, tiles
from pixlean.imaging.vips import vips
from pixlean.imaging.worth import PALETTE, PALETTE_AGAIN, Loss, beats_palette

_CHANNELS_OF = {MODES[colour]: count for colour, count in CHANNELS.items()}
# oxipng level 4 saves about 1 % over level 2 for three times the time: spent where a picture is small.
_LEVEL_4_LOSSLESS_PIXELS, _LEVEL_4_PALETTE_PIXELS = 1_000_000, 300_000


def _probe(data: bytes, limits: Limits) -> ImageInfo:
    """Walk the chunks; see ``contract.Codec``."""
    head: tuple[int, ...] | None = None
    icc: bytes | None = None
    kinds: set[str] = set()
    orientation, transparent, text_bytes, idat = 1, False, 0, 0
    animation: tuple[int, int] | None = None
    cicp: tuple[int, int] | None = None
    density: tuple[float, float] | None = None
    colour_by: dict[bytes, bytes] = {}
    durations: list[int] = []
    area = 0
    for kind, body in chunks_of(data, limits):
        if kind == b"IHDR" and head is None:
            head = read_head(body, limits)
        elif head is None:
            raise BadImage("the PNG does not begin with IHDR")
        elif kind == b"acTL" and not idat and len(body) == 8:
            animation = struct.unpack(">II", body)
            limits.check("max_frames", animation[0])
        elif kind == b"fcTL" and len(body) == 26:
            width, height, left, top, top_delay, per = struct.unpack_from(">IIIIHH", body, 4)
            if left + width > head[0] or top + height > head[1] or not width or not height:
                raise BadImage("the APNG has a frame outside its canvas")
            durations.append(round(1000 * top_delay / (per or 100)))
            area += width * height
        elif kind == b"IDAT":
            idat += len(body)
        elif idat and kind in COLOUR | {b"iCCP"}:
            continue  # too late: decoders pass over colours that are told behind the pixels
        elif kind == b"pHYs":
            density = density_of(body)
        elif kind == b"tRNS":
            transparent = True
        elif kind == b"cICP" and len(body) == 4:
            cicp = (body[0], body[1])
        elif kind in (b"gAMA", b"cHRM", b"sRGB"):
            colour_by.setdefault(kind, body)
        elif kind == b"iCCP" and icc is None:
            icc = read_icc(body, limits)
        elif kind == b"eXIf":
            orientation, found = read_exif(body)
            kinds |= set() if is_only_orientation(body) else found
        elif kind in TEXT:
            kinds.add("xmp" if body.startswith(b"XML:com.adobe.xmp\0") else "text")
            text_bytes += len(body)
            limits.check("max_text_bytes", text_bytes)
        elif kind not in PICTURE | COLOUR | LAYOUT | {b"bKGD", b"sBIT", b"hIST", b"sPLT"}:
            kinds.add("text")
    if head is None or not idat:
        raise BadImage("the PNG has no picture data")
    width, height, depth, colour = head[:4]
    if icc is None and b"sRGB" not in colour_by:
        icc = profile_of(colour_by.get(b"gAMA"), colour_by.get(b"cHRM"))
    count = animation[0] if animation else 1
    if animation and (count < 1 or len(durations) != count):
        raise BadImage("the APNG's frames do not match its animation header")
    if animation:
        limits.check_picture(width, height, frames=count)
        limits.check("max_total_pixels", area)
    if width * height > 4_000_000 and (idat * 1100) < width * height * depth * CHANNELS[colour] // 8:
        raise BadImage("the PNG holds too little data for its size")  # deflate's best ratio is 1032:1
    return ImageInfo(
        format=Format.APNG if animation else Format.PNG,
        width_px=width,
        height_px=height,
        mode=MODES[colour],
        bit_depth=depth,
        frames=count,
        durations_ms=tuple(durations) if animation else (),
        loop_count=animation[1] if animation else None,
        plays=animation[1] if animation else None,
        orientation=orientation,
        has_alpha=colour in (4, 6) or transparent,
        icc=icc,
        metadata=frozenset(kinds),
        lossless=True,
        progressive=bool(head[4]),
        density_dpi=density,
        cicp=cicp,  # which outranks a profile (PNG specification, third edition)
    )


def _glimpse(head: bytes, limits: Limits) -> ImageInfo:
    """The first chunk, which is IHDR or the file is no PNG."""
    width, height, depth, colour = read_head(head[16:29], limits)[:4]
    return ImageInfo(
        format=Format.PNG, width_px=width, height_px=height, mode=MODES[colour], bit_depth=depth,
        has_alpha=colour in (4, 6), lossless=True,
    )  # fmt: skip


# libimagequant's qualities by strength, the next one for pictures that the first one spoils. Measured against
# pngquant --speed 3: fewer bytes at a score no lower. At 90 drawings get as few colours as nobody misses; photographs
# get all 256.
_PALETTE_QUALITIES = {Strength.HIGH: (55, 80), Strength.MEDIUM: (75, 95), Strength.LOW: (90, 100)}
_DITHER = 0.5


def _trials(info: ImageInfo, recipe: Recipe) -> tuple[Trial, ...]:
    """A palette where loss is allowed, oxipng in any case."""
    packed = Trial(
        method="oxipng",
        make=partial(_packed, recipe=recipe),
        guess=partial(_guess_packed, recipe=recipe),
        lossless=True,
        unless_below=0.70,
    )
    strip = partial(_stripped, recipe=recipe)
    stripped = Trial(
        method="metadata-strip", make=strip, guess=run_it(strip), lossless=True, verbatim=True, unless_below=0.99
    )
    may_lose = not recipe.keeps_every_pixel and info.format is Format.PNG and info.bit_depth == 8
    if not may_lose:
        return (packed, stripped)
    if info.mode == "P":
        return (*_chosen_again(recipe), packed, stripped)
    quantised = (
        Trial(
            method="libimagequant + oxipng",
            make=partial(_quantised, recipe=recipe, quality=quality),
            guess=partial(_guess_palette, recipe=recipe, quality=quality),
            loss=PALETTE[recipe.strength],
            unless_below=1.0,
            can_beat=_has_room_for_colours,
        )
        for quality in _PALETTE_QUALITIES[recipe.strength]
    )
    return (*quantised, packed, stripped)


def _chosen_again(recipe: Recipe) -> tuple[Trial, ...]:
    """Fewer colours than the palette that was chosen before; none at the gentlest strength."""
    loss = PALETTE_AGAIN.get(recipe.strength)
    if loss is None:
        return ()
    quality = _PALETTE_QUALITIES[recipe.strength][0]
    make = partial(_quantised_again, recipe=recipe, quality=quality, loss=loss)
    guess = partial(_guess_palette_again, recipe=recipe, quality=quality)
    return (Trial(method="libimagequant + oxipng", make=make, guess=guess, loss=loss, unless_below=1.0),)


def _frames(data: bytes) -> Iterator[Array]:
    """Every frame, composited as a player shows it, a 16-bit still as uint16; a still has one."""
    if _depth(data) == 16 and b"acTL" not in data[:200]:
        yield _decode_deep(data)
        return
    image = open_with_pillow(data, "PNG")
    count = getattr(image, "n_frames", 1)
    # A still that only old readers see stands first and is not counted.
    hidden = int(count > 1 and bool(image.info.get("default_image")))
    for number in range(hidden, count + hidden):
        try:
            image.seek(number)
        except EOFError:
            return
        except Exception as error:
            raise BadImage("the APNG has a frame that does not decode") from error
        yield as_rgb_array(load_pixels(image))


def _depth(data: bytes) -> int:
    return data[24] if len(data) > 24 else 0


def _decode_deep(data: bytes) -> Array:
    import imagecodecs

    try:
        pixels = np.asarray(imagecodecs.png_decode(data))
    except Exception as error:
        raise BadImage("the PNG data does not decode") from error
    return pixels


def _stripped(source: Source, recipe: Recipe) -> bytes:
    """Private chunks cut out."""
    return selected_chunks(source.data, source.info, recipe)


def _packed(source: Source, recipe: Recipe) -> bytes:
    """The same pixels, better filters and deflate."""
    return _oxipng(selected_chunks(source.data, source.info, recipe), source.info, recipe.effort, lossless=True)


def _quantised(source: Source, recipe: Recipe, quality: int) -> bytes:
    """256 dithered colours, as near as libimagequant's quality asks. Raises ``DropTrial`` where that is hopeless."""
    _check_hope(source.picture.first, recipe, quality)
    encoded = _quantised_png(source.picture.first, quality=quality, dither=_DITHER, effort=7)
    return _oxipng(_with_colour_of(source, encoded, recipe), source.info, recipe.effort, lossless=False)


# Choosing colours for noise takes 5 to 7 seconds a megapixel, only to fail the floor. Tiles have fewer colours than the
# whole and score higher: on 18 of 21 pictures by 4 to 20 points, on three by up to 4 less, all far above any floor.
_HOPE_ASKED_PIXELS, _HOPE_PIXELS, _LEAST_GAIN_OF_TILES = 500_000, 65_536, 2.0


def _check_hope(whole: Array, recipe: Recipe, quality: int) -> None:
    floor = PALETTE[recipe.strength].floor_score
    if floor is None or whole.dtype != np.uint8 or whole.shape[0] * whole.shape[1] < _HOPE_ASKED_PIXELS:
        return
    score = _palette_score(whole, quality, most_px=_HOPE_PIXELS)
    if score < floor + _LEAST_GAIN_OF_TILES:
        raise DropTrial(f"a part of it scores {score:.1f}: the whole would be below {floor:.0f}")


def _has_room_for_colours(made: bytes) -> bool:
    """Whether a better palette than this PNG's can be had: one of 256 colours is the best there is."""
    colours = next((len(body) // 3 for kind, body in chunks_of(made, Limits()) if kind == b"PLTE"), 0)
    return colours < 256


_WORN = "a palette was chosen before, and another one saves too little"


def _quantised_again(source: Source, recipe: Recipe, quality: int, loss: Loss) -> bytes:
    made = _quantised(source, recipe, quality)
    if 1 - len(made) / len(source.data) < loss.must_gain:
        return made  # dropped for that, without packing the source to compare
    if not beats_palette(len(made), len(_packed(source, recipe))):
        raise DropTrial(_WORN)
    return made


# The guesses: palettes and oxipng at their lowest effort, times what more effort is worth. The ratios were fitted to 79
# pictures of many kinds; their spread is what was left of the error.
_QUICK_PALETTE_PIXELS, _SCORED_PIXELS = 700_000, 200_000
# The quick palette scores up to 40 points below the one that counts; under this the good one fails its floor too.
_HOPELESS_SCORE = 32.0


def _guess_palette(source: Source, recipe: Recipe, quality: int) -> Forecast:
    whole = source.picture.first
    sample = tiles(whole, tile_px=128, most_px=_QUICK_PALETTE_PIXELS)
    pixels = sample.frame if sample else whole
    made = _quantised_png(pixels, quality=quality, dither=_DITHER, effort=1)
    bits = 8 * len(made) / (pixels.shape[0] * pixels.shape[1])
    ratio = math.exp(-0.400 + 0.0554 * bits - 0.0659 * math.log(bits + 0.05))
    size = round((sample.whole(len(made), 900) if sample else len(made)) * ratio)
    size += len(_with_colour_of(source, made, recipe)) - len(made)
    if tile_score(pixels, as_rgb_array(load_pixels(open_with_pillow(made, "PNG")))) < _HOPELESS_SCORE:
        raise DropTrial("would score too low")
    strategy = Strategy.SAMPLE if sample else Strategy.DIRECT_ENCODE
    score = _palette_score(whole, quality) if recipe.strength is Strength.LOW else None
    return Forecast(size_bytes=size, strategy=strategy, spread=0.14 if sample else 0.10, score=score)


def _guess_palette_again(source: Source, recipe: Recipe, quality: int) -> Forecast:
    forecast = _guess_palette(source, recipe, quality)
    if not beats_palette(forecast.size_bytes, _guess_packed(source, recipe).size_bytes):
        raise DropTrial(_WORN)
    return forecast


def _palette_score(whole: Array, quality: int, most_px: int = _SCORED_PIXELS) -> float:
    """How a part of the picture would look: asked where the floor is so high that many a picture fails it."""
    part = mosaic(whole, tile_px=128, most_px=most_px)
    pixels = whole if part is None else part
    made = _quantised_png(pixels, quality=quality, dither=_DITHER, effort=7)
    return tile_score(pixels, as_rgb_array(load_pixels(open_with_pillow(made, "PNG"))))


_LEVEL_1_PIXELS, _LEVEL_0_PIXELS = 500_000, 2_000_000


def _guess_packed(source: Source, recipe: Recipe) -> Forecast:
    data = selected_chunks(source.data, source.info, recipe)
    pixels = source.info.pixels
    if pixels > _LEVEL_0_PIXELS and not source.info.progressive and source.info.bit_depth == 8:
        return _guess_rows(source, data)
    level = 1 if pixels <= _LEVEL_1_PIXELS else 0
    quick = len(_oxipng_at(level, data, source.info, lossless=True, force=True))
    bits = math.log(1 + 8 * quick / pixels)
    ratio = 0.94 + 0.017 * bits if level == 1 else 0.86 + 0.03 * bits
    spread = 0.015 + 0.04 / (1 + bits) if level == 1 else 0.02 + 0.08 / (1 + bits)
    # A source that the quick attempt can't come near was packed well before: there is nothing to win.
    packed_well = quick > len(data) * (1.0 if level == 1 else 1.12)
    size = len(data) if packed_well else round(min(quick * ratio, len(data)))
    return Forecast(size_bytes=size, strategy=Strategy.DIRECT_ENCODE, spread=spread)


def _guess_rows(source: Source, data: bytes) -> Forecast:
    """Stripes of rows packed again, against what the same rows take in the file: inflating it tells how much."""
    packed = b"".join(body for kind, body in chunks_of(data, Limits()) if kind == b"IDAT")
    whole = source.picture.first
    rows, stripe = whole.shape[0], 16
    count = max(2, 200_000 // (whole.shape[1] * stripe))
    tops = [round(top) for top in np.linspace(0, rows - stripe, count)]
    spent = _bytes_up_to_row(packed, source.info)
    before = sum(spent[top + stripe] - spent[top] for top in tops)
    out = io.BytesIO()
    cut = np.concatenate([whole[top : top + stripe] for top in tops])
    Image.fromarray(cut).save(out, "PNG", compress_level=1)
    after = len(_oxipng_at(2, out.getvalue(), source.info, lossless=True))
    size = len(data) - len(packed) + round(len(packed) * min(1.0, after / max(1.0, before)))
    return Forecast(size_bytes=size, strategy=Strategy.SAMPLE, spread=0.06)


def _bytes_up_to_row(packed: bytes, info: ImageInfo) -> Array:
    """How many compressed bytes a PNG's picture has spent when each row begins, and at its end."""
    inflater = zlib.decompressobj()
    step = max(512, len(packed) // 2000)
    given, got = [0], [0]
    for at in range(0, len(packed), step):
        try:
            got.append(got[-1] + len(inflater.decompress(packed[at : at + step])))
        except zlib.error as error:
            raise BadImage("the PNG data does not decode") from error
        given.append(min(len(packed), at + step))
    row_bytes = 1 + (info.width_px * _CHANNELS_OF[info.mode] * info.bit_depth + 7) // 8
    return np.interp(np.arange(info.height_px + 1) * row_bytes, got, given)


def _oxipng(data: bytes, info: ImageInfo, effort: int | None, *, lossless: bool) -> bytes:
    if effort is not None:
        return _oxipng_at(_level_for(effort, info), data, info, lossless=lossless)
    small = info.pixels <= (_LEVEL_4_LOSSLESS_PIXELS if lossless else _LEVEL_4_PALETTE_PIXELS)
    return _oxipng_at(4 if small else 2, data, info, lossless=lossless)


def _oxipng_at(level: int, data: bytes, info: ImageInfo, *, lossless: bool, force: bool = False) -> bytes:
    """``force`` gives what oxipng makes even where it is larger than what it was given."""
    import oxipng

    made: bytes = oxipng.optimize_from_memory(
        data,
        level=level,
        force=force,
        fix_errors=False,
        strip=oxipng.StripChunks.none(),
        interlace=oxipng.Interlacing.Off,
        # 16-bit samples stay 16-bit even where 8 would do: readers choose their pipeline by the header.
        bit_depth_reduction=info.bit_depth != 16,
        color_type_reduction=info.bit_depth != 16,
        optimize_alpha=not lossless,
    )
    return made


def _encode(picture: Picture, wish: Encoding) -> bytes:
    """A picture or, as APNG, an animation: lossless, or with a palette of ``quality`` (libimagequant's for stills)."""
    if len(picture.frames) > 1:
        return _animated_png(picture, wish)
    pixels = picture.first
    if wish.lossless or wish.quality >= 100 or pixels.dtype != np.uint8:
        made = _plain_png(pixels)
    else:
        made = _quantised_png(
            pixels, quality=round(wish.quality), dither=_DITHER, effort=4 if (wish.effort or 5) < 4 else 7
        )
    if not wish.draft:
        info = _probe(made, Limits())
        made = _oxipng_at(_level_for(wish.effort, info), made, info, lossless=True)
    made = with_density(made, wish.density_dpi)
    return made if wish.exif is None else with_exif(made, wish.exif)


def _level_for(effort: int | None, info: ImageInfo) -> int:
    if effort is None:
        return 4 if info.pixels <= _LEVEL_4_PALETTE_PIXELS else 2
    return (0, 0, 1, 1, 2, 2, 2, 3, 4, 5)[effort]


def _plain_png(pixels: Array) -> bytes:
    deep = pixels.dtype == np.uint16
    kind = ("grey16" if deep else "b-w") if pixels.ndim == 2 else ("rgb16" if deep else "srgb")
    image = vips().Image.new_from_array(np.ascontiguousarray(pixels), interpretation=kind)
    made: bytes = image.pngsave_buffer(compression=1, keep="none")
    return made


def _animated_png(picture: Picture, wish: Encoding) -> bytes:
    shown = [Image.fromarray(frame) for frame in picture.frames]
    if not wish.lossless and wish.quality < 100:
        colours = max(16, min(256, round(256 * wish.quality / 80)))
        shown = [frame.quantize(colours) for frame in shown]
    out = io.BytesIO()
    loop = 1 if picture.plays is None else picture.plays
    shown[0].save(
        out, "PNG", save_all=True, append_images=shown[1:], duration=list(picture.durations_ms), loop=loop, blend=0
    )
    return out.getvalue()


def _quantised_png(pixels: Array, *, quality: int, dither: float, effort: int) -> bytes:
    pyvips = vips()

    if pixels.dtype != np.uint8:
        raise DropTrial("only 8-bit pictures are quantised")
    if pixels.ndim == 2:
        pixels = np.stack([pixels] * 3, axis=-1)
    image = pyvips.Image.new_from_array(np.ascontiguousarray(pixels), interpretation="srgb")
    made: bytes = image.pngsave_buffer(
        palette=True,
        Q=quality,
        dither=dither,
        effort=effort,
        compression=6,
        filter="none",
        keep="none",
    )
    return made


def _with_colour_of(source: Source, made: bytes, recipe: Recipe) -> bytes:
    """Picture chunks of ``made`` with the colour, and where kept the metadata, of the source."""
    out = bytearray(SIGNATURE)
    travelling = [
        chunk(kind, body)
        for kind, body in chunks_of(selected_chunks(source.data, source.info, recipe), Limits())
        if kind not in PICTURE and kind != b"sBIT" and kind not in (b"bKGD", b"sPLT")
    ]
    for kind, body in chunks_of(made, Limits()):
        if kind in PICTURE:
            out += chunk(kind, body)
        if kind == b"IHDR":
            out += b"".join(travelling)
    return bytes(out)


CODEC = Codec(
    probe=_probe,
    glimpse=_glimpse,
    frames=_frames,
    trials=_trials,
    eyes=vips_eyes("pngload"),
    writes=Writes(
        encode=_encode,
        abilities=Abilities(
            looks=((40, 50.0), (60, 60.0), (80, 75.0), (95, 90.0)),  # libimagequant's palettes, by eye
            deep=True, moves=True, plays=True, lossless=True, palette=True, usual_share=4.0,
            drafts=True,
        ),
    ),
    with_exif=with_exif,
    metadata=partial(metadata_by_pillow, pillow_format="PNG"),
)  # fmt: skip
