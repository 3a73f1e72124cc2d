"""SVG and SVGZ: sanitised always, then minified by svgo, checked by rendering both."""

from __future__ import annotations

import gzip
import re
import zlib
from collections.abc import Iterator
from functools import lru_cache
from importlib import resources
from types import MappingProxyType

import numpy as np

from pixlean.domain.errors import BadImage
from pixlean.domain.estimate import Forecast
from pixlean.domain.formats import Format, detect
from pixlean.domain.image import ImageInfo
from pixlean.domain.limits import Limits
from pixlean.domain.plan import Trial, TrialKind
from pixlean.domain.recipe import Recipe
from pixlean.imaging import svgsafe
from pixlean.imaging.contract import DropTrial, Source
from pixlean.imaging.pixels import Array, Picture
from pixlean.imaging.sampling import exactly
from pixlean.imaging.vips import vips

_LENGTH = re.compile(r"\s*([0-9.]+(?:e[+-]?\d+)?)\s*(px|pt|pc|mm|cm|in|em|ex|%)?\s*$", re.IGNORECASE)
# CSS pixels a unit, at the 96 dpi of CSS 2.1.
_PIXELS = {"px": 1.0, "pt": 96 / 72, "pc": 16.0, "mm": 96 / 25.4, "cm": 96 / 2.54, "in": 96.0, "em": 16.0, "ex": 8.0}
_RENDER_PX = 512
_DIFFERENT_LEVEL, _DIFFERENT_SHARE = 16, 0.002  # a channel off by more than 16 in 0.2 % of pixels is seen


def inflate(data: bytes, limits: Limits) -> bytes:
    """The text of an SVGZ, all gzip members, bounded. Raises ``BadImage`` and ``LimitExceeded``."""
    out = bytearray()
    rest = data
    while rest[:2] == b"\x1f\x8b":
        member = zlib.decompressobj(31)
        try:
            out += member.decompress(rest, limits.max_svgz_bytes + 1 - len(out))
            limits.check("max_svgz_bytes", len(out))
        except zlib.error as error:
            raise BadImage("the SVGZ does not inflate") from error
        if not member.eof:
            raise BadImage("the SVGZ ends early")
        rest = member.unused_data
    if not out:
        raise BadImage("the SVGZ is empty")
    return bytes(out)


def _text(data: bytes, limits: Limits) -> bytes:
    if data[:2] != b"\x1f\x8b":
        return data
    text = inflate(data, limits)
    if detect(text) is not Format.SVG:
        raise BadImage("the gzip data holds no SVG")
    return text


def probe(data: bytes, limits: Limits) -> ImageInfo:
    """Parse and sanitise once, to know the size and whether anything dangerous is in it."""
    text = _text(data, limits)
    clean = svgsafe.sanitise(text, limits, strip_metadata=True)
    width, height = _size(clean.root)
    return ImageInfo(
        format=Format.SVGZ if data[:2] == b"\x1f\x8b" else Format.SVG,
        width_px=width,
        height_px=height,
        mode="vector",
        has_alpha=True,
        metadata=frozenset({"text"} if clean.private else ()),
        dangerous=clean.dangerous,
    )


def _size(root: svgsafe.Element) -> tuple[int, int]:
    """The drawing's size in CSS pixels: width and height, else the viewBox, else CSS's 300 x 150."""
    box = [float(part) for part in re.findall(r"[-+0-9.eE]+", root.get("viewBox") or "") if _is_number(part)]
    sides = []
    for index, (name, default) in enumerate((("width", 300.0), ("height", 150.0))):
        found = _LENGTH.match(root.get(name) or "")
        if found and found.group(2) != "%" and _is_number(found.group(1)):
            sides.append(float(found.group(1)) * _PIXELS[(found.group(2) or "px").lower()])
        else:
            sides.append(box[2 + index] if len(box) == 4 else default)
    return tuple(int(min(max(1, round(side)), 1 << 30)) for side in sides)  # type: ignore[return-value]


def _is_number(text: str) -> bool:
    try:
        return float(text) < 1e12
    except ValueError:
        return False


def trials(info: ImageInfo, recipe: Recipe) -> tuple[Trial, ...]:
    """svgo, scour where svgo fails or changes the picture, and the sanitised text as it is."""
    return tuple(
        Trial(
            kind=TrialKind.REPACK,
            method=method,
            why=why,
            parameters=MappingProxyType({"tool": tool}),
            unless_below=stop,
        )
        for method, why, tool, stop in (
            ("svgo", "shorter paths, merged groups", "svgo", None),
            ("scour", "where svgo could not", "scour", 1.01),
            ("sanitise", "only what is allowed", "none", None),
        )
    )


