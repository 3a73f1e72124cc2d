"""Tinify's endpoints: read, ask, show; every answer to a valid key says how much it used this month."""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from pixlean.access.tariffs import Meter
from pixlean.domain.caller import Caller
from pixlean.domain.errors import PixleanError, Unavailable
from pixlean.service.compress import Compressed
from pixlean.service.outputs import Output
from pixlean.web.admission import admit, identify
from pixlean.web.answers import media_type, note, public_url, unless_gone
from pixlean.web.callers import basic_key
from pixlean.web.contract import account, services
from pixlean.web.dialects.tinify.errors import show_error
from pixlean.web.dialects.tinify.read import Commands, Shrink, read_commands, read_shrink


def _keyed(work: Callable[[Request, Caller], Awaitable[Response]]) -> Callable[[Request], Awaitable[Response]]:
    """An endpoint for callers with a key; clients learn their count from errors as well."""

    async def serve(request: Request) -> Response:
        caller = await identify(request, "tinify", basic_key(request))
        try:
            response = await work(request, caller)
        except PixleanError as error:
            account(request).error = str(error.code)
            response = show_error(error)
        with contextlib.suppress(Unavailable):
            used = (await services(request).ledger.standing(caller, Meter.TINIFY)).used
            response.headers["Compression-Count"] = str(used)
        return response

    return serve


async def shrink(request: Request, caller: Caller) -> Response:
    """``POST /shrink``."""
    house = services(request)
    await admit(request, caller)
    asked = await read_shrink(request, house.settings)
    try:
        async with house.ledger.debited(caller, Meter.TINIFY, request.state.request_id):
            recipe = house.settings.default_recipe
            made = await unless_gone(request, house.outputs.make(asked.origin, recipe, caller))
        note(request, made.done)
        return _show_made(request, asked, made)
    finally:
        asked.form.close()


def _show_made(request: Request, asked: Shrink, made: Output) -> Response:
    work = made.done.work
    size, kind = len(work.data), media_type(work.format)
    return JSONResponse(
        {
            "input": {
                "size": made.done.original_bytes,
                "type": media_type(work.original_format or work.format),
            },
            "output": {
                "size": size,
                "type": kind,
                "width": work.width_px,
                "height": work.height_px,
                "ratio": round(size / max(1, made.done.original_bytes), 4),
                "url": public_url(request, f"/output/{made.id}"),
            },
        },
        status_code=201,
        # Relative, so that clients stay on the host that they know.
        headers={"Location": f"/output/{made.id}", "Cache-Control": "no-store"},
    )


async def output(request: Request, caller: Caller) -> Response:
    """``GET`` and ``POST /output/{id}``."""
    house = services(request)
    output_id = request.path_params["output_id"]
    asked = await read_commands(request, house.settings)
    if asked.delivery is not None:
        house.deliver.check(asked.delivery)
    done = await _made(request, caller, output_id, asked)
    if asked.delivery is None:
        return _show_picture(done)
    _, delivered = await unless_gone(request, house.deliver(done, asked.delivery))
    return Response(status_code=200, headers={**_facts(done), "Location": delivered.plain_url})


async def _made(request: Request, caller: Caller, output_id: str, asked: Commands) -> Compressed:
    """The kept result, or what the commands make of its source."""
    house = services(request)
    if asked.recipe is None:
        return (await house.outputs.find(output_id, caller)).done
    await admit(request, caller)
    work = house.outputs.variant(output_id, asked.recipe, caller)
    counted = house.ledger.debited(caller, Meter.TINIFY, request.state.request_id, asked.counted)
    async with counted if asked.counted else contextlib.nullcontext():
        done = await unless_gone(request, work)
    note(request, done)
    return done


def _facts(done: Compressed) -> dict[str, str]:
    return {"Image-Width": str(done.work.width_px), "Image-Height": str(done.work.height_px)}


def _show_picture(done: Compressed) -> Response:
    headers = {**_facts(done), "Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
    return Response(done.work.data, media_type=media_type(done.work.format), headers=headers)


ROUTES = [
    Route("/shrink", _keyed(shrink), methods=["POST"]),
    Route("/output/{output_id}", _keyed(output), methods=["GET", "POST"]),
]
