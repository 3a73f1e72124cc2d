"""GIF: gifsicle where it is installed, libvips where it is not, blocks filtered by our own hand."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np

from pixlean.domain.encoding import Encoding
from pixlean.domain.errors import BadImage
from pixlean.domain.formats import Format
from pixlean.domain.image import ImageInfo
from pixlean.domain.limits import Limits
from pixlean.domain.recipe import Recipe, Strength
from pixlean.imaging.contract import Abilities, Codec, DropTrial, Source, Trial, Writes, run_it
from pixlean.imaging.eyes import vips_eyes
from pixlean.imaging.pixels import Array, Picture, load_pixels, open_with_pillow, to_rgba8
from pixlean.imaging.tools import find_tool, run_tool
from pixlean.imaging.vips import vips
from pixlean.imaging.worth import AGAIN_GIF

_LOOPING = (b"NETSCAPE2.0", b"ANIMEXTS1.0")


@dataclass(frozen=True)
class _Block:
    """One block of the stream.

    ``kind`` is ``image``, ``control``, ``comment``, ``text``, ``loop`` or ``application``.
    """

    kind: str
    start: int
    end: int
    facts: tuple[int, ...] = ()


def _skip_sub_blocks(data: bytes, at: int) -> int:
    while True:
        if at >= len(data):
            raise BadImage("the GIF ends inside a block")
        size = data[at]
        at += 1 + size
        if not size:
            return at


def _blocks(data: bytes, limits: Limits) -> tuple[int, list[_Block]]:
    """Where the header with its colour table ends, and every block up to the trailer."""
    if len(data) < 13:
        raise BadImage("the GIF has no header")
    start = 13 + (3 << ((data[10] & 7) + 1) if data[10] & 0x80 else 0)
    at, found, images = start, list[_Block](), 0
    while at < len(data):
        lead = data[at]
        if lead == 0x3B:
            return start, found
        if lead == 0x2C and at + 10 <= len(data):
            flags = data[at + 9]
            body = at + 10 + (3 << ((flags & 7) + 1) if flags & 0x80 else 0) + 1
            end = _skip_sub_blocks(data, body)
            left, top, width, height = (int.from_bytes(data[at + n : at + n + 2], "little") for n in (1, 3, 5, 7))
            found.append(_Block("image", at, end, (left, top, width, height)))
            images += 1
            limits.check("max_frames", images)
        elif lead == 0x21 and at + 3 <= len(data):
            found.append(_extension(data, at))
            end = found[-1].end
        elif found and any(block.kind == "image" for block in found):
            return start, found  # junk behind the last frame: decoders stop here too
        else:
            raise BadImage("the GIF has bytes where a block must stand")
        at = end
    if not images:
        raise BadImage("the GIF has no frame")
    return start, found


def _extension(data: bytes, at: int) -> _Block:
    label, end = data[at + 1], _skip_sub_blocks(data, at + 2)
    if label == 0xF9 and data[at + 2] >= 4:
        return _Block("control", at, end, (data[at + 3], int.from_bytes(data[at + 4 : at + 6], "little")))
    if label == 0xFE:
        return _Block("comment", at, end)
    if label == 0xFF:
        if data[at + 3 : at + 14] in _LOOPING and data[at + 14] == 3:
            return _Block("loop", at, end, (int.from_bytes(data[at + 16 : at + 18], "little"),))
        return _Block("application", at, end)
    return _Block("text", at, end)


def _probe(data: bytes, limits: Limits) -> ImageInfo:
    """Walk the blocks; see ``contract.Codec``."""
    _, blocks = _blocks(data, limits)
    width, height = _canvas(data, blocks)
    durations: list[int] = []
    area, delay, transparent, loop = 0, 0, False, None
    kinds: set[str] = set()
    for block in blocks:
        if block.kind == "control":
            delay, transparent = block.facts[1] * 10, transparent or bool(block.facts[0] & 1)
        elif block.kind == "image":
            durations.append(delay)
            area += block.facts[2] * block.facts[3]
            delay = 0
        elif block.kind == "loop":
            loop = block.facts[0] if loop is None else loop
        elif block.kind == "application":
            kinds.add("xmp" if data[block.start + 3 : block.start + 14] == b"XMP DataXMP" else "text")
        else:
            kinds.add(block.kind)
    if not durations:
        raise BadImage("the GIF has no frame")
    if not width or not height:
        raise BadImage("the GIF's canvas is empty")
    limits.check_picture(width, height, frames=len(durations))
    limits.check("max_total_pixels", area)
    return ImageInfo(
        format=Format.GIF,
        width_px=width,
        height_px=height,
        mode="P",
        frames=len(durations),
        durations_ms=tuple(durations) if len(durations) > 1 else (),
        loop_count=loop,
        # The block counts repetitions; without it the animation is shown once.
        plays=None if len(durations) < 2 else 1 if loop is None else loop + 1 if loop else 0,
        has_alpha=transparent or not _is_covered(blocks, width, height),
        metadata=frozenset(kinds),
        lossless=True,
    )


def _canvas(data: bytes, blocks: list[_Block]) -> tuple[int, int]:
    """Width and height as browsers take them: as the header says, or as large as the first frame needs.

    Frames that reach beyond it later are cut off there.
    """
    first = next((block.facts for block in blocks if block.kind == "image"), None)
    if first is None:
        raise BadImage("the GIF has no frame")
    left, top, wide, high = first
    width, height = (int.from_bytes(data[at : at + 2], "little") for at in (6, 8))
    return max(width, left + wide), max(height, top + high)


def _is_covered(blocks: list[_Block], width: int, height: int) -> bool:
    """Whether the first frame covers the canvas, so that nothing shines through."""
    return next(block.facts for block in blocks if block.kind == "image") == (0, 0, width, height)


@dataclass(frozen=True, kw_only=True)
class _Errors:
    """What a GIF may lose.

    ``motion`` is by how much of 255 a pixel may differ from the frame before and count as unchanged (libvips);
    ``lossy`` is gifsicle's: runs of pixels that LZW has seen before stand for those that are nearly like them;
    ``colours`` are those that stay, ``None`` all. ``unless_below`` as in ``contract.Trial``.
    """

    motion: int = 0
    lossy: int
    colours: int | None = None
    unless_below: float | None = None


# The smallest that keeps the worst frame's score wins. Motion saves four fifths of noise and gradients that move; a
# smaller palette saves a fifth of drawings and ruins photographs.
_ERRORS = {
    Strength.HIGH: (
        _Errors(motion=8, lossy=80),
        _Errors(lossy=80, colours=128),
        _Errors(motion=8, lossy=40, unless_below=0.6),
        _Errors(lossy=80, unless_below=0.6),
        _Errors(motion=4, lossy=20, unless_below=0.8),
        _Errors(lossy=30, colours=192, unless_below=0.97),
        _Errors(lossy=20, unless_below=0.97),
    ),
    Strength.MEDIUM: (
        _Errors(motion=4, lossy=20),
        _Errors(lossy=40, colours=160),
        _Errors(lossy=40, unless_below=0.7),
        _Errors(lossy=12, unless_below=0.97),
    ),
}
_FALLBACK_ERROR = {Strength.HIGH: 12, Strength.MEDIUM: 6}


def _trials(info: ImageInfo, recipe: Recipe) -> tuple[Trial, ...]:
    """Lossy LZW and fewer colours below quality 70, exact packing in any case."""
    gifsicle = find_tool("gifsicle")
    found: list[Trial] = []
    if recipe.strength in _ERRORS and not recipe.keeps_every_pixel:
        lossy = _lossy_with_libvips(recipe) if gifsicle is None else _lossy_with_gifsicle(gifsicle, info, recipe)
        found += lossy
    if gifsicle is not None:
        make = partial(_with_gifsicle, tool=gifsicle, recipe=recipe)
        found.append(Trial(method="gifsicle", make=make, guess=run_it(make), lossless=True, unless_below=0.7))
    strip = partial(_stripped, recipe=recipe)
    stripped = Trial(
        method="metadata-strip", make=strip, guess=run_it(strip), lossless=True, verbatim=True, unless_below=0.999
    )
    return (*found, stripped)


def _lossy_with_gifsicle(tool: str, info: ImageInfo, recipe: Recipe) -> Iterator[Trial]:
    """Small errors that LZW likes, and pixels that hardly change between frames left as they are."""
    for errors in _affordable(_ERRORS[recipe.strength], info):
        options = (f"--lossy={errors.lossy}", *((f"--colors={errors.colours}",) if errors.colours else ()))
        make = partial(_with_errors, motion=errors.motion, tool=tool, recipe=recipe, options=options)
        method = " ".join((*(("libvips", "+") if errors.motion else ()), "gifsicle", *options))
        loss = AGAIN_GIF[recipe.strength]
        yield Trial(method=method, make=make, guess=run_it(make), loss=loss, unless_below=errors.unless_below)


# libvips takes 0.1 to 0.2 s a megapixel of frames, gifsicle a third of that. A request should not take ten.
_MOST_MOTION_PIXELS, _MOST_CHOICE_PIXELS = 20_000_000, 60_000_000


def _affordable(errors: tuple[_Errors, ...], info: ImageInfo) -> tuple[_Errors, ...]:
    """All of them for small animations, without motion for large ones, and two for the largest."""
    total_pixels = info.pixels * info.frames
    still = tuple(each for each in errors if not each.motion)
    if total_pixels > _MOST_CHOICE_PIXELS:
        return still[:2]
    return still if total_pixels > _MOST_MOTION_PIXELS else errors


def _lossy_with_libvips(recipe: Recipe) -> Iterator[Trial]:
    """Pixels that hardly change between frames stay."""
    make = partial(_with_libvips, error=_FALLBACK_ERROR[recipe.strength])
    yield Trial(method="libvips gif", make=make, guess=run_it(make), loss=AGAIN_GIF[recipe.strength])


def _frames(data: bytes) -> Iterator[Array]:
    """Every frame as a browser composes it, in RGBA: what no frame has covered is transparent, whatever the header's
    background says.
    """
    start, blocks = _blocks(data, Limits())
    width, height = _canvas(data, blocks)
    canvas = np.zeros((height, width, 4), np.uint8)
    control: tuple[int, ...] = ()
    for block in blocks:
        if block.kind == "control":
            control = (*block.facts, data[block.start + 6])
        if block.kind != "image":
            continue
        disposal = control[0] >> 2 & 7 if control else 0
        before = canvas.copy() if disposal == _RESTORE else canvas
        drawn = _drawn(data, start, block, control)
        left, top = block.facts[:2]
        place = canvas[top : top + drawn.shape[0], left : left + drawn.shape[1]]
        drawn = drawn[: place.shape[0], : place.shape[1]]
        np.copyto(place, drawn, where=drawn[..., 3:] != 0)
        yield canvas.copy()
        if disposal == _CLEAR:
            place[:] = 0
        canvas, control = before if disposal == _RESTORE else canvas, ()


# What becomes of a frame once its time is over (GIF89a, 23, disposal method); browsers clear to transparent.
_CLEAR, _RESTORE = 2, 3


def _drawn(data: bytes, start: int, block: _Block, control: tuple[int, ...]) -> Array:
    """One frame's own rectangle in RGBA: a file of it alone, on a screen of its size."""
    wide, high = block.facts[2:]
    body = data[block.start : block.end]
    alone = b"".join((data[:6], struct.pack("<HH", wide, high), data[10:start], b"\x2c\0\0\0\0", body[5:], b";"))
    image = load_pixels(open_with_pillow(alone, "GIF"))
    levels = np.asarray(image if image.mode == "P" else image.convert("P") if image.mode != "L" else image)
    colours = np.zeros((256, 4), np.uint8)
    colours[:, 3] = 255
    palette = image.getpalette() if image.mode == "P" else None
    grey = np.repeat(np.arange(256, dtype=np.uint8)[:, None], 3, axis=1)
    listed = grey if palette is None else np.array(palette, np.uint8).reshape(-1, 3)
    colours[: len(listed), :3] = listed
    if control and control[0] & 1:
        colours[control[2]] = 0
    made: Array = colours[levels]
    return made


