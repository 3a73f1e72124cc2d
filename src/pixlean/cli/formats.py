"""The formats that results can have, by the names that people write."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pixlean.cli.say import fail

if TYPE_CHECKING:
    from pixlean.domain.formats import Format


def outputs_of(name: str | None) -> tuple[Format, ...]:
    """The recipe's outputs for ``--format``; ends the program where that is no format."""
    from pixlean.domain.words import outputs_of as known

    try:
        return () if name is None else known(name)
    except ValueError as error:
        fail(str(error))
