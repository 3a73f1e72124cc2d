"""From a URL and its headers to our words; the quirks of the API end here."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import unquote_to_bytes

from starlette.requests import Request

from pixlean.access.signatures import Signatures
from pixlean.domain.delivery import normal_path
from pixlean.domain.errors import AccessDenied, ErrorCode, InvalidRequest
from pixlean.domain.recipe import Recipe
from pixlean.web.dialects.img.options import AUTO, CHANGING_FITS, Hints, read, recipe_of
from pixlean.web.dialects.img.settings import Settings

UNSIGNED = "unsigned"
HINTS = ("Sec-CH-DPR", "Sec-CH-Width", "Save-Data")
# The same hints as browsers sent them before.
_OLD_HINTS = {"Sec-CH-DPR": "DPR", "Sec-CH-Width": "Width"}
_MOST_DPR, _MOST_WIDTH_PX = 8.0, 16_384


@dataclass(frozen=True, kw_only=True)
class Asked:
    """One picture that a URL asks for; ``vary`` names the headers that its answer depends on."""

    source: str
    path: str
    recipe: Recipe
    vary: tuple[str, ...]
    keeps_drawings: bool


def read_url(
    sent: bytes, accept: str, hints: Hints, signatures: Signatures | None, usual_quality: int, *, settings: Settings
) -> Asked:
    """What ``/img/{signature}/{options}/{source}/{path}`` asks for. Raises ``AccessDenied`` and ``InvalidRequest``.

    What is signed is the path behind the signature as it was ``sent``, in per cent where it was. The same arguments
    always ask for the same.
    """
    parts = sent.partition(b"?")[0].decode("latin-1").split("/", 5)
    if len(parts) != 6:
        raise InvalidRequest("a picture's URL is /img/{signature}/{options}/{source}/{path}")
    _, _, signature, options, shelf, path = parts
    _check(signature, f"/{options}/{shelf}/{path}", signatures, settings)
    asked = read(_plain(options), settings.presets, only_presets=settings.only_presets)
    vary = ("Accept",) if asked.get("f") == AUTO else ()
    return Asked(
        source=_plain(shelf),
        path=normal_path(_plain(path), "source"),
        recipe=recipe_of(asked, usual_quality, accept, hints),
        # A drawing has any size, but it can't be cut or stretched and stay one.
        keeps_drawings="f" not in asked and asked.get("fit") not in CHANGING_FITS,
        vary=(*vary, *HINTS, *_OLD_HINTS.values()) if settings.client_hints else vary,
    )


def read_info_url(sent: bytes, signatures: Signatures | None, settings: Settings) -> tuple[str, str]:
    """Source and path of ``/info/{signature}/{source}/{path}``. Raises as above.

    What is signed begins with /info: a picture's signature does not tell about it, nor the other way round.
    """
    parts = sent.partition(b"?")[0].decode("latin-1").split("/", 4)
    if len(parts) != 5:
        raise InvalidRequest("what is told of a picture has the URL /info/{signature}/{source}/{path}")
    _, _, signature, shelf, path = parts
    _check(signature, f"/info/{shelf}/{path}", signatures, settings)
    return _plain(shelf), normal_path(_plain(path), "source")


def _check(signature: str, path: str, signatures: Signatures | None, settings: Settings) -> None:
    if settings.is_open and signature == UNSIGNED:
        return
    if signatures is None:
        raise AccessDenied("this server signs no URLs: IMG_KEYS is not set", code=ErrorCode.BAD_SIGNATURE)
    signatures.check(signature, path)


def _plain(text: str) -> str:
    try:
        return unquote_to_bytes(text).decode()
    except UnicodeDecodeError as error:
        raise InvalidRequest("the URL is not UTF-8") from error


def hints_of(request: Request) -> Hints:
    """What the client's headers say of its screen, in steps."""
    dpr, width = (_number(request, name) for name in ("Sec-CH-DPR", "Sec-CH-Width"))
    return Hints(
        # Each is a picture of its own, here and in every cache.
        dpr=None if dpr is None else round(2 * min(max(dpr, 0.5), _MOST_DPR)) / 2,
        width_px=None if width is None else min(max(100 * -(-int(width) // 100), 100), _MOST_WIDTH_PX),
        saves=request.headers.get("save-data", "").strip().lower() == "on",
    )


def _number(request: Request, name: str) -> float | None:
    text = request.headers.get(name) or request.headers.get(_OLD_HINTS[name], "")
    try:
        value = float(text) if len(text) <= 12 else 0.0
    except ValueError:
        return None
    return value if 0 < value < 1e6 else None
