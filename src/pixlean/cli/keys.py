"""``pixlean keys``: API keys, made and ended where the server keeps them."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Literal, TypeVar

from cyclopts import App, Parameter

if TYPE_CHECKING:
    from pixlean.access.keys import NewKey
    from pixlean.wiring.accounts import Accounts

keys = App(name="keys", help="Make, list, revoke and rotate API keys.")
_Answer = TypeVar("_Answer")
Json = Annotated[bool, Parameter(name="--json")]


@keys.command
def create(
    *,
    name: str,
    plan: Literal["free", "paid", "payg"] = "free",
    webhook_secret: bool = False,
    json_output: Json = False,
) -> None:
    """Make a key and print it once; only its digest is kept. An account may have several keys.

    Parameters
    ----------
    name: whose key it is
    plan: free (capped by the month), paid, or payg (pays for what goes beyond)
    webhook_secret: give the key a secret of its own that signs its webhooks, and print it too
    json_output: print one JSON object
    """
    from pixlean.domain.caller import Plan

    made = with_accounts(lambda to: to.keys.create(name, Plan(plan), signs_webhooks=webhook_secret))
    _show_new(made, json_output)


@keys.command(name="list")
def list_keys(*, json_output: Json = False) -> None:
    """Show all keys, without their secrets.

    Parameters
    ----------
    json_output: print one JSON object instead of the table
    """
    from rich.console import Console
    from rich.table import Column, Table

    found = with_accounts(lambda to: to.keys.list())
    if json_output:
        rows = [
            {
                "id": key.id, "name": key.name, "plan": str(key.plan), "key": key.hint,
                "created_at": iso(key.created_at), "last_used_at": iso(key.last_used_at),
                "revoked_at": iso(key.revoked_at),
            }
            for key in found
        ]  # fmt: skip
        print(json.dumps({"keys": rows}, indent=2))
        return
    table = Table(Column("id", overflow="fold"), "name", "plan", "key", "created", "last used", "revoked")
    for key in found:
        times = (iso(moment) or "" for moment in (key.created_at, key.last_used_at, key.revoked_at))
        table.add_row(key.id, key.name, str(key.plan), key.hint, *times)
    Console().print(table)


@keys.command
def revoke(key_id: str, /) -> None:
    """End a key for good: running servers take it no more within a second.

    Parameters
    ----------
    key_id: as ``pixlean keys list`` shows it
    """
    with_accounts(lambda to: to.keys.revoke(key_id))
    print(f"{key_id} is revoked")


@keys.command
def rotate(key_id: str, /, *, json_output: Json = False) -> None:
    """Give a key another secret: the old one ends within a second, plan and usage stay.

    Parameters
    ----------
    key_id: as ``pixlean keys list`` shows it
    json_output: print one JSON object
    """
    _show_new(with_accounts(lambda to: to.keys.rotate(key_id)), json_output)


def with_accounts(work: Callable[[Accounts], Awaitable[_Answer]]) -> _Answer:
    """Ask the database of keys and usage; end with a message where that fails."""
    from pixlean.config import SettingsError, load
    from pixlean.domain.errors import PixleanError
    from pixlean.wiring.accounts import open_accounts

    async def ask() -> _Answer:
        accounts = open_accounts(load().environment)
        try:
            return await work(accounts)
        finally:
            await accounts.database.close()

    try:
        return asyncio.run(ask())
    except (SettingsError, PixleanError) as error:
        print(error, file=sys.stderr)
        sys.exit(2 if isinstance(error, SettingsError) else 1)


def _show_new(made: NewKey, json_output: bool) -> None:
    if json_output:
        secret = {"webhook_secret": made.webhook_secret} if made.webhook_secret else {}
        print(json.dumps({"id": made.id, "key": made.secret, **secret}))
        return
    print(made.secret)
    if made.webhook_secret:
        print(made.webhook_secret)
    print(f"{made.id}: keep the key now, it is not shown again", file=sys.stderr)


def iso(moment: float | None) -> str | None:
    """A time for people, in UTC."""
    return None if moment is None else datetime.fromtimestamp(moment, UTC).isoformat(timespec="seconds")