def frames(data: bytes) -> Iterator[Array]:
    """The drawing rendered at 512 px, nothing loaded from outside."""
    yield decode(data).first


def rasterise(data: bytes, width_px: int, height_px: int) -> Array:
    """The sanitised drawing with its sides at most these, RGBA. Raises ``BadImage``."""
    limits = Limits()
    text = svgsafe.sanitise(_text(data, limits), limits, strip_metadata=True).text
    return _render(text, (width_px, height_px))


def decode(data: bytes) -> Picture:
    """The drawing rendered by librsvg with its long side at 512 px, RGBA."""
    return Picture(frames=(_render(_text(data, Limits())),), mode="RGBA")


def _render(text: bytes, sides: tuple[int, int] = (_RENDER_PX, _RENDER_PX)) -> Array:
    pyvips = vips()

    try:
        probe_image = pyvips.Image.svgload_buffer(text, dpi=96, unlimited=True)
        scale = min(sides[0] / probe_image.width, sides[1] / probe_image.height)
        pixels: Array = pyvips.Image.svgload_buffer(text, dpi=96, scale=min(scale, 1000.0), unlimited=True).numpy()
    except pyvips.Error as error:
        raise BadImage("the SVG does not render") from error
    return pixels


def looks_same(before: Array, after: Array) -> bool:
    """Whether two renderings agree within what antialiasing of rounded coordinates may do."""
    if before.shape != after.shape:
        return False
    ink_before, ink_after = (shown[..., :3] * (shown[..., 3:] > 0) for shown in (before, after))
    delta = np.maximum(np.abs(ink_before.astype(int) - ink_after.astype(int)).max(axis=-1),
                       np.abs(before[..., 3].astype(int) - after[..., 3].astype(int)))  # fmt: skip
    return float((np.asarray(delta) > _DIFFERENT_LEVEL).mean()) <= _DIFFERENT_SHARE


def run(source: Source, trial: Trial, recipe: Recipe) -> bytes:
    """Sanitise, minify with the trial's tool, render both and compare."""
    limits = Limits()
    text = _text(source.data, limits)
    safe = svgsafe.sanitise(text, limits, strip_metadata=recipe.strip_metadata)
    clean, clean_root = safe.text, safe.root
    tool = trial.parameters["tool"]
    made = clean
    if tool != "none":
        if svgsafe.namespace_of(clean_root) != svgsafe.SVG_NS:
            raise DropTrial("without its namespace the drawing can't be rendered and compared")
        made = _svgo(clean, strip=recipe.strip_metadata) if tool == "svgo" else _scour(clean)
        # Minifiers are not trusted: what they made is sanitised again and must look the same.
        made = svgsafe.sanitise(made, limits, strip_metadata=recipe.strip_metadata).text
        if not looks_same(_render(clean), _render(made)):
            raise DropTrial("the minified drawing looks different")
    if source.info.format is Format.SVGZ:
        return gzip.compress(made, 9, mtime=0)
    return made


def forecast(source: Source, trial: Trial, recipe: Recipe) -> Forecast:
    """What the trial makes: it is run."""
    return exactly(run(source, trial, recipe))


@lru_cache(maxsize=1)
def _svgo_script() -> str:
    script = resources.files("pixlean.imaging.vendor").joinpath("svgo.browser.js").read_text("utf-8")
    # The file is an ES module; mini-racer evaluates plain scripts, so its exports become a global.
    head, _, tail = script.rpartition("export")
    return f"(() => {{ {head}; globalThis.svgo = {tail.strip().rstrip(';')}; }})()"


_SVGO_CONFIG = """{multipass: true, plugins: [{name: "preset-default", params: {overrides: {
  cleanupIds: false, %s }}}]}"""


def _svgo(text: bytes, *, strip: bool) -> bytes:
    """Minify with svgo 4 in V8, without network or files. Ids stay: pages style and script by them."""
    from py_mini_racer import MiniRacer

    kept = "" if strip else "removeMetadata: false, removeComments: false, removeEditorsNSData: false"
    context = MiniRacer()
    context.eval(_svgo_script())
    context.eval(f"globalThis.minify = (text) => svgo.optimize(text, {_SVGO_CONFIG % kept}).data")
    made = context.call("minify", text.decode("utf-8"), timeout_sec=20)
    return str(made).encode("utf-8")


def _scour(text: bytes) -> bytes:
    from scour import scour

    options = scour.sanitizeOptions()
    options.remove_metadata = True
    options.strip_comments = True
    options.indent_type = "none"
    options.newlines = False
    made: str = scour.scourString(text.decode("utf-8"), options)
    return made.encode("utf-8")
