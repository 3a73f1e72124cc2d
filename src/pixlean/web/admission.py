"""Who may come in: the key, then the rate, then a place in the queue, all before a byte of the body is read."""

from __future__ import annotations

from starlette.requests import Request
from starlette.routing import Match, Route

from pixlean.access.rate import Standing
from pixlean.domain import share
from pixlean.domain.caller import Caller
from pixlean.web.callers import client_address
from pixlean.web.contract import account, services


def enter(request: Request, dialect: str) -> None:
    """Note whose endpoint was called, for those who count and log, and whose share the work counts to.

    That is the address until a key is shown.
    """
    share.work_for(f"address:{client_address(request, services(request).settings.trusted_proxies)}")
    noted = account(request)
    noted.dialect, noted.route = dialect, _template(request)


def _template(request: Request) -> str:
    """The path of the route that was taken, as it was written here: what a client sends is no label."""
    taken = request.scope.get("endpoint")
    for route in request.app.router.routes:
        if isinstance(route, Route) and route.endpoint is taken and route.matches(request.scope)[0] is Match.FULL:
            return route.path
    return "other"


async def identify(request: Request, dialect: str, secret: str | None) -> Caller:
    """Who shows this secret. Raises ``AccessDenied``, and ``Unavailable`` where only a lost database could tell."""
    enter(request, dialect)
    house = services(request)
    caller = await house.keys.caller(secret)
    if caller.is_known:
        share.work_for(share.of_key(caller.key_id))
    account(request).tier = str(caller.tier)
    return caller


async def admit(request: Request, caller: Caller) -> Standing | None:
    """Count a request against the rate limits and look for a place in the queue. Raises ``Unavailable``."""
    house = services(request)
    counted = caller.key_id if caller.is_known else client_address(request, house.settings.trusted_proxies)
    standing = await house.limiter.admit(counted, known=caller.is_known)
    house.gate.check()
    return standing
