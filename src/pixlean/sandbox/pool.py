"""The parent's side: children wait ready, do a few jobs, are replaced at once when one goes wrong; imports no codec.

A fresh child for each picture costs about as much CPU as encoding a 1 MP JPEG (docs/adr/0002), so a child that
answered well serves up to ``jobs_per_child`` pictures; one that failed in any way, or held a large picture, goes.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import signal
import socket
import sys
import time
from collections import OrderedDict
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from typing import Literal

import msgspec

from pixlean.domain.errors import EngineFailed, ErrorCode, PixleanError, Unavailable, error_for
from pixlean.domain.estimate import Estimate
from pixlean.domain.formats import Format, detect
from pixlean.domain.limits import Limits
from pixlean.domain.recipe import Recipe
from pixlean.sandbox import wire

_PASSED_ON = ("PATH", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "PYTHONPATH")
_LARGE_BYTES = 64 << 20
_POISON_DEATHS, _POISON_SECONDS = 2, 300.0


@dataclass(frozen=True, kw_only=True)
class Settings:
    """How many children there are and what each may use."""

    slots: int = field(default_factory=lambda: os.cpu_count() or 1)
    timeout_seconds: float = 60.0
    memory_bytes: int = 1536 << 20
    memory_budget_bytes: int = 2 << 30
    required: bool = False
    jobs_per_child: int = 16
    module: str = "pixlean.sandbox.child"


@dataclass(frozen=True, kw_only=True)
class Work:
    """What a child made, with its evidence."""

    data: bytes
    format: Format
    method: str
    score: float | None
    seconds: dict[str, float]
    evidence: tuple[tuple[str, int | None, str | None], ...] = ()
    original_format: Format | None = None
    source_px: tuple[int, int] = (0, 0)
    width_px: int = 0
    height_px: int = 0
    resized: bool = False
    quality: int | None = None
    encodes: int = 0
    target_met: bool | None = None


@dataclass(frozen=True)
class _Child:
    pid: int
    handle: int
    channel: socket.socket
    served: int = 0

    def kill(self) -> None:
        """End the child, if it still lives, and let go of it."""
        with contextlib.suppress(ProcessLookupError, OSError):
            signal.pidfd_send_signal(self.handle, signal.SIGKILL)
        with contextlib.suppress(OSError):
            os.close(self.handle)
        self.channel.close()


class _Budget:
    """Bytes of decoded pixels that all running jobs may hold together."""

    def __init__(self, total_bytes: int) -> None:
        self._total = total_bytes
        self._used = 0
        self._changed = asyncio.Condition()

    @contextlib.asynccontextmanager
    async def hold(self, size: int) -> AsyncIterator[None]:
        """Wait until ``size`` bytes are free; one job that is larger than the whole budget runs alone."""
        size = min(size, self._total)
        async with self._changed:
            await self._changed.wait_for(lambda: self._used + size <= self._total)
            self._used += size
        try:
            yield
        finally:
            self._used -= size
            async with self._changed:
                self._changed.notify_all()


class Pool:
    """A zygote and the children that wait ready. One per server process."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.tools: dict[str, bool] = {}
        self.versions: dict[str, str] = {}
        self.layers: dict[str, bool] = {}
        self._zygote: asyncio.subprocess.Process | None = None
        self._control: socket.socket | None = None
        self._ordering = asyncio.Lock()
        self._ready: asyncio.Queue[_Child] = asyncio.Queue()
        self._making: set[asyncio.Task[None]] = set()
        self._budget = _Budget(settings.memory_budget_bytes)
        self._deaths: OrderedDict[bytes, list[float]] = OrderedDict()
        self._closing = False
        self.died = 0
        self.timed_out = 0

    @property
    def waiting(self) -> int:
        """Children that are ready for a picture."""
        return self._ready.qsize()

    async def start(self) -> None:
        """Start the zygote and fill the row of waiting children. Raises ``Unavailable`` where that fails."""
        await self._start_zygote()
        if self.settings.required and not all(self.layers.values()):
            missing = ", ".join(name for name, on in self.layers.items() if not on)
            await self.stop()
            raise Unavailable(f"REQUIRE_SANDBOX is set and this kernel lacks: {missing}")
        for _ in range(self.settings.slots + 1):
            self._replace()

    async def _start_zygote(self) -> None:
        ours, theirs = wire.socket_pair()
        environment = {
            **{name: os.environ[name] for name in _PASSED_ON if name in os.environ},
            "VIPS_CONCURRENCY": "1", "VIPS_BLOCK_UNTRUSTED": "1", "OMP_NUM_THREADS": "1", "RAYON_NUM_THREADS": "1",
            "OPENBLAS_NUM_THREADS": "1", "MALLOC_ARENA_MAX": "2",
            # Frame buffers stay in the child between its pictures instead of being mapped and cleared anew.
            "MALLOC_MMAP_THRESHOLD_": str(128 << 20), "MALLOC_TRIM_THRESHOLD_": str(256 << 20),
            "PYTHONDONTWRITEBYTECODE": "1", "HOME": "/nonexistent",
        }  # fmt: skip
        arguments = (str(self.settings.memory_bytes), str(self.settings.timeout_seconds))
        self._zygote = await asyncio.create_subprocess_exec(
            sys.executable, "-m", self.settings.module, str(theirs.fileno()), *arguments,
            pass_fds=(theirs.fileno(),), env=environment, stdin=asyncio.subprocess.DEVNULL,
        )  # fmt: skip
        theirs.close()
        ours.setblocking(False)
        self._control = ours
        packet, _ = await self._receive(ours, 120.0)
        hello = wire.decode(packet) if packet else None
        if not isinstance(hello, wire.Hello):
            raise Unavailable("the encoding processes did not start")
        self.tools, self.versions, self.layers = hello.tools, hello.versions, hello.layers

    async def stop(self) -> None:
        """End every child and the zygote."""
        self._closing = True
        making = list(self._making)
        for task in making:
            task.cancel()
        await asyncio.gather(*making, return_exceptions=True)
        while not self._ready.empty():
            self._ready.get_nowait().kill()
        if self._control is not None:
            self._control.close()
        if self._zygote is not None and self._zygote.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self._zygote.kill()
            await self._zygote.wait()

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
            pause = min(3.0, 2 * pause + 0.2)
            try:
                self._ready.put_nowait(await self._fork(tool=False))
                return
            except (OSError, Unavailable, TimeoutError):
                with contextlib.suppress(OSError, Unavailable, TimeoutError):
                    await self._revive()

    async def _revive(self) -> None:
        """Start another zygote where the old one is gone."""
        async with self._ordering:
            if self._closing or (self._zygote is not None and self._zygote.returncode is None):
                return
            await self._start_zygote()

    async def _fork(self, *, tool: bool) -> _Child:
        ours, theirs = wire.socket_pair()
        ours.setblocking(False)
        try:
            async with self._ordering:
                if self._control is None:
                    raise Unavailable("the encoding processes are not running")
                wire.send(self._control, b"tool" if tool else b"plain", (theirs.fileno(),))
                packet, handles = await self._receive(self._control, 10.0)
            if not packet or not handles:
                raise Unavailable("the encoding processes are not answering")
            child = _Child(int(packet), handles[0], ours)
        except BaseException:
            ours.close()
            raise
        finally:
            theirs.close()
        packet, _ = await self._receive(ours, 10.0)
        if not packet:
            child.kill()
            raise Unavailable("an encoding process did not start")
        return child

    @staticmethod
    async def _receive(end: socket.socket, seconds: float) -> tuple[bytes, list[int]]:
        """One packet with its descriptors, without blocking the loop."""
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(seconds):
            while True:
                try:
                    return wire.receive(end)
                except BlockingIOError:
                    arrived = asyncio.Event()
                    loop.add_reader(end.fileno(), arrived.set)
                    try:
                        await arrived.wait()
                    finally:
                        loop.remove_reader(end.fileno())
                except ConnectionResetError:
                    return b"", []

    async def _take(self, *, tool: bool) -> _Child:
        if tool:
            return await self._fork(tool=True)
        async with asyncio.timeout(30):
            return await self._ready.get()

    def _let_go(self, child: _Child, *, again: bool) -> None:
        """Put a child back into the row, or end it and order another."""
        if again and child.served + 1 < self.settings.jobs_per_child and not self._closing:
            self._ready.put_nowait(replace(child, served=child.served + 1))
            return
        child.kill()
        self._replace()

    async def compress(self, given: int, recipe: Recipe, limits: Limits, *, seconds: float | None = None) -> Work:
        """Have a child compress the picture in the file ``given``, within ``seconds`` where they are told.

        Raises the child's own error, ``EngineFailed`` where it died (``child_died``) or took too long (``timeout``),
        and ``BadImage`` (``poisoned_input``) for bytes that killed two children in the last minutes. Cancelling
        kills the child.
        """
        result = wire.memory_file("result")
        try:
            job = self._job("compress", recipe, limits, seconds=seconds)
            frame = await self._do(given, result, job)
            assert isinstance(frame, wire.Done)
            return Work(
                data=wire.read_all(result, frame.size),
                format=Format(frame.format),
                method=frame.method,
                score=frame.score,
                seconds=frame.seconds,
                evidence=tuple(frame.evidence),
                original_format=Format(frame.original_format) if frame.original_format else None,
                source_px=frame.source_px,
                width_px=frame.width_px,
                height_px=frame.height_px,
                resized=frame.resized,
                quality=frame.quality,
                encodes=frame.encodes,
                target_met=frame.target_met,
            )
        finally:
            os.close(result)

    async def estimate(
        self, given: int, recipe: Recipe, limits: Limits, *, total_bytes: int | None = None
    ) -> Estimate | None:
        """Have a child estimate the picture in the file ``given``; raises what ``compress`` raises.

        ``total_bytes`` where ``given`` has only the first bytes of a file of that size: then ``None`` is the answer
        where they say too little.
        """
        frame = await self._do(given, given, self._job("estimate", recipe, limits, total_bytes=total_bytes))
        assert isinstance(frame, wire.Estimated)
        return frame.estimate

    def _job(
        self, ask: Literal["compress", "estimate"], recipe: Recipe, limits: Limits, *, seconds: float | None = None,
        total_bytes: int | None = None,
    ) -> wire.Job:  # fmt: skip
        most = self.settings.timeout_seconds
        seconds = most if seconds is None else min(seconds, most)
        return wire.Job(ask=ask, recipe=recipe, limits=limits, seconds=seconds, total_bytes=total_bytes)

    async def _do(self, given: int, result: int, job: wire.Job) -> wire.Frame:
        """A child's answer to a job. The child is replaced unless all went well and the picture was not large."""
        head = os.pread(given, 1 << 16, 0)
        if self._deaths:
            self._refuse_poison(_fingerprint(given))
        needs_tool = self.tools.get("gifsicle", False) and detect(head) is Format.GIF
        child = await self._take(tool=needs_tool)
        again = False
        try:
            frame, raw_bytes = await self._converse(child, given, result, job)
            # After a large picture the child goes, and its memory with it.
            again = not needs_tool and raw_bytes <= _LARGE_BYTES
            return frame
        except PixleanError as error:
            if error.code is ErrorCode.CHILD_DIED:
                self.died += 1
                self._remember_death(_fingerprint(given))
            elif error.code is ErrorCode.TIMEOUT:
                self.timed_out += 1
            raise
        finally:
            if needs_tool:
                child.kill()
            else:
                self._let_go(child, again=again)

    async def _converse(self, child: _Child, given: int, result: int, job: wire.Job) -> tuple[wire.Frame, int]:
        """The child's last frame, and the bytes that its picture takes decoded. Raises the child's error."""
        seconds = job.seconds
        raw_bytes = 0
        try:
            async with asyncio.timeout(seconds + 1):
                wire.send(child.channel, wire.encode(job), (given, result))
                frame = await self._frame(child, seconds + 1)
                if isinstance(frame, wire.Probed):
                    raw_bytes = frame.raw_bytes
                    async with self._budget.hold(raw_bytes):
                        wire.send(child.channel, b"go")
                        frame = await self._frame(child, seconds + 1)
        except TimeoutError:
            raise EngineFailed(
                f"the image took longer than {seconds:.0f} seconds", code=ErrorCode.TIMEOUT, facts={"limit": seconds}
            ) from None
        except OSError as error:
            raise EngineFailed("the encoding process died", code=ErrorCode.CHILD_DIED) from error
        if isinstance(frame, wire.Failed):
            code = ErrorCode(frame.code) if frame.code in set(ErrorCode) else ErrorCode.ENGINE_FAILED
            raise error_for(code, frame.message, frame.facts)
        if job.ask == "compress":
            fits = isinstance(frame, wire.Done) and os.fstat(result).st_size == frame.size
        else:
            fits = isinstance(frame, wire.Estimated)
        if not fits:
            raise EngineFailed("the encoding process answered with something else", code=ErrorCode.CHILD_DIED)
        return frame, raw_bytes

    async def _frame(self, child: _Child, seconds: float) -> wire.Frame:
        packet, descriptors = await self._receive(child.channel, seconds)
        for descriptor in descriptors:
            os.close(descriptor)
        if not packet:
            raise EngineFailed("the encoding process died", code=ErrorCode.CHILD_DIED)
        try:
            return wire.decode(packet)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise EngineFailed("the encoding process answered with garbage", code=ErrorCode.CHILD_DIED) from error

    def _refuse_poison(self, fingerprint: bytes) -> None:
        now = time.monotonic()
        for known, times in list(self._deaths.items()):
            if now - times[-1] > _POISON_SECONDS:
                del self._deaths[known]
        if len(self._deaths.get(fingerprint, ())) >= _POISON_DEATHS:
            raise error_for(
                ErrorCode.POISONED_INPUT, "these bytes ended two encoding processes and are refused for some minutes"
            )

    def _remember_death(self, fingerprint: bytes) -> None:
        self._deaths.setdefault(fingerprint, []).append(time.monotonic())
        while len(self._deaths) > 1000:
            self._deaths.popitem(last=False)


def _fingerprint(given: int) -> bytes:
    return hashlib.blake2b(wire.read_all(given, os.fstat(given).st_size), digest_size=16).digest()
