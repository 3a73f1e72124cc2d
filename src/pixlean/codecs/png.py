"""PNG and APNG: palettes where allowed, oxipng always, chunks by allow-list."""

from __future__ import annotations

import contextlib
import io
import struct
from collections.abc import Iterator
from functools import partial

import numpy as np
from PIL import Image

from pixlean.domain.encoding import Encoding
from pixlean.domain.errors import BadImage
from pixlean.domain.estimate import Forecast, Strategy
from pixlean.domain.formats import Format, detect
from pixlean.domain.image import ImageInfo
from pixlean.domain.limits import Limits
from pixlean.domain.recipe import Recipe, Strength
from pixlean.imaging.apng import delay_of
from pixlean.imaging.apngpalette import quantised_animation
from pixlean.imaging.apngread import composed, controls_of, read_control
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
    TEXT,
    chunks_of,
    density_of,
    read_head,
    read_icc,
    selected_chunks,
    with_colour_of,
    with_density,
    with_exif,
)
from pixlean.imaging.pngguess import WORN, check_hope, guess_packed, guess_palette, guess_palette_again
from pixlean.imaging.pngpack import level_for, pack, pack_at
from pixlean.imaging.pngpalette import quantised, repeating
from pixlean.imaging.vips import vips
from pixlean.imaging.worth import PALETTE, PALETTE_AGAIN, Loss, beats_palette


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
            frame = read_control(body)
            right, bottom = frame.left + frame.width, frame.top + frame.height
            if right > head[0] or bottom > head[1] or not frame.width or not frame.height:
                raise BadImage("the APNG has a frame outside its canvas")
            transparent |= frame.clears(head[0], head[1], first=not durations)
            durations.append(frame.duration_ms)
            area += frame.width * frame.height
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


