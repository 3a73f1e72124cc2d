"""From a URL and its headers to our words; the quirks of the API end here."""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from starlette.types import Scope

from pixlean.domain.delivery import normal_path
from pixlean.domain.errors import AccessDenied, ErrorCode, InvalidRequest, NotThere, SourceFailed
from pixlean.domain.formats import FORMATS, Format
from pixlean.domain.limits import Limits
from pixlean.domain.place import Address, Place, Shelf
from pixlean.domain.recipe import Keep, Recipe
from pixlean.outbound.guard import begins_with
from pixlean.web.dialects.imgproxy import bounds, information
from pixlean.web.dialects.imgproxy.grammar import Parts, is_of_grammar, taken_apart
from pixlean.web.dialects.imgproxy.information import Question
from pixlean.web.dialects.imgproxy.options import read
from pixlean.web.dialects.imgproxy.settings import Settings
from pixlean.web.dialects.imgproxy.wanted import Wanted, recipe_of
from pixlean.web.negotiate import OUTPUTS, names, shown_by

# The word for whatever is smallest of what the client shows.
_BEST = "best"
# What comes out where nobody names a format: the source's own, if it is one of these.
_PREFERRED = (Format.JPEG, Format.PNG, Format.GIF, Format.SVG)


@dataclass(frozen=True, kw_only=True)
class Asked:
    """One picture that a URL asks for; ``varies`` where its format depends on ``Accept``.

    Sources whose format is ``untouched`` go out as they are.
    """

    place: Place | Address
    recipe: Recipe
    varies: bool
    wanted: Wanted
    untouched: tuple[Format, ...] = ()
    limits: Limits
    most_bytes: int | None
    keeps_drawings: bool


@dataclass(frozen=True, kw_only=True)
class Told:
    """One picture of which a URL asks to be told."""

    place: Place | Address
    question: Question
    limits: Limits
    most_bytes: int | None


def path_sent(scope: Scope, prefix: str) -> str:
    """What follows a prefix, in per cent where it was sent so."""
    sent: bytes = scope.get("raw_path") or str(scope["path"]).encode()
    return sent.partition(b"?")[0].decode("latin-1").removeprefix(prefix)


def read_url(path: str, accept: str, *, settings: Settings) -> Asked:
    """What is asked for by a path, as it was sent. The same path and header always ask for the same; who holds what
    they ask for must look at the time.

    Raises ``AccessDenied``, ``NotThere``, ``InvalidRequest`` and ``SourceFailed``.
    """
    parts = _parts(path, settings, settings.presets.rows)
    wanted = read(parts.options)
    limits, most_bytes = bounds.limits(wanted.bounds, settings)
    named = parts.extension or wanted.format
    outputs, varies = _outputs(named, accept, settings)
    usual = Recipe(
        quality=settings.quality,
        strip_metadata=settings.strips,
        keep=(Keep.COPYRIGHT,) if settings.keeps_copyright else (),
        stay=outputs == _PREFERRED,
        auto=named == _BEST,
    )
    return Asked(
        place=_place(parts.source, settings),
        recipe=recipe_of(wanted, outputs, usual, settings.qualities.rows),
        varies=varies,
        wanted=wanted,
        untouched=_untouched(wanted, outputs, settings),
        limits=limits,
        most_bytes=most_bytes,
        keeps_drawings=named in ("", str(Format.SVG)),
    )


def read_info_url(path: str, settings: Settings) -> Told:
    """What is asked to be told by a path. Raises the same."""
    # Presets are options of pictures: nothing is told by one.
    parts = _parts(path, settings, {})
    question = information.read(parts.options)
    limits, most_bytes = bounds.limits(question.bounds, settings)
    return Told(place=_place(parts.source, settings), question=question, limits=limits, most_bytes=most_bytes)


def is_info(scope: Scope, settings: Settings) -> bool:
    """Whether a path below /info is one of this API: at the root there are others."""
    rest = path_sent(scope, settings.info_prefix).removeprefix("/").partition("/")[2]
    return bool(settings.prefix) or is_of_grammar(rest, settings.separator)


