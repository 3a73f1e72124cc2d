"""``pixlean webhooks``: what was delivered, what was not, and once more."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Annotated

from cyclopts import App, Parameter

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
    failed: only those that were given up
    limit: how many
    json_output: print one JSON object instead of the table
    """
    from rich.console import Console
    from rich.table import Column, Table

    from pixlean.cli.keys import iso, with_accounts
    from pixlean.domain.task import Kind, State

    wanted = State.FAILED if failed else None
    found = with_accounts(lambda to: to.jobs.list(Kind.WEBHOOK, limit=limit, state=wanted))
    rows = [
        {
            "id": job.id, "state": str(job.state), "attempts": job.attempts, "url": job.call.url if job.call else "",
            "created_at": iso(job.created_at), "next_try_at": iso(job.due_at) if job.is_open else None,
            "completed_at": iso(job.completed_at), "problem": job.error_message or None,
        }
        for job in found
    ]  # fmt: skip
    if json_output:
        print(json.dumps({"webhooks": rows}, indent=2))
        return
    table = Table(
        Column("id", overflow="fold"), "state", "tries", Column("url", overflow="fold"), "next try", "problem"
    )
    for row in rows:
        cells = (row["id"], row["state"], row["attempts"], row["url"], row["next_try_at"], row["problem"])
        table.add_row(*(str(cell or "") for cell in cells))
    Console().print(table)


@webhooks.command
def replay(webhook_id: str, /) -> None:
    """Deliver a webhook once more that has ended, with the same body and id, and with all tries before it.

    Parameters
    ----------
    webhook_id: as ``pixlean webhooks list`` shows it
    """
    from pixlean.cli.keys import with_accounts

    if not with_accounts(lambda to: _repeat(to, webhook_id)):
        print(f"there is no webhook {webhook_id} that has ended", file=sys.stderr)
        sys.exit(1)
    print(f"{webhook_id} will be delivered")


async def _repeat(to: Accounts, webhook_id: str) -> bool:
    from pixlean.domain.task import Kind

    async with to.jobs.transaction() as connection:
        repeated = await to.jobs.repeat(connection, webhook_id, Kind.WEBHOOK)
        if repeated:
            await to.queue.announce(connection, Kind.WEBHOOK, webhook_id)
    return repeated
