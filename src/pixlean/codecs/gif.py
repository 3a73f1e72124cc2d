"""GIF: gifsicle where it is installed, libvips where it is not, blocks filtered by our own hand."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from pixlean.domain.encoding import Encoding
from pixlean.domain.errors import BadImage
from pixlean.domain.estimate import Forecast
from pixlean.domain.formats import Format
from pixlean.domain.image import ImageInfo
from pixlean.domain.limits import Limits
from pixlean.domain.plan import Trial, TrialKind
from pixlean.domain.recipe import Recipe, Strength
from pixlean.imaging.contract import DropTrial, Source
from pixlean.imaging.pixels import Array, Picture, load_pixels, open_with_pillow, to_rgba8
from pixlean.imaging.sampling import exactly
from pixlean.imaging.tools import find_tool, run_tool
from pixlean.imaging.vips import vips

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


def probe(data: bytes, limits: Limits) -> ImageInfo:
    """Walk the blocks; see ``contract.Codec.probe``."""
    _, blocks = _blocks(data, limits)
    width, height = (int.from_bytes(data[at : at + 2], "little") for at in (6, 8))
    durations: list[int] = []
    area, delay, transparent, loop = 0, 0, False, None
    kinds: set[str] = set()
    for block in blocks:
        if block.kind == "control":
            delay, transparent = block.facts[1] * 10, transparent or bool(block.facts[0] & 1)
        elif block.kind == "image":
            durations.append(delay)
            area += block.facts[2] * block.facts[3]
            width = max(width, block.facts[0] + block.facts[2])
            height = max(height, block.facts[1] + block.facts[3])
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
        has_alpha=transparent,
        metadata=frozenset(kinds),
        lossless=True,
    )


# (lossiness, colours) by strength; the second pair is tried where the first damages the picture.
_LOSSY = {Strength.HIGH: ((80, 128), (30, 192)), Strength.MEDIUM: ((40, 160), (12, 256))}
_FALLBACK_ERROR = {Strength.HIGH: 12, Strength.MEDIUM: 6}


def trials(info: ImageInfo, recipe: Recipe) -> tuple[Trial, ...]:
    """Lossy LZW and fewer colours below quality 70, exact packing in any case."""
    gifsicle = find_tool("gifsicle") is not None
    found: list[Trial] = []
    if recipe.strength in _LOSSY:
        found += _lossy_with_gifsicle(recipe.strength) if gifsicle else [_lossy_with_libvips(recipe.strength)]
    if gifsicle:
        found.append(
            Trial(
                kind=TrialKind.REPACK,
                method="gifsicle",
                why="the same pixels, cropped frames and better LZW",
                parameters=MappingProxyType({"lossy": 0, "colours": 0}),
                lossless=True,
                unless_below=0.7,
            )
        )
    return (*found, _STRIP)


def _lossy_with_gifsicle(strength: Strength) -> list[Trial]:
    return [
        Trial(
            kind=TrialKind.ENCODE,
            method=f"gifsicle --lossy={lossy} --colors={colours}",
            why="small errors that LZW likes",
            parameters=MappingProxyType({"lossy": lossy, "colours": colours}),
            must_gain=0.03,
            unless_below=0.97,
        )
        for lossy, colours in _LOSSY[strength]
    ]


def _lossy_with_libvips(strength: Strength) -> Trial:
    return Trial(
        kind=TrialKind.ENCODE,
        method="libvips gif",
        why="pixels that hardly change between frames",
        parameters=MappingProxyType({"error": _FALLBACK_ERROR[strength]}),
        must_gain=0.03,
    )


_STRIP = Trial(
    kind=TrialKind.REPACK, method="metadata-strip", why="comments cut out", lossless=True, unless_below=0.999
)


def frames(data: bytes) -> Iterator[Array]:
    """Every frame, composited to RGBA as a browser does."""
    image = open_with_pillow(data, "GIF")
    number = 0
    while True:
        try:
            image.seek(number)
        except EOFError:
            return
        except Exception as error:
            raise BadImage("the GIF has a frame that does not decode") from error
        yield np.asarray(load_pixels(image).convert("RGBA"))
        number += 1


def decode(data: bytes) -> Picture:
    """All frames as RGBA."""
    return Picture(frames=tuple(frames(data)), mode="RGBA")


def run(source: Source, trial: Trial, recipe: Recipe) -> bytes:
    """One of the trials above."""
    if trial.method == "metadata-strip":
        return _select_blocks(source.data, strip=recipe.strip_metadata)
    if trial.method == "libvips gif":
        return _with_libvips(source, int(trial.parameters["error"] or 0))
    tool = find_tool("gifsicle")
    if tool is None:
        raise DropTrial("gifsicle is not installed")
    argv = [tool, "--no-warnings", "--no-ignore-errors", "-O3", "-Okeep-empty", "--no-app-extensions"]
    if recipe.strip_metadata:
        argv += ["--no-comments", "--no-names"]
    else:
        argv = [word for word in argv if word != "--no-app-extensions"]
    if trial.parameters["lossy"]:
        argv += [f"--lossy={trial.parameters['lossy']}"]
        if source.info.frames > 0:
            argv += [f"--colors={trial.parameters['colours']}"]
    return run_tool([*argv, "-"], _select_blocks(source.data, strip=recipe.strip_metadata))


def forecast(source: Source, trial: Trial, recipe: Recipe) -> Forecast:
    """What the trial makes: it is run."""
    return exactly(run(source, trial, recipe))


def _select_blocks(data: bytes, *, strip: bool) -> bytes:
    """The GIF without comments, plain text and foreign application blocks; the loop block stays."""
    if not strip:
        return data
    start, blocks = _blocks(data, Limits())
    kept = [data[block.start : block.end] for block in blocks if block.kind in ("image", "control", "loop")]
    return data[:start] + b"".join(kept) + b";"


def encode(picture: Picture, wish: Encoding) -> bytes:
    """A picture or an animation (8 bit) as GIF; ``quality`` decides the number of colours and the errors allowed."""
    pyvips = vips()
    frames = [to_rgba8(frame) for frame in picture.frames]
    image = pyvips.Image.new_from_array(np.ascontiguousarray(np.concatenate(frames)), interpretation="srgb")
    if len(frames) > 1:
        image = image.copy()
        image.set_type(pyvips.GValue.gint_type, "page-height", frames[0].shape[0])
        image.set_type(pyvips.GValue.array_int_type, "delay", list(picture.durations_ms))
        image.set_type(pyvips.GValue.gint_type, "loop", picture.loop_count if picture.loop_count is not None else 1)
    quality = 100 if wish.lossless else wish.quality
    made: bytes = image.gifsave_buffer(
        effort=7 if wish.effort is None else max(1, wish.effort),
        bitdepth=8 if quality >= 60 else 7 if quality >= 45 else 6 if quality >= 30 else 5 if quality >= 15 else 4,
        dither=1.0 if quality >= 75 else quality / 100,
        interframe_maxerror=0 if quality >= 90 else (90 - quality) / 4,
    )
    return made


def _with_libvips(source: Source, error: int) -> bytes:
    pyvips = vips()

    if not source.data:
        raise DropTrial("nothing to encode")
    image = pyvips.Image.new_from_buffer(source.data, "", n=-1, access="sequential")
    made: bytes = image.gifsave_buffer(effort=7, dither=0.0, interframe_maxerror=error, keep="none")
    return made
