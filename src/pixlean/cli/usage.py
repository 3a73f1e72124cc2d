"""``pixlean usage``."""

from __future__ import annotations

import json
from typing import Annotated

from cyclopts import Parameter


def usage(
    *,
    key: str | None = None,
    month: Annotated[str | None, Parameter(validator=lambda _, value: _check_month(value))] = None,
    json_output: Annotated[bool, Parameter(name="--json")] = False,
) -> None:
    """Show what each key used, by API and month (UTC).

    Parameters
    ----------
    key
        One key's id only, as ``pixlean keys list`` shows it.
    month
        One month only, such as 2026-06.
    json_output
        Print one JSON object instead of the table.
    """
    from pixlean.access.usage import Usage
    from pixlean.cli.keys import with_accounts
    from pixlean.cli.table import show_table
    from pixlean.wiring.accounts import Accounts

    async def ask(to: Accounts) -> list[tuple[Usage, str, str]]:
        known = {each.key_id: each for each in await to.keys.callers()}
        rows = await to.ledger.months(known, key_id=key, month=month)
        return [(row, known[row.key_id].name if row.key_id in known else "", str(row.tier)) for row in rows]

    found = with_accounts(ask)
    if json_output:
        rows = [
            {
                "month": row.month, "key": row.key_id, "name": name, "plan": tier, "api": row.meter,
                "used": row.used, "unit": row.unit, "included": row.included, "overage": row.overage,
                "overage_cost_usd": round(row.cost_usd, 6),
            }
            for row, name, tier in found
        ]  # fmt: skip
        print(json.dumps({"usage": rows}, indent=2))
        return
    show_table(
        ("month", "key", "name", "plan", "api", "used", "unit", "included", "overage", "cost USD"),
        (
            (
                row.month, row.key_id, name, tier, row.meter, f"{row.used:,}", row.unit,
                "" if row.included is None else f"{row.included:,}", f"{row.overage:,}", f"{row.cost_usd:.3f}",
            )
            for row, name, tier in found
        ),
    )  # fmt: skip


def _check_month(value: str | None) -> None:
    import re

    if value is not None and not re.fullmatch(r"\d{4}-(0[1-9]|1[0-2])", value):
        raise ValueError("a month such as 2026-06")