def _parts(path: str, settings: Settings, presets: Mapping[str, str]) -> Parts:
    signature, slash, rest = path.removeprefix("/").partition("/")
    if not slash:
        raise NotThere("the URL has no signature")
    _check(signature, f"/{rest}", settings)
    return taken_apart(rest, presets, settings.separator, only_presets=settings.only_presets and bool(presets))


def _untouched(wanted: Wanted, outputs: tuple[Format, ...], settings: Settings) -> tuple[Format, ...]:
    """Formats whose files go out as they are; never drawings, which may hold scripts."""
    if wanted.raw:
        return tuple(each for each in Format if not FORMATS[each].vector)
    skips = {"jpeg" if name == "jpg" else name for name in map(str.lower, (*settings.skips, *wanted.skips))}
    alike = tuple(Format) if outputs == _PREFERRED else outputs
    return tuple(each for each in alike if str(each) in skips and not FORMATS[each].vector)


def _check(signature: str, path: str, settings: Settings) -> None:
    signatures = settings.signatures
    shown = signature.encode("utf-8", "surrogateescape")
    if signatures is None or any(hmac.compare_digest(shown, word.encode()) for word in settings.trusted):
        return
    if settings.salts and len(settings.salts) != len(settings.keys):
        raise AccessDenied("there are not as many salts as keys", code=ErrorCode.BAD_SIGNATURE)
    signatures.check(signature, path)


def _outputs(asked: str, accept: str, settings: Settings) -> tuple[tuple[Format, ...], bool]:
    """The formats that may come out, and whether ``Accept`` had a say."""
    detects = (
        (Format.AVIF, settings.auto_avif, settings.enforces_avif),
        (Format.WEBP, settings.auto_webp, settings.enforces_webp),
    )
    varies = any(enforces or (auto and not asked) for _, auto, enforces in detects)
    for form, auto, enforces in detects:
        if names(accept, form) and (enforces or (auto and not asked)):
            return (form,), True
    if not asked:
        return _PREFERRED, varies
    if asked == _BEST:
        return shown_by(accept), True
    name = "jpeg" if asked == "jpg" else asked
    if name == Format.SVG:
        return (Format.SVG,), varies
    if name not in OUTPUTS:
        raise InvalidRequest(f"'{asked[:20]}' is not written here")
    return (Format(name),), varies


def _place(source: str, settings: Settings) -> Place | Address:
    text = settings.base_url + source
    scheme, _, rest = text.partition("://")
    if settings.allowed and not begins_with(text, settings.allowed):
        raise SourceFailed("the source is not among those that are allowed", code=ErrorCode.SOURCE_BLOCKED)
    if scheme == "local" and settings.folder:
        return Place(shelf=Shelf(name="local", url=f"file:{settings.folder}/"), path=_path(rest))
    if (scheme == "s3" and settings.uses_s3) or (scheme == "gs" and settings.uses_gcs):
        bucket, _, key = rest.partition("/")
        return Place(shelf=Shelf(name=scheme, url=f"{scheme}://{bucket}/"), path=_path(key))
    if scheme not in ("http", "https") or not _has_host(text):
        raise SourceFailed("no source of this kind is read here", code=ErrorCode.SOURCE_BLOCKED)
    if not settings.allowed and settings.signatures is None:
        raise SourceFailed("without a key only allowed sources are read", code=ErrorCode.SOURCE_BLOCKED)
    return Address(url=text, within=settings.allowed)


def _path(text: str) -> str:
    try:
        return normal_path(text.partition("?")[0], "source")
    except InvalidRequest as error:
        raise SourceFailed(error.message, code=ErrorCode.SOURCE_BLOCKED) from error


def _has_host(url: str) -> bool:
    try:
        return bool(urlsplit(url).hostname)
    except ValueError:  # a bracket that is not closed
        return False
