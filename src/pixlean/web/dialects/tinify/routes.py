"""Tinify's endpoints: read, ask, show; every answer to a valid key says how much it used this month."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from pixlean.domain.caller import Caller, Tier
from pixlean.domain.errors import AccessDenied, ErrorCode, InvalidRequest, PixleanError, Unavailable
from pixlean.domain.report import Outcome
from pixlean.service.compress import Compressed
from pixlean.service.outputs import Output
from pixlean.web.admission import admit, identify
from pixlean.web.answers import media_type, note, public_url, unless_gone
from pixlean.web.callers import basic_key
from pixlean.web.contract import account, services
from pixlean.web.dialects.tinify.errors import show_error
from pixlean.web.dialects.tinify.read import Commands, read_commands, read_shrink
from pixlean.web.dialects.tinify.settings import TARIFF

NAME = "tinify"
HEADERS = (
    "Compression-Count", "Compression-Count-Remaining", "Email-Address", "Image-Height", "Image-Width", "Location",
    "Paying-State",
)  # fmt: skip


def _keyed(work: Callable[[Request, Caller], Awaitable[Response]]) -> Callable[[Request], Awaitable[Response]]:
    """An endpoint for callers with a key; clients learn their count from errors as well."""

    async def serve(request: Request) -> Response:
        caller = await identify(request, NAME, basic_key(request))
        try:
            response = await work(request, caller)
        except PixleanError as error:
            account(request).error = str(error.code)
            response = show_error(error)
        with contextlib.suppress(Unavailable):
            response.headers.update(await _standing(request, caller))
        return response

    return serve


# Clients read a number or nothing, and take nothing for a key that is not known: so much is left where no limit is.
_NO_LIMIT = 1_000_000
_EMAIL = re.compile(r"[\x21-\x7e]+@[\x21-\x7e]+")


async def _standing(request: Request, caller: Caller) -> dict[str, str]:
    """What a key used this month, what is left and whether it pays, as the official clients and plugins read it."""
    usage = await services(request).ledger.standing(caller, TARIFF)
    left = _NO_LIMIT if usage.limit is None else max(0, usage.limit - usage.used)
    told = {
        "Compression-Count": str(usage.used),
        "Compression-Count-Remaining": str(left),
        "Paying-State": "free" if caller.tier is Tier.FREE else "paid",
    }
    return told | ({"Email-Address": caller.name} if _EMAIL.fullmatch(caller.name) else {})


async def shrink(request: Request, caller: Caller) -> Response:
    """``POST /shrink``."""
    house = services(request)
    await admit(request, caller)
    async with read_shrink(request, house.settings) as origin:
        async with house.ledger.debited(caller, TARIFF, request.state.request_id):
            recipe = house.settings.default_recipe
            kept = await unless_gone(request, house.outputs.make(origin, recipe, caller))
    note(request, kept.compressed)
    return _show_kept(request, kept)


def _show_kept(request: Request, kept: Output) -> Response:
    report = kept.compressed.outcome.report
    return JSONResponse(
        {
            "input": {"size": report.source_bytes, "type": media_type(report.source_format)},
            "output": {
                "size": report.size_bytes,
                "type": media_type(report.format),
                "width": report.width_px,
                "height": report.height_px,
                "ratio": round(report.size_bytes / max(1, report.source_bytes), 4),
                "url": public_url(request, f"/output/{kept.id}"),
            },
        },
        status_code=201,
        # Relative, so that clients stay on the host that they know.
        headers={"Location": f"/output/{kept.id}", "Cache-Control": "no-store"},
    )


async def output(request: Request, caller: Caller) -> Response:
    """``GET`` and ``POST /output/{id}``."""
    house = services(request)
    output_id = request.path_params["output_id"]
    asked = await read_commands(request, house.settings)
    if asked.delivery is not None:
        house.deliver.check(asked.delivery)
    compressed = await _compressed(request, caller, output_id, asked)
    if asked.delivery is None:
        return _show_picture(compressed.outcome)
    _, delivered = await unless_gone(request, house.deliver(compressed, asked.delivery))
    return Response(status_code=200, headers={**_facts(compressed.outcome), "Location": delivered.plain_url})


async def _compressed(request: Request, caller: Caller, output_id: str, asked: Commands) -> Compressed:
    """The kept result, or what the commands make of its source."""
    house = services(request)
    if asked.recipe is None:
        return (await house.outputs.find(output_id, caller)).compressed
    await admit(request, caller)
    variant = house.outputs.variant(output_id, asked.recipe, caller)
    counted = house.ledger.debited(caller, TARIFF, request.state.request_id, asked.counted)
    async with counted if asked.counted else contextlib.nullcontext():
        compressed = await unless_gone(request, variant)
    note(request, compressed)
    return compressed


async def key(request: Request) -> Response:
    """``GET /keys/{key}``: whether a key is one, and in the headers how it stands. The key itself is its proof."""
    account(request).path = "/keys/{key}"  # no log shall hold it
    try:
        caller = await identify(request, NAME, request.path_params["key"])
    except AccessDenied as error:
        raise InvalidRequest("there is no such key", code=ErrorCode.NOT_FOUND) from error
    return JSONResponse({}, headers={**await _standing(request, caller), "Cache-Control": "no-store"})


def _facts(outcome: Outcome) -> dict[str, str]:
    return {"Image-Width": str(outcome.report.width_px), "Image-Height": str(outcome.report.height_px)}


def _show_picture(outcome: Outcome) -> Response:
    headers = {**_facts(outcome), "Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
    return Response(outcome.data, media_type=media_type(outcome.format), headers=headers)


ROUTES = (
    Route("/shrink", _keyed(shrink), methods=["POST"]),
    Route("/output/{output_id}", _keyed(output), methods=["GET", "POST"]),
    Route("/keys/{key}", key, methods=["GET"]),
)
