"""One order and its answer: who may be blamed when a child does not live to give it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
from collections.abc import Iterator

import msgspec

from pixlean.domain.errors import EngineFailed, ErrorCode
from pixlean.domain.memory import OpenFile
from pixlean.sandbox import claims, wire
from pixlean.sandbox.budget import Budget
from pixlean.sandbox.children import Child, receive

# A child that waits takes an order at once; on a machine that swaps, within seconds.
_TAKE_SECONDS = 10.0
# An order with little time may still wait so long for its child: on a busy machine even a living one is not at once
# there, and a time limit that passed is never told as a lost child.
_LEAST_TAKE_SECONDS = 3.0
_SLACK_SECONDS = 1.0
# So often is looked whether a child that is waited for was stopped: its picture then need not wait out its time limit.
_LOOK_SECONDS = 1.0


class ChildLost(Exception):
    """A child ended, or never began, through no fault of its picture; ``taken`` tells whether it had begun."""

    def __init__(self, *, taken: bool) -> None:
        super().__init__(taken)
        self.taken = taken


class Conversation:
    """An order to one child. ``raw_bytes`` is what the picture takes decoded, once the child has told."""

    def __init__(self, child: Child, budget: Budget) -> None:
        self._child = child
        self._budget = budget
        self._taken = False
        self.raw_bytes = 0

    async def answer_to(
        self, order: wire.Order, source: OpenFile, result: OpenFile
    ) -> wire.Compressed | wire.Estimated | wire.Inspected:
        """The child's answer. Raises its error, ``EngineFailed`` where the picture ended it, and ``ChildLost``."""
        # What a child can't guess it can't answer before it was asked: who saw the order, says its number.
        order = msgspec.structs.replace(order, number=secrets.randbits(53))
        try:
            await self._hand_over(order, source, result)
            async with asyncio.timeout(order.seconds + _SLACK_SECONDS):
                frame = await self._done(order)
        except TimeoutError:
            if not self._taken:
                raise ChildLost(taken=False) from None
            raise EngineFailed(
                f"the image took longer than {order.seconds:.0f} seconds",
                code=ErrorCode.TIMEOUT, facts={"limit": order.seconds},
            ) from None  # fmt: skip
        except (BrokenPipeError, ConnectionResetError, BlockingIOError):
            raise await self._fault() from None
        if isinstance(frame, wire.Failed):
            raise claims.error_of(frame)
        if order.ask == "compress" and isinstance(frame, wire.Compressed):
            return frame
        if order.ask == "estimate" and isinstance(frame, wire.Estimated) and claims.is_sane_estimate(frame.estimate):
            return frame
        if order.ask == "inspect" and isinstance(frame, wire.Inspected) and claims.are_sane_facts(frame.facts):
            return frame
        raise _strange()

    async def _hand_over(self, order: wire.Order, source: OpenFile, result: OpenFile) -> None:
        with _read_only(source) as picture:
            wire.send(self._child.channel, wire.encode(order), (picture, result.fileno()))
        taken = await self._frame(order.number, min(_TAKE_SECONDS, max(_LEAST_TAKE_SECONDS, order.seconds)))
        if not isinstance(taken, wire.Taken):
            raise _strange()
        self._taken = True

    async def _done(self, order: wire.Order) -> wire.Answer:
        frame = await self._frame(order.number, None)
        if isinstance(frame, wire.Probed):
            self.raw_bytes = max(0, frame.raw_bytes)
            async with self._budget.hold(self.raw_bytes):
                wire.send(self._child.channel, wire.encode(wire.Go(number=order.number)))
                frame = await self._frame(order.number, None)
        if not isinstance(frame, wire.Answer):
            raise _strange()
        return frame

    async def _frame(self, number: int, seconds: float | None) -> wire.Taken | wire.Probed | wire.Answer:
        packet = await self._packet(seconds)
        if not packet:
            raise await self._fault()
        try:
            frame = wire.decode(packet)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise _strange() from error
        if isinstance(frame, wire.Ready) or frame.number != number:
            raise _strange()
        return frame

    async def _packet(self, seconds: float | None) -> bytes:
        """What the child says next. Raises ``TimeoutError``, and ``ChildLost`` where somebody stopped its process."""
        left = float("inf") if seconds is None else seconds
        while True:
            try:
                return (await receive(self._child.channel, min(left, _LOOK_SECONDS)))[0]
            except TimeoutError:
                if self._child.is_stopped():
                    raise ChildLost(taken=self._taken) from None
                left -= _LOOK_SECONDS
                if left <= 0:
                    raise

    async def _fault(self) -> EngineFailed | ChildLost:
        """Whose fault it is that the child is gone: the picture's, if it was read and the child died of itself."""
        if not self._taken:
            return ChildLost(taken=False)
        death = await self._child.how_it_ended()
        if death is None or not death.is_its_own:
            return ChildLost(taken=True)
        return EngineFailed("the encoding process died", code=ErrorCode.CHILD_DIED)


def _strange() -> EngineFailed:
    return EngineFailed("the encoding process answered with something else", code=ErrorCode.CHILD_DIED)


@contextlib.contextmanager
def _read_only(file: OpenFile) -> Iterator[int]:
    """The same file by another descriptor that can't write: a child shall not change what another may get next."""
    descriptor = _opened_again(file.fileno())
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _opened_again(descriptor: int) -> int:
    try:
        return os.open(f"/proc/self/fd/{descriptor}", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:  # no /proc, or a file that was unlinked on a system that minds
        return os.dup(descriptor)
