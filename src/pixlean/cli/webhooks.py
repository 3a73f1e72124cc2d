"""``pixlean webhooks``: what was delivered, what was not, and once more."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated

from cyclopts import App, Parameter

from pixlean.cli.say import Exit, fail

if TYPE_CHECKING:
    from pixlean.wiring.accounts import Accounts

webhooks = App(name="webhooks", help="List webhooks and deliver them once more.")


@webhooks.command(name="list")
def list_webhooks(
    *, failed: bool = False, limit: int = 50, json_output: Annotated[bool, Parameter(name="--json")] = False
) -> None:
    """Show the newest webhooks.

    Parameters
    ----------
    failed
        Only those that were given up.
    limit
        How many at most.
    json_output
        Print one JSON object instead of the table.
    """
    from pixlean.cli.keys import iso, with_accounts
    from pixlean.cli.table import show_table
    from pixlean.domain.task import Notice, State

    wanted = State.FAILED if failed else None
    found = with_accounts(lambda to: to.jobs.list(Notice, limit=limit, state=wanted))
    rows = [
        {
            "id": notice.id, "state": str(notice.state), "attempts": notice.attempts, "url": notice.call.url,
            "created_at": iso(notice.created_at), "next_try_at": iso(notice.due_at) if notice.is_open else None,
            "completed_at": iso(notice.completed_at), "problem": notice.error_message or None,
        }
        for notice in found
    ]  # fmt: skip
    if json_output:
        print(json.dumps({"webhooks": rows}, indent=2))
        return
    columns = ("id", "state", "attempts", "url", "next_try_at", "problem")
    show_table(
        ("id", "state", "tries", "url", "next try", "problem"),
        ([str(row[name] or "") for name in columns] for row in rows),
    )


@webhooks.command
def replay(webhook_id: str, /) -> None:
    """Deliver a webhook once more that has ended, with the same body and id, and with all tries before it.

    Parameters
    ----------
    webhook_id
        As ``pixlean webhooks list`` shows it.
    """
    from pixlean.cli.keys import with_accounts

    if not with_accounts(lambda to: _repeat(to, webhook_id)):
        fail(f"there is no webhook {webhook_id} that has ended", hint="pixlean webhooks list", code=Exit.FAILED)
    print(f"{webhook_id} will be delivered")


async def _repeat(to: Accounts, webhook_id: str) -> bool:
    from pixlean.domain.task import Kind

    async with to.jobs.transaction() as connection:
        repeated = await to.jobs.repeat(connection, webhook_id, Kind.WEBHOOK)
        if repeated:
            await to.queue.announce(connection, Kind.WEBHOOK, webhook_id)
    return repeated
