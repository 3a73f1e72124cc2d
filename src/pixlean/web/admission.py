"""Who may come in: the key, then the rate, then a place in the queue, all before a byte of the body is read."""

from __future__ import annotations

from starlette.requests import Request

from pixlean.access.rate import Standing
from pixlean.domain.caller import Caller
from pixlean.web.callers import client_address
from pixlean.web.contract import account, services


def enter(request: Request, dialect: str) -> None:
    """Note whose endpoint was called, for those who count and log."""
    noted = account(request)
    parts = request.url.path.split("/")
    for name, value in request.path_params.items():  # what a client sends is no label
        at = max((place for place, part in enumerate(parts) if part == value), default=len(parts) - 1)
        parts[at] = f"{{{name}}}"
    noted.dialect, noted.route = dialect, "/".join(parts)


async def identify(request: Request, dialect: str, secret: str | None) -> Caller:
    """Who shows this secret. Raises ``AccessDenied``, and ``Unavailable`` where only a lost database could tell."""
    enter(request, dialect)
    caller = await services(request).keys.caller(secret)
    account(request).plan = str(caller.plan)
    return caller


async def admit(request: Request, caller: Caller) -> Standing | None:
    """Count a request against the rate limits and look for a place in the queue. Raises ``Unavailable``."""
    house = services(request)
    counted = caller.key_id if caller.is_known else client_address(request, house.settings.trusted_proxies)
    standing = await house.limiter.admit(counted, known=caller.is_known)
    house.gate.check()
    return standing
