"""The row of children that wait: whoever has a picture takes one that saw nobody else's."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

from pixlean.sandbox.children import Child


class Row:
    """Waiting children, and those who wait for one. A child serves one tenant for all its life (docs/adr/0008).

    ``discard`` is called with a child that stands in the way: used by another tenant while nobody fresh is left.
    ``coming`` says how many fresh ones are on their way.
    """

    def __init__(self, discard: Callable[[Child], None], coming: Callable[[], int]) -> None:
        self._discard = discard
        self._coming = coming
        self._children: list[Child] = []
        self._waiting: deque[tuple[str, asyncio.Future[Child]]] = deque()

    def __len__(self) -> int:
        return len(self._children)

    def put(self, child: Child) -> None:
        """Give a child to the first who waits and may have it, else let it wait."""
        for at, (tenant, future) in enumerate(self._waiting):
            if not future.done() and child.tenant in (None, tenant):
                del self._waiting[at]
                child.tenant = tenant
                future.set_result(child)
                return
        self._children.append(child)
        self._make_way()

    def remove(self, child: Child) -> bool:
        """Take out a child that ended; whether it was waiting."""
        if child not in self._children:
            return False
        self._children.remove(child)
        return True

    def drain(self) -> list[Child]:
        """Take out all of them."""
        children, self._children = self._children, []
        return children

    async def take(self, tenant: str, seconds: float) -> Child:
        """A child that is this tenant's or nobody's yet. Raises ``TimeoutError``."""
        mine = next((child for child in reversed(self._children) if child.tenant == tenant), None)
        child = mine or next((child for child in self._children if child.tenant is None), None)
        if child is not None:
            self._children.remove(child)
            child.tenant = tenant
            return child
        future: asyncio.Future[Child] = asyncio.get_running_loop().create_future()
        self._waiting.append((tenant, future))
        self._make_way()
        try:
            async with asyncio.timeout(seconds):
                return await future
        except BaseException:
            if future.done() and not future.cancelled():
                self.put(future.result())
            else:
                future.cancel()
                self._waiting = deque(pair for pair in self._waiting if pair[1] is not future)
            raise

    def _make_way(self) -> None:
        """End as many used children as tenants wait who may have none of them; fresh ones take their places."""
        wanted = sum(1 for _, future in self._waiting if not future.done()) - self._coming()
        for child in self._children[: max(0, wanted)]:
            self._children.remove(child)
            self._discard(child)
