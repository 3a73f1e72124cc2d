"""Minifiers: svgo in V8, and scour; told to leave alone what they can't see the use of."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from importlib import resources

from pixlean.imaging.svg.facts import Facts


def _off(rules: str) -> dict[str, object]:
    return dict.fromkeys(rules.split(), False)


# Ids that somebody chose stay: pages style and script by them. Selectors that match nothing here may match what a
# page's script makes.
# What is unknown to svgo and still there is on the sanitiser's list (a link's `href` is one of them).
_ALWAYS: dict[str, object] = {
    "cleanupIds": False,
    "minifyStyles": {"usage": False},
    "removeUnknownsAndDefaults": {"unknownAttrs": False, "unknownContent": False},
}
# svgo judges by the first still, without animations, states and other documents' uses. These take what only looks
# unused ...
_IF_WAITING: dict[str, object] = _off(
    """
    removeHiddenElems removeUselessDefs removeEmptyContainers removeEmptyText removeUselessStrokeAndFill
    """
)
# ... and these change what animations and selectors go by.
_IF_MOVING: dict[str, object] = _IF_WAITING | _off(
    """
    convertShapeToPath convertEllipseToCircle inlineStyles mergeStyles mergePaths collapseGroups
    moveElemsAttrsToGroup moveGroupAttrsToElems removeUnknownsAndDefaults removeNonInheritableGroupAttrs
    convertTransform sortDefsChildren
    """
)
_IF_MOVING["minifyStyles"] = {"usage": False, "restructure": False, "forceMediaMerge": False}
_IF_MOVING["convertPathData"] = {"applyTransforms": False, "removeUseless": False, "convertToZ": False}
# csso, svgo's minifier of styles, knows these; newer ones it may not understand.
_KNOWN_RULES = ("@keyframes", "@media", "@supports")
_IF_BY_ATTRIBUTES = _off(
    """
    cleanupAttrs cleanupNumericValues convertColors convertPathData cleanupEnableBackground sortAttrs
    minifyStyles removeEmptyAttrs removeDeprecatedAttrs
    """
)
_IF_KEPT: dict[str, object] = dict.fromkeys(("removeMetadata", "removeComments", "removeEditorsNSData"), False)
_TIMEOUT_SECONDS = 20


@lru_cache(maxsize=1)
def _svgo_script() -> str:
    script = resources.files("pixlean.imaging.vendor").joinpath("svgo.browser.js").read_text("utf-8")
    # The file is an ES module; mini-racer evaluates plain scripts, so its exports become a global.
    head, _, tail = script.rpartition("export")
    return f"(() => {{ {head}; globalThis.svgo = {tail.strip().rstrip(';')}; }})()"


def svgo(text: bytes, facts: Facts, *, strip: bool) -> Callable[[int], bytes]:
    """svgo 4 in V8, without network or files, for one drawing: given the decimals of coordinates, it minifies."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return _svgo_here(text, facts, strip=strip)
    # V8's wrapper wants a thread in which no event loop runs; notebooks and asynchronous programs run one in theirs.
    thread = ThreadPoolExecutor(1)
    minified = thread.submit(_svgo_here, text, facts, strip=strip).result()
    return lambda decimals: thread.submit(minified, decimals).result()


def _svgo_here(text: bytes, facts: Facts, *, strip: bool) -> Callable[[int], bytes]:
    from py_mini_racer import MiniRacer

    rules = {"name": "preset-default", "params": {"overrides": overrides(facts, strip=strip)}}
    context = MiniRacer()
    context.eval(_svgo_script())
    context.eval(
        "globalThis.minify = (text, floatPrecision) => svgo.optimize("
        f"text, {{multipass: true, floatPrecision, plugins: [{json.dumps(rules)}]}}).data"
    )
    drawing = text.decode("utf-8")

    def minified(decimals: int) -> bytes:
        return str(context.call("minify", drawing, decimals, timeout_sec=_TIMEOUT_SECONDS)).encode("utf-8")

    return minified


def overrides(facts: Facts, *, strip: bool) -> dict[str, object]:
    """Which of svgo's rules are off, or told more, for a drawing."""
    chosen = dict(_ALWAYS)
    if facts.shows_all:
        # What an editor made up and nothing in the drawing refers to goes. svgo renames none: where a page holds
        # several drawings, its short names would meet (``ids.with_short_names``).
        chosen["cleanupIds"] = {"minify": False, "preserve": sorted(facts.labels)}
    if facts.waits:
        chosen |= _IF_WAITING
    if facts.moves:
        chosen |= _IF_MOVING
        if any(each.startswith("@") and not each.startswith(_KNOWN_RULES) for each in facts.lives):
            chosen["minifyStyles"] = False
        if any(each.endswith(" d") for each in facts.lives) or "path(" in facts.style:
            chosen["convertPathData"] = False  # paths blend only with paths of the same commands (SVG 2, 9.3.2)
    if facts.by_attributes:
        chosen |= _IF_BY_ATTRIBUTES
    return chosen if strip else chosen | _IF_KEPT


def scour(text: bytes, facts: Facts, *, strip: bool) -> bytes:
    """Minify with scour."""
    from scour import scour as library

    options = library.sanitizeOptions()
    options.remove_metadata = strip
    options.strip_comments = strip
    options.keep_editor_data = not strip
    options.indent_type = "none"
    options.newlines = False
    options.keep_defs = facts.waits or facts.moves
    if facts.moves:
        options.group_collapse = False
        options.group_create = False
        options.style_to_xml = False
    made: str = library.scourString(text.decode("utf-8"), options)
    return made.encode("utf-8")
