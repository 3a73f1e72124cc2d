"""What the page shows of keys: a key's own usage to whoever shows it, and all keys to whoever shows ``ADMIN_KEY``."""

from __future__ import annotations

import hmac
from dataclasses import asdict
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from pixlean.access.usage import Usage
from pixlean.domain.caller import Tier
from pixlean.domain.errors import AccessDenied, InvalidRequest
from pixlean.web.admission import enter, identify
from pixlean.web.body import read_json
from pixlean.web.callers import bearer_key
from pixlean.web.contract import Services, services

_FRESH = {"Cache-Control": "no-store"}


async def usage(request: Request) -> Response:
    """``GET /account/usage``: who shows this key, and what it used by month and API."""
    caller = await identify(request, "account", bearer_key(request))
    house = services(request)
    rows = await house.ledger.months({caller.key_id: caller}, key_id=caller.key_id)
    key = {"id": caller.key_id, "name": caller.name, "plan": str(caller.tier)}
    return JSONResponse({"key": key, "usage": [_shown(row) for row in rows]}, headers=_FRESH)


async def list_keys(request: Request) -> Response:
    """``GET /admin/keys``: every key with its plan, and what all of them used by month and API."""
    house = _for_operators(request)
    callers = {caller.key_id: caller for caller in await house.keys.callers()}
    keys = [{**asdict(key), "plan": str(key.tier)} for key in await house.keys.list()]
    for key in keys:
        del key["tier"]
    rows = await house.ledger.months(callers)
    used = [
        {"key": row.key_id, "name": callers[row.key_id].name, **_shown(row)} for row in rows if row.key_id in callers
    ]
    return JSONResponse({"keys": keys, "usage": used}, headers=_FRESH)


async def create_key(request: Request) -> Response:
    """``POST /admin/keys`` with ``name`` and ``plan``: a new key; its secret is in this answer only."""
    house = _for_operators(request)
    body = await read_json(request, house.settings)
    name, plan = body.get("name"), body.get("plan", str(Tier.FREE))
    if not isinstance(name, str):
        raise InvalidRequest("'name' must be a string")
    if plan not in list(Tier):
        raise InvalidRequest("'plan' must be free, paid or payg")
    made = await house.keys.create(name, Tier(plan))
    return JSONResponse({"id": made.id, "key": made.secret}, status_code=201, headers=_FRESH)


async def revoke_key(request: Request) -> Response:
    """``DELETE /admin/keys/{id}``: the key ends, for good."""
    house = _for_operators(request)
    await house.keys.revoke(request.path_params["id"])
    return Response(status_code=204, headers=_FRESH)


def _for_operators(request: Request) -> Services:
    """The house, for whoever shows ``ADMIN_KEY``; where none is set these endpoints are not there."""
    enter(request, "admin")
    house = services(request)
    wanted = house.settings.admin_key.encode()
    if not wanted:
        raise HTTPException(404)
    given = (bearer_key(request) or "").encode("utf-8", "surrogateescape")
    if not hmac.compare_digest(given, wanted):
        raise AccessDenied("the operator's key (ADMIN_KEY) is needed")
    return house


def _shown(row: Usage) -> dict[str, Any]:
    return {
        "month": row.month,
        "api": row.meter,
        "unit": row.unit,
        "used": row.used,
        "included": row.included,
        "overage_cost_usd": round(row.cost_usd, 6),
    }


ROUTES = [
    Route("/account/usage", usage, methods=["GET"]),
    Route("/admin/keys", list_keys, methods=["GET"]),
    Route("/admin/keys", create_key, methods=["POST"]),
    Route("/admin/keys/{id}", revoke_key, methods=["DELETE"]),
]