def _trials(info: ImageInfo, recipe: Recipe) -> tuple[Trial, ...]:
    """A palette where loss is allowed, oxipng in any case."""
    packed = Trial(
        method="oxipng",
        make=partial(_packed, recipe=recipe),
        guess=partial(guess_packed, recipe=recipe),
        lossless=True,
        unless_below=0.70,
    )
    strip = partial(_stripped, recipe=recipe)
    stripped = Trial(
        method="metadata-strip", make=strip, guess=run_it(strip), lossless=True, verbatim=True, unless_below=0.99
    )
    if recipe.keeps_every_pixel or info.bit_depth != 8:
        return (packed, stripped)
    if info.format is Format.APNG:
        exact = info.mode == "P" or recipe.strength is Strength.LOW
        return (packed, stripped) if exact else (_in_one_palette(recipe), packed, stripped)
    if info.mode == "P":
        return (*_chosen_again(recipe), packed, stripped)
    quantised = (
        Trial(
            method="libimagequant + oxipng",
            make=partial(_quantised, recipe=recipe, quality=quality),
            guess=partial(guess_palette, recipe=recipe, quality=quality),
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
    guess = partial(guess_palette_again, recipe=recipe, quality=quality)
    return (Trial(method="libimagequant + oxipng", make=make, guess=guess, loss=loss, unless_below=1.0),)


def _in_one_palette(recipe: Recipe) -> Trial:
    """All frames of an animation."""
    quality = _PALETTE_QUALITIES[recipe.strength][0]
    return Trial(
        method="libimagequant + apng",
        make=partial(_quantised_animation, recipe=recipe, quality=quality),
        guess=partial(_guess_animation, recipe=recipe, quality=quality),
        loss=PALETTE[recipe.strength],
        unless_below=1.0,
    )


def _quantised_animation(source: Source, recipe: Recipe, quality: int, most_frames: int | None = None) -> bytes:
    controls = controls_of(source.data)
    if controls is None:
        raise DropTrial("a still that is no frame would be lost")
    floor = PALETTE[recipe.strength].floor_score
    made = quantised_animation(
        source.picture.frames[:most_frames],
        [each.delay for each in controls[:most_frames]],
        plays=source.info.plays or 0,
        quality=quality,
        least_score=0.0 if floor is None else floor + _ABOVE_FLOOR,
    )
    return with_colour_of(source, made, recipe)


# An animation is guessed by its first frames: what comes after the first one goes on like that.
_GUESSED_FRAMES = 8


def _guess_animation(source: Source, recipe: Recipe, quality: int) -> Forecast:
    count = source.info.frames
    first, some = (
        len(_quantised_animation(source, recipe, quality, most_frames=most)) for most in (1, _GUESSED_FRAMES)
    )
    rest = max(0, count - _GUESSED_FRAMES) * (some - first) / max(1, min(count, _GUESSED_FRAMES) - 1)
    return Forecast(size_bytes=round(some + rest), strategy=Strategy.SAMPLE, spread=0.3)


def _frames(data: bytes) -> Iterator[Array]:
    """Every frame, composited as a player shows it, a 16-bit still as uint16; a still has one."""
    if detect(data) is Format.APNG:
        yield from composed(data, has_alpha=_probe(data, Limits()).has_alpha)
    elif _depth(data) == 16:
        yield _decode_deep(data)
    else:
        yield as_rgb_array(load_pixels(open_with_pillow(data, "PNG")))


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
    return pack(selected_chunks(source.data, source.info, recipe), source.info, recipe.effort, lossless=True)


# Up to this effort a sixth of the bytes is not worth two seconds a megapixel.
_QUICK_EFFORT = 3


def _quantised(source: Source, recipe: Recipe, quality: int) -> bytes:
    """At most 256 colours, as near as libimagequant's quality asks. Raises ``DropTrial`` where that is hopeless."""
    pixels, floor = source.picture.first, PALETTE[recipe.strength].floor_score
    check_hope(pixels, recipe, quality)
    found: tuple[bytes, ...] = (quantised(pixels, quality=quality),)
    if recipe.effort is None or recipe.effort > _QUICK_EFFORT:
        found = repeating(pixels, found[0], least_score=0.0 if floor is None else floor + _ABOVE_FLOOR)
    made = (with_colour_of(source, each, recipe) for each in found)
    return min((pack(each, source.info, recipe.effort, lossless=False) for each in made), key=len)


# Scores that are looked for are met within half a point.
_ABOVE_FLOOR = 0.5


def _has_room_for_colours(made: bytes) -> bool:
    """Whether a better palette than this PNG's can be had: one of 256 colours is the best there is."""
    colours = next((len(body) // 3 for kind, body in chunks_of(made, Limits()) if kind == b"PLTE"), 0)
    return colours < 256


def _quantised_again(source: Source, recipe: Recipe, quality: int, loss: Loss) -> bytes:
    made = quantised(source.picture.first, quality=quality)
    made = pack(with_colour_of(source, made, recipe), source.info, recipe.effort, lossless=False)
    if 1 - len(made) / len(source.data) < loss.must_gain:
        return made  # dropped for that, without packing the source to compare
    if not beats_palette(len(made), len(_packed(source, recipe))):
        raise DropTrial(WORN)
    return made


def _encode(picture: Picture, wish: Encoding) -> bytes:
    """A picture or, as APNG, an animation: lossless, or with a palette of ``quality`` (libimagequant's for stills)."""
    if len(picture.frames) > 1:
        return _animated_png(picture, wish)
    made = min((_packed_for(each, wish) for each in _unpacked(picture.first, wish)), key=len)
    made = with_density(made, wish.density_dpi)
    return made if wish.exif is None else with_exif(made, wish.exif)


def _unpacked(pixels: Array, wish: Encoding) -> tuple[bytes, ...]:
    """PNGs to pack, the smallest of which is the one."""
    if wish.lossless or wish.quality >= 100 or pixels.dtype != np.uint8:
        return (_plain_png(pixels),)
    quick = wish.effort is not None and wish.effort <= _QUICK_EFFORT
    made = quantised(pixels, quality=round(wish.quality), effort=4 if quick else 7)
    return repeating(pixels, made) if wish.alone and not quick else (made,)


def _packed_for(data: bytes, wish: Encoding) -> bytes:
    if wish.draft:
        return data
    info = _probe(data, Limits())
    return pack_at(level_for(wish.effort, info), data, info, lossless=True)


def _plain_png(pixels: Array) -> bytes:
    deep = pixels.dtype == np.uint16
    kind = ("grey16" if deep else "b-w") if pixels.ndim == 2 else ("rgb16" if deep else "srgb")
    image = vips().Image.new_from_array(np.ascontiguousarray(pixels), interpretation=kind)
    made: bytes = image.pngsave_buffer(compression=1, keep="none")
    return made


def _animated_png(picture: Picture, wish: Encoding) -> bytes:
    lossy = not wish.lossless and wish.quality < 100
    plays = 1 if picture.plays is None else picture.plays
    if lossy:
        delays = [delay_of(duration) for duration in picture.durations_ms]
        with contextlib.suppress(DropTrial):
            return quantised_animation(picture.frames, delays, plays=plays, quality=round(wish.quality))
    shown = [Image.fromarray(frame) for frame in picture.frames]
    if lossy:
        colours = max(16, min(256, round(256 * wish.quality / 80)))
        shown = [frame.quantize(colours) for frame in shown]
    out = io.BytesIO()
    shown[0].save(
        out, "PNG", save_all=True, append_images=shown[1:], duration=list(picture.durations_ms), loop=plays, blend=0
    )
    return out.getvalue()


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