def _stripped(source: Source, recipe: Recipe) -> bytes:
    """Comments cut out."""
    return _select_blocks(source.data, strip=recipe.strip_metadata)


_WITHOUT_METADATA = ("--no-app-extensions", "--no-comments", "--no-names")


def _with_gifsicle(source: Source, tool: str, recipe: Recipe, options: tuple[str, ...] = ()) -> bytes:
    """Cropped frames and better LZW; without ``options`` the pixels stay."""
    return _packed(_select_blocks(source.data, strip=recipe.strip_metadata), tool, recipe, options)


def _with_errors(source: Source, motion: int, tool: str, recipe: Recipe, options: tuple[str, ...]) -> bytes:
    """The same after pixels that hardly change became ones that don't."""
    if not motion:
        return _with_gifsicle(source, tool, recipe, options)
    if source.info.frames == 1:
        raise DropTrial("a still has no frame before it")
    if source.info.metadata and not recipe.strip_metadata:
        raise DropTrial("comments would be lost")
    return _packed(_with_libvips(source, motion), tool, recipe, options)


def _packed(data: bytes, tool: str, recipe: Recipe, options: tuple[str, ...]) -> bytes:
    metadata = _WITHOUT_METADATA if recipe.strip_metadata else ()
    return run_tool(
        [tool, "--no-warnings", "--no-ignore-errors", "-O3", "-Okeep-empty", *metadata, *options, "-"], data
    )


