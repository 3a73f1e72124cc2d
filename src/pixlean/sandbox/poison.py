"""Pictures that ended their children: the same tenant's same bytes with the same recipe are refused for a while.

Who sends the same file as somebody else, or asks for something else of it, is not refused for what others did.
"""

from __future__ import annotations

import hashlib
import time
from collections import OrderedDict

import msgspec

from pixlean.domain.errors import ErrorCode, error_for
from pixlean.domain.memory import OpenFile, read_all
from pixlean.domain.recipe import Recipe

_DEATHS, _SECONDS, _MOST_KNOWN = 2, 300.0, 1000


class Poison:
    """What killed children of late. Nothing is hashed while nothing did."""

    def __init__(self) -> None:
        self._deaths: OrderedDict[bytes, list[float]] = OrderedDict()

    def refuse(self, tenant: str, source: OpenFile, recipe: Recipe) -> None:
        """Raise ``BadImage`` (``poisoned_input``) for what killed two children in the last minutes."""
        if not self._deaths:
            return
        now = time.monotonic()
        for known, times in list(self._deaths.items()):
            if now - times[-1] > _SECONDS:
                del self._deaths[known]
        if len(self._deaths.get(_key(tenant, source, recipe), ())) >= _DEATHS:
            raise error_for(
                ErrorCode.POISONED_INPUT, "these bytes ended two encoding processes and are refused for some minutes"
            )

    def remember(self, tenant: str, source: OpenFile, recipe: Recipe) -> None:
        """Note a death that was this picture's doing."""
        self._deaths.setdefault(_key(tenant, source, recipe), []).append(time.monotonic())
        while len(self._deaths) > _MOST_KNOWN:
            self._deaths.popitem(last=False)


def _key(tenant: str, source: OpenFile, recipe: Recipe) -> bytes:
    digest = hashlib.blake2b(msgspec.json.encode((tenant, recipe)), digest_size=16)
    digest.update(read_all(source.fileno()))
    return digest.digest()
