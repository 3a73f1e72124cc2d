"""Who owns a path: the dialect with the longest prefix that begins it, so that every fault is told in its words."""

from __future__ import annotations

from dataclasses import dataclass

from starlette.responses import Response

from pixlean.domain.errors import PixleanError
from pixlean.web.dialect import Dialect
from pixlean.web.errors import show_error


@dataclass(frozen=True)
class Owners:
    """The dialects by their paths."""

    dialects: tuple[Dialect, ...]

    def of(self, path: str) -> Dialect | None:
        """The owner; nobody where no API is at the root."""
        fitting = [
            (len(prefix), dialect)
            for dialect in self.dialects
            for prefix in dialect.prefixes
            if f"{path}/".startswith(prefix)
        ]
        return max(fitting, key=lambda owner: owner[0])[1] if fitting else None

    def show_id(self, path: str, request_id: str) -> str:
        """A request's UUID as the path's owner writes it."""
        owner = self.of(path)
        return request_id if owner is None else owner.show_id(request_id)

    def show(self, path: str, error: PixleanError) -> Response:
        """An error in the words of the path's owner."""
        owner = self.of(path)
        return show_error(error) if owner is None else owner.show_error(error)