def _resized_file(source: Source, width_px: int, height_px: int) -> bytes:
    """The animation resized by gifsicle, whose mixing keeps to the palettes that the file has."""
    tool = find_tool("gifsicle")
    if tool is None:
        raise DropTrial("gifsicle is not installed")
    sides = (f"--resize={width_px}x{height_px}", "--resize-method=mix")
    argv = [tool, "--no-warnings", "--no-ignore-errors", "-O3", "-Okeep-empty", *_WITHOUT_METADATA, *sides, "-"]
    return run_tool(argv, _select_blocks(source.data, strip=True))


def _select_blocks(data: bytes, *, strip: bool) -> bytes:
    """The GIF without comments, plain text and foreign application blocks; the loop block stays."""
    if not strip:
        return data
    start, blocks = _blocks(data, Limits())
    kept = [data[block.start : block.end] for block in blocks if block.kind in ("image", "control", "loop")]
    return data[:start] + b"".join(kept) + b";"


def _encode(picture: Picture, wish: Encoding) -> bytes:
    """A picture or an animation (8 bit) as GIF; ``quality`` decides the number of colours and the errors allowed."""
    pyvips = vips()
    frames = [to_rgba8(frame) for frame in picture.frames]
    image = pyvips.Image.new_from_array(np.ascontiguousarray(np.concatenate(frames)), interpretation="srgb")
    if len(frames) > 1:
        image = image.copy()
        image.set_type(pyvips.GValue.gint_type, "page-height", frames[0].shape[0])
        image.set_type(pyvips.GValue.array_int_type, "delay", list(picture.durations_ms))
        image.set_type(pyvips.GValue.gint_type, "loop", 1 if picture.plays is None else picture.plays)
    quality = 100 if wish.lossless else round(wish.quality)
    made: bytes = image.gifsave_buffer(
        effort=7 if wish.effort is None else max(1, wish.effort),
        bitdepth=8 if quality >= 60 else 7 if quality >= 45 else 6 if quality >= 30 else 5 if quality >= 15 else 4,
        dither=1.0 if quality >= 75 else quality / 100,
        interframe_maxerror=0 if quality >= 90 else (90 - quality) / 4,
    )
    return made


def _with_libvips(source: Source, error: int) -> bytes:
    pyvips = vips()
    image = pyvips.Image.new_from_buffer(source.data, "", n=-1, access="sequential")
    made: bytes = image.gifsave_buffer(
        effort=7, dither=0.0, interframe_maxerror=error, reuse=True, keep_duplicate_frames=True, keep="none"
    )
    return made


CODEC = Codec(
    probe=_probe,
    frames=_frames,
    trials=_trials,
    eyes=vips_eyes("gifload"),
    resize_file=_resized_file,
    writes=Writes(
        encode=_encode,
        abilities=Abilities(
            looks=((30, 35.0), (60, 50.0), (80, 60.0)),  # by eye
            moves=True, plays=True, palette=True, most_region_shift=None,
        ),
    ),
)  # fmt: skip
