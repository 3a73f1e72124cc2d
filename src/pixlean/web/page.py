"""The page for people: ``GET /`` where a browser asks for it, and the built files that it is made of (``ui/``)."""

from __future__ import annotations

import gzip
import hashlib
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Match, Route
from starlette.types import Scope

_FOLDER = Path(__file__).parent / "ui"
_MEDIA_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}

_FOR_GOOD = "public, max-age=31536000, immutable"
# Scripts and styles of our own only, pictures from memory, and nobody else is ever asked.
_POLICY = (
    "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; style-src 'self'; "
    "img-src 'self' blob: data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


@dataclass(frozen=True, kw_only=True)
class BuiltFile:
    """One file of the built page, as it is and packed."""

    body: bytes
    packed: bytes
    media_type: str
    tag: str


@lru_cache(maxsize=1)
def built_files() -> dict[str, BuiltFile]:
    """The page's files by their names below ``/``: they change with the version only, and are small."""
    return {
        path.relative_to(_FOLDER).as_posix(): _built(path)
        for path in sorted(_FOLDER.rglob("*"))
        if path.suffix in _MEDIA_TYPES and path.is_file()
    }


@lru_cache(maxsize=1)
def programs() -> dict[str, Path]:
    """WebAssembly by its name, where this installation has it: 14 MB that are read when somebody asks."""
    return {path.name: path for path in (_FOLDER / "assets").glob("*.wasm")}


def _built(path: Path) -> BuiltFile:
    body = path.read_bytes()
    return BuiltFile(
        body=body,
        packed=gzip.compress(body, 9, mtime=0),
        media_type=_MEDIA_TYPES[path.suffix],
        tag=f'"{hashlib.blake2b(body, digest_size=12).hexdigest()}"',
    )


def wants_page(accept: str) -> bool:
    """Whether an ``Accept`` header names HTML, and not JSON before it: ``*/*`` is what every client sends."""
    weights = {"text/html": 0.0, "application/json": 0.0}
    for part in accept.lower().split(","):
        kind, *parameters = (piece.strip() for piece in part.split(";"))
        if kind in weights:
            weights[kind] = max(weights[kind], _weight(parameters))
    return weights["text/html"] > weights["application/json"]


def _weight(parameters: list[str]) -> float:
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip() == "q":
            try:
                return float(value)
            except ValueError:
                return 0.0
    return 1.0


class _ForBrowsers(Route):
    """A route that is there only for those who ask for HTML."""

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        match, child = super().matches(scope)
        if match is not Match.NONE:
            accept = b",".join(value for name, value in scope["headers"] if name == b"accept").decode("latin-1")
            if not wants_page(accept) or "index.html" not in built_files():
                return Match.NONE, {}
        return match, child


async def show_page(request: Request) -> Response:
    """``GET /`` of a browser."""
    response = _show(request, built_files()["index.html"], "no-cache", "Accept, Accept-Encoding")
    response.headers["Content-Security-Policy"] = _POLICY
    response.headers["Referrer-Policy"] = "no-referrer"
    return response


async def show_asset(request: Request) -> Response:
    """``GET /assets/NAME``: the name has the digest of what is in it, so it never changes."""
    name = request.path_params["name"]
    found, program = built_files().get(f"assets/{name}"), programs().get(name)
    response: Response
    if found is not None:
        response = _show(request, found, _FOR_GOOD, "Accept-Encoding")
    elif program is not None:
        headers = {"Cache-Control": _FOR_GOOD, "X-Content-Type-Options": "nosniff"}
        response = FileResponse(program, media_type="application/wasm", headers=headers)
    else:
        raise HTTPException(404)
    # A worker has its own policy, and an SVG that is opened by itself is a document.
    response.headers["Content-Security-Policy"] = _POLICY
    return response


def _show(request: Request, found: BuiltFile, caching: str, vary: str) -> Response:
    headers = {"ETag": found.tag, "Cache-Control": caching, "Vary": vary, "X-Content-Type-Options": "nosniff"}
    known = [each.strip().removeprefix("W/") for each in request.headers.get("if-none-match", "").split(",")]
    if found.tag in known or "*" in known:
        return Response(status_code=304, headers=headers)
    if "gzip" in request.headers.get("accept-encoding", "").lower():
        return Response(found.packed, media_type=found.media_type, headers={**headers, "Content-Encoding": "gzip"})
    return Response(found.body, media_type=found.media_type, headers=headers)


ROUTES = [
    _ForBrowsers("/", show_page, methods=["GET"]),
    Route("/assets/{name}", show_asset, methods=["GET"]),
]
