"""The parent's side: children wait ready, do a few orders, are replaced at once when one goes wrong; imports no codec.

A fresh child for each picture costs about as much CPU as encoding a 1 MP JPEG (docs/adr/0002), so a child that
answered well serves up to ``jobs_per_child`` pictures of one tenant (docs/adr/0008); one that failed in any way, or
held a large picture, goes. A picture whose child died of something else is given to another child once, in silence.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from typing import Literal

import msgspec

from pixlean.domain.errors import EngineFailed, ErrorCode, PixleanError, Unavailable
from pixlean.domain.estimate import Estimate
from pixlean.domain.facts import Facts
from pixlean.domain.formats import FORMATS, detect
from pixlean.domain.limits import Limits
from pixlean.domain.memory import MemoryFile, OpenFile, read_head
from pixlean.domain.recipe import Recipe
from pixlean.domain.report import Outcome, Report
from pixlean.sandbox import claims, wire
from pixlean.sandbox.budget import Budget, OwnBudget
from pixlean.sandbox.children import Child
from pixlean.sandbox.converse import ChildLost, Conversation
from pixlean.sandbox.poison import Poison
from pixlean.sandbox.proof import Proof
from pixlean.sandbox.row import Row
from pixlean.sandbox.settings import Settings
from pixlean.sandbox.zygote import Zygote

__all__ = ["Budget", "Pool", "Settings"]

_LARGE_BYTES = 64 << 20
_TAKE_SECONDS, _FORK_TRIES, _RETRY_AFTER_SECONDS = 30.0, 3, 2
_MORE_TRIES = 3
_SLOWEST_PAUSE_SECONDS = 3.0


class Pool:
    """A zygote and the children that wait ready. One per server process; several may have one ``budget``."""

    def __init__(self, settings: Settings, budget: Budget | None = None) -> None:
        self.settings = settings
        self.tools: dict[str, bool] = {}
        self.versions: dict[str, str] = {}
        self.proof = Proof()
        self.died = 0
        self.timed_out = 0
        self.retried = 0
        self._zygote: Zygote | None = None
        self._starting = asyncio.Lock()
        self._making: set[asyncio.Task[None]] = set()
        self._row = Row(self._dismiss, lambda: len(self._making))
        self._alive: set[Child] = set()
        self._budget = budget or OwnBudget(settings.memory_budget_bytes)
        self._poison = Poison()
        self._closing = False

    @property
    def layers(self) -> dict[str, bool]:
        """What the last child proved of its cage."""
        return self.proof.layers

    @property
    def waiting(self) -> int:
        """Children that are ready for a picture."""
        return len(self._row)

    @property
    def is_ready(self) -> bool:
        """Whether there is a zygote, and a child of it that proved itself and lives."""
        return self._zygote is not None and not self._zygote.is_lost and bool(self._alive)

    async def start(self) -> None:
        """Start the zygote, see what its first child proves, and fill the row. Raises ``Unavailable``."""
        try:
            self._row.put(await self._fork(""))
        except BaseException:
            await self.stop()
            raise
        for _ in range(self.settings.slots):
            self._replace()

    async def stop(self) -> None:
        """End every child and the zygote."""
        self._closing = True
        making = list(self._making)
        for task in making:
            task.cancel()
        await asyncio.gather(*making, return_exceptions=True)
        for child in self._row.drain():
            self._end(child)
        if self._zygote is not None:
            await self._zygote.stop()

    async def proofs(self) -> dict[str, Proof]:
        """What a child of each kind proves, by the program that it may have run. Raises ``Unavailable``."""
        proofs = {}
        for tool in ("", *(row.tool for row in FORMATS.values() if self.tools.get(row.tool))):
            self._end(await self._fork(tool))
            proofs[tool] = self.proof
        return proofs

    async def compress(
        self, file: OpenFile, recipe: Recipe, limits: Limits, *, seconds: float | None = None, tenant: str = ""
    ) -> Outcome:
        """Have a child compress the picture in a file, within ``seconds`` where they are told.

        ``tenant`` is whose picture it is. Raises the child's own error; ``EngineFailed`` where the picture ended its
        child (``child_died``) or took too long (``timeout``); ``BadImage`` (``poisoned_input``) for what ended two
        children in the last minutes; ``Unavailable`` where no child lived long enough for another reason. Cancelling
        kills the child.
        """
        with _memory_file() as result:
            order = self._order("compress", recipe, limits, seconds=seconds)
            frame = await self._do(file, result, order, tenant)
            assert isinstance(frame, wire.Compressed)
            checked = _checked(file, result, frame.report)
            if checked is None:
                self.died += 1
                self._poison.remember(tenant, file, recipe)
                raise EngineFailed("the encoding process answered with something else", code=ErrorCode.CHILD_DIED)
            return checked

    async def estimate(
        self, file: OpenFile, recipe: Recipe, limits: Limits, *, total_bytes: int | None = None, tenant: str = "",
        alternatives: bool = False,
    ) -> Estimate | None:  # fmt: skip
        """Have a child estimate the picture in a file; raises what ``compress`` raises.

        ``total_bytes`` where the file has only the first bytes of a file of that size: then ``None`` is the answer
        where they say too little. With ``alternatives`` it speaks of other formats too.
        """
        return (await self.forecast(
            file, recipe, limits, total_bytes=total_bytes, tenant=tenant, alternatives=alternatives
        ))[0]  # fmt: skip

    async def forecast(
        self, file: OpenFile, recipe: Recipe, limits: Limits, *, total_bytes: int | None = None, tenant: str = "",
        alternatives: bool = False,
    ) -> tuple[Estimate | None, Outcome | None]:  # fmt: skip
        """The estimate, and the result itself where the child made it to know."""
        order = self._order("estimate", recipe, limits, total_bytes=total_bytes)
        order = msgspec.structs.replace(order, alternatives=alternatives)
        with _memory_file() as result:
            frame = await self._do(file, result, order, tenant)
            assert isinstance(frame, wire.Estimated)
            return frame.estimate, None if frame.report is None else _checked(file, result, frame.report)

    async def inspect(self, file: OpenFile, limits: Limits, *, tenant: str = "") -> Facts:
        """Have a child say what the picture in a file is; raises what ``compress`` raises."""
        frame = await self._do(file, file, self._order("inspect", Recipe(), limits), tenant)
        assert isinstance(frame, wire.Inspected)
        return frame.facts

    def _order(
        self, ask: Literal["compress", "estimate", "inspect"], recipe: Recipe, limits: Limits, *,
        seconds: float | None = None, total_bytes: int | None = None,
    ) -> wire.Order:  # fmt: skip
        most = self.settings.timeout_seconds
        seconds = most if seconds is None else min(seconds, most)
        return wire.Order(ask=ask, recipe=recipe, limits=limits, seconds=seconds, total_bytes=total_bytes)

    async def _do(self, source: OpenFile, result: OpenFile, order: wire.Order, tenant: str) -> wire.Answer:
        """A child's answer to an order; a second child's where the first was lost through no fault of the picture.

        Children that were dead before they took the order do not count: all that waited may have been killed.
        """
        self._poison.refuse(tenant, source, order.recipe)
        tool = self._tool_for(read_head(source.fileno(), 1 << 16))
        try:
            begun = 0
            for _ in range(self.settings.slots + _MORE_TRIES):
                try:
                    return await self._tried(source, result, order, tool, tenant)
                except ChildLost as lost:
                    begun += lost.taken
                    if begun > 1:
                        break
                    self.retried += 1
            raise _unavailable("the encoding processes are being replaced")
        except OSError as error:  # no descriptor, no memory
            raise _unavailable(f"the server has nothing left to work with: {error.strerror}") from error

    async def _tried(
        self, source: OpenFile, result: OpenFile, order: wire.Order, tool: str, tenant: str
    ) -> wire.Answer:
        """One child's answer. The child is let go of unless all went well and the picture was not large."""
        child = await self._take(tool, "" if self.settings.shared else tenant)
        talk = Conversation(child, self._budget)
        again = False
        try:
            answer = await talk.answer_to(order, source, result)
            # After a large picture the child goes, and its memory with it.
            again = not tool and talk.raw_bytes <= _LARGE_BYTES
            return answer
        except ChildLost:
            self.died += 1
            raise
        except PixleanError as error:
            if error.code is ErrorCode.CHILD_DIED:
                self.died += 1
                self._poison.remember(tenant, source, order.recipe)
            elif error.code is ErrorCode.TIMEOUT:
                self.timed_out += 1
            raise
        finally:
            self._let_go(child, again=again, is_of_row=not tool)

    async def _take(self, tool: str, tenant: str) -> Child:
        if not tool:
            try:
                return await self._row.take(tenant, _TAKE_SECONDS)
            except TimeoutError:
                raise _unavailable("no encoding process became free") from None
        for rest in reversed(range(_FORK_TRIES)):
            with contextlib.nullcontext() if not rest else contextlib.suppress(Unavailable):
                return await self._fork(tool)
            await asyncio.sleep(0.2)
        raise _unavailable("no encoding process could be started")

    def _let_go(self, child: Child, *, again: bool, is_of_row: bool) -> None:
        """Put a child back into the row, or end it and have another made."""
        child.served += 1
        if again and child.served < self.settings.jobs_per_child and child.is_quiet() and not self._closing:
            self._row.put(child)
            return
        self._end(child)
        if is_of_row:
            self._replace()

    def _dismiss(self, child: Child) -> None:
        """End a waiting child and have another made."""
        self._end(child)
        self._replace()

    def _end(self, child: Child) -> None:
        self._alive.discard(child)
        child.kill()

    def _gone(self, child: Child) -> None:
        """A child ended. Who waited is replaced at once; who worked is missed by its own order."""
        self._alive.discard(child)
        if self._row.remove(child):
            self._dismiss(child)

    def _replace(self) -> None:
        """Order one more waiting child, in the background."""
        if self._closing:
            return
        task = asyncio.ensure_future(self._make_ready())
        self._making.add(task)
        task.add_done_callback(self._making.discard)

    async def _make_ready(self) -> None:
        """Put one more child into the row, however often that fails: a lost place would never come back."""
        pause = 0.0
        while not self._closing:
            await asyncio.sleep(pause)
            pause = min(_SLOWEST_PAUSE_SECONDS, 2 * pause + 0.1)
            with contextlib.suppress(OSError, Unavailable, TimeoutError):
                child = await self._fork("")
                self._row.put(child)
                return

    async def _fork(self, tool: str) -> Child:
        """A child that has proved its cage. Raises ``Unavailable``, and ``OSError`` where descriptors ran out."""
        zygote = await self._living_zygote()
        child, ready = await zygote.fork(tool)
        self.proof = Proof(layers=ready.layers, refused=tuple(ready.refused), escaped=tuple(ready.escaped))
        if self.settings.required and not self.proof.holds:
            child.kill()
            missing = ", ".join((*(name for name, on in self.layers.items() if not on), *self.proof.escaped))
            raise Unavailable(f"REQUIRE_SANDBOX is set and this does not hold here: {missing}")
        self._alive.add(child)
        child.watch(self._gone)
        return child

    async def _living_zygote(self) -> Zygote:
        async with self._starting:
            if self._zygote is not None and not self._zygote.is_lost:
                return self._zygote
            if self._closing:
                raise Unavailable("the encoding processes are ending")
            self._zygote = zygote = Zygote(self.settings, self._zygote_lost)
            await zygote.start()
            self.tools, self.versions = zygote.hello.tools, zygote.hello.versions
            return zygote

    def _zygote_lost(self, _: Zygote) -> None:
        """Its children die with it, and each that waited asks for another, which starts the next zygote."""

    def _tool_for(self, head: bytes) -> str:
        """The program that encoding such a file may run, where it is installed; empty for none."""
        name = detect(head)
        tool = FORMATS[name].tool if name is not None else ""
        return tool if self.tools.get(tool, False) else ""


def _unavailable(message: str) -> Unavailable:
    return Unavailable(message, facts={"retry_after": _RETRY_AFTER_SECONDS})


def _checked(file: OpenFile, result: MemoryFile, report: Report) -> Outcome | None:
    """A result that is what its report says of it, else ``None``.

    Read once: what is looked at and what is answered is this copy, whatever a child does to the file.
    """
    outcome = Outcome(data=result.read_head(min(report.size_bytes, result.size_bytes)), report=report)
    return claims.checked(outcome, os.fstat(file.fileno()).st_size)


def _memory_file() -> MemoryFile:
    try:
        return MemoryFile("result")
    except OSError as error:
        raise _unavailable(f"the server has no memory or descriptor left: {error.strerror}") from error
