"""``pixlean keys``: API keys, made and ended where the server keeps them."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Literal, TypeVar

from cyclopts import App, Parameter

from pixlean.cli.say import Exit, fail

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
    name
        Whose key it is.
    plan
        What the account may do: free (capped by the month), paid, or payg (pays for what goes beyond).
    webhook_secret
        Give the key a secret of its own that signs its webhooks, and print it too.
    json_output
        Print one JSON object.
    """
    from pixlean.domain.caller import Tier

    made = with_accounts(lambda to: to.keys.create(name, Tier(plan), signs_webhooks=webhook_secret))
    _show_new(made, json_output)


@keys.command(name="list")
def list_keys(*, json_output: Json = False) -> None:
    """Show all keys, without their secrets.

    Parameters
    ----------
    json_output
        Print one JSON object instead of the table.
    """
    from pixlean.cli.table import show_table

    found = with_accounts(lambda to: to.keys.list())
    if json_output:
        rows = [
            {
                "id": key.id, "name": key.name, "plan": str(key.tier), "key": key.hint,
                "created_at": iso(key.created_at), "last_used_at": iso(key.last_used_at),
                "revoked_at": iso(key.revoked_at),
            }
            for key in found
        ]  # fmt: skip
        print(json.dumps({"keys": rows}, indent=2))
        return
    show_table(
        ("id", "name", "plan", "key", "created", "last used", "revoked"),
        (
            (
                key.id, key.name, str(key.tier), key.hint,
                *(iso(moment) or "" for moment in (key.created_at, key.last_used_at, key.revoked_at)),
            )
            for key in found
        ),
    )  # fmt: skip


@keys.command
def revoke(key: str, /) -> None:
    """End a key for good: running servers take it no more within a second.

    Parameters
    ----------
    key
        Its id or its name, as ``pixlean keys list`` shows them.
    """
    ended = with_accounts(lambda to: to.keys.revoke(key))
    print(f"{ended.id} ({ended.name}) is revoked")


@keys.command
def rotate(key: str, /, *, json_output: Json = False) -> None:
    """Give a key another secret: the old one ends within a second, plan and usage stay.

    Parameters
    ----------
    key
        Its id or its name, as ``pixlean keys list`` shows them.
    json_output
        Print one JSON object.
    """
    _show_new(with_accounts(lambda to: to.keys.rotate(key)), json_output)


def with_accounts(work: Callable[[Accounts], Awaitable[_Answer]]) -> _Answer:
    """Ask the database of keys and usage; end with a message where that fails."""
    from pixlean.config import SettingsError
    from pixlean.domain.errors import PixleanError
    from pixlean.wiring.accounts import open_accounts
    from pixlean.wiring.environment import load

    async def ask() -> _Answer:
        accounts = open_accounts(load().environment)
        try:
            return await work(accounts)
        finally:
            await accounts.database.close()

    try:
        return asyncio.run(ask())
    except (SettingsError, PixleanError) as error:
        fail(str(error), code=Exit.USAGE if isinstance(error, SettingsError) else Exit.FAILED)


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
