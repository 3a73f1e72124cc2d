"""The zygote as the server sees it: it forks children as long as it answers, and is thrown away when it does not."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
import socket
import sys
from collections.abc import Callable

import msgspec

from pixlean.domain.errors import Unavailable
from pixlean.sandbox import wire
from pixlean.sandbox.children import Child, Death, close, receive
from pixlean.sandbox.settings import Settings

# What the interpreter itself may need to find its libraries; all else of the server's environment stays there.
_PASSED_ON = ("LD_LIBRARY_PATH", "PYTHONHOME")
CHILD_ENVIRONMENT = {
    "VIPS_CONCURRENCY": "1", "VIPS_BLOCK_UNTRUSTED": "1", "OMP_NUM_THREADS": "1", "RAYON_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1", "MALLOC_ARENA_MAX": "2", "LANG": "C.UTF-8",
    # Frame buffers stay in the child between its pictures instead of being mapped and cleared anew.
    "MALLOC_MMAP_THRESHOLD_": str(128 << 20), "MALLOC_TRIM_THRESHOLD_": str(256 << 20),
    "PYTHONDONTWRITEBYTECODE": "1", "HOME": "/nonexistent",
}  # fmt: skip
_WARM_SECONDS, _FORK_SECONDS, _PROOF_SECONDS, _LEAVE_SECONDS = 120.0, 8.0, 10.0, 3.0


class Zygote:
    """One process that forks children. ``lost`` is called once when it can't be relied on any more."""

    def __init__(self, settings: Settings, lost: Callable[[Zygote], None]) -> None:
        self._settings = settings
        self._lost = lost
        self._numbers = itertools.count(1)
        self._asked: dict[int, asyncio.Future[tuple[int, int]]] = {}
        self._deaths: dict[int, asyncio.Future[Death | None]] = {}
        self._process: asyncio.subprocess.Process | None = None
        self._control: socket.socket | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self.is_lost = False
        self.hello = wire.Hello(tools={}, versions={})

    async def start(self) -> None:
        """Start the process and wait until it is warm. Raises ``Unavailable``."""
        ours, theirs = wire.socket_pair()
        with contextlib.closing(theirs):
            ours.setblocking(False)
            self._control = ours
            # -P: neither the working folder nor the script's is a place where modules come from.
            self._process = await asyncio.create_subprocess_exec(
                sys.executable, "-P", "-m", self._settings.module, str(theirs.fileno()), self._terms(),
                pass_fds=(theirs.fileno(),), env=_environment(), cwd="/", stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.DEVNULL,
            )  # fmt: skip
        try:
            packet, _ = await receive(ours, _WARM_SECONDS)
            hello = wire.decode_zygote(packet) if packet else None
        except (TimeoutError, msgspec.MsgspecError):
            hello = None
        except BaseException:
            self.discard()
            raise
        if not isinstance(hello, wire.Hello):
            self.discard()
            raise Unavailable("the encoding processes did not start")
        self.hello = hello
        self._tasks = [asyncio.ensure_future(self._listen(ours)), asyncio.ensure_future(self._watch(self._process))]

    async def fork(self, tool: str) -> tuple[Child, wire.Ready]:
        """Another child, and what it proved. Raises ``Unavailable``; a zygote that does not answer is discarded."""
        ours, theirs = wire.socket_pair()
        ours.setblocking(False)
        number = next(self._numbers)
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[tuple[int, int]] = loop.create_future()
        self._asked[number] = answer
        child = None
        try:
            with contextlib.closing(theirs):
                if self.is_lost or self._control is None:
                    raise Unavailable("the encoding processes are not running")
                wire.send(self._control, wire.encode(wire.Fork(number=number, tool=tool)), (theirs.fileno(),))
                async with asyncio.timeout(_FORK_SECONDS):
                    pid, handle = await asyncio.shield(answer)
            child = Child(
                pid=pid, handle=handle, channel=ours, death=self._deaths.setdefault(pid, loop.create_future())
            )
            packet, _ = await receive(ours, _PROOF_SECONDS)
            ready = wire.decode(packet) if packet else None
            if isinstance(ready, wire.Ready):
                return child, ready
            raise Unavailable("an encoding process did not start")
        except (TimeoutError, OSError, msgspec.MsgspecError) as error:
            if child is None:
                self.discard()
                raise Unavailable("the encoding processes do not answer") from error
            child.kill()
            raise Unavailable("an encoding process did not start") from error
        except BaseException:
            if child is not None:
                child.kill()
            elif answer.done() and not answer.cancelled() and answer.exception() is None:
                os.close(answer.result()[1])
            raise
        finally:
            self._asked.pop(number, None)
            if child is None:
                ours.close()

    def discard(self) -> None:
        """End the process at once, also one that is stopped, and with it its children."""
        if self.is_lost:
            return
        self.is_lost = True
        if self._process is not None and self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()
        for task in self._tasks:
            task.cancel()
        if self._control is not None:
            close(self._control)
        for answer in self._asked.values():
            if not answer.done():
                answer.set_exception(Unavailable("the encoding processes ended"))
                answer.exception()  # whoever asked may have gone
        for death in self._deaths.values():
            if not death.done():
                death.set_result(None)
        self._deaths.clear()
        self._lost(self)

    async def stop(self) -> None:
        """Let the process end its children and itself; kill it where it does not."""
        process, self._lost = self._process, lambda _: None
        if self._control is not None and not self.is_lost:
            with contextlib.suppress(OSError):
                self._control.shutdown(socket.SHUT_WR)
            if process is not None:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(_LEAVE_SECONDS):
                        await process.wait()
        self.discard()
        if process is not None:
            await process.wait()

    async def _listen(self, control: socket.socket) -> None:
        """Hand on what the zygote says, until it says nothing more or something that nobody asked for."""
        try:
            while True:
                packet, handles = await receive(control, None, most_descriptors=1)
                if not packet or not self._heard(wire.decode_zygote(packet), handles):
                    break
        except (OSError, msgspec.MsgspecError):
            pass
        self.discard()

    def _heard(self, frame: wire.FromZygote, handles: list[int]) -> bool:
        """Whether this is an answer to what was asked, or a death."""
        if isinstance(frame, wire.Ended):
            death = self._deaths.pop(frame.pid, None)
            if death is not None and not death.done():
                death.set_result(Death(signal=frame.signal, status=frame.status))
            return True
        if isinstance(frame, wire.Hello):
            return False
        answer = self._asked.get(frame.number)
        if answer is None or answer.done():
            for handle in handles:  # whoever asked has gone
                os.close(handle)
            return True
        if isinstance(frame, wire.NotForked) or not handles:
            reason = frame.reason if isinstance(frame, wire.NotForked) else "no handle"
            answer.set_exception(Unavailable(f"no further encoding process could be started: {reason}"))
        else:
            self._deaths[frame.pid] = asyncio.get_running_loop().create_future()
            answer.set_result((frame.pid, handles[0]))
        return True

    async def _watch(self, process: asyncio.subprocess.Process) -> None:
        await process.wait()
        self.discard()

    def _terms(self) -> str:
        settings = self._settings
        start = wire.Start(
            memory_bytes=settings.memory_bytes, timeout_seconds=settings.timeout_seconds, required=settings.required,
            uid=settings.uid, private=list(settings.private),
        )  # fmt: skip
        return wire.encode(start).decode()


def _environment() -> dict[str, str]:
    passed = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    # The zygote runs in "/": what was meant from here is told from there. An empty part would mean that folder.
    folders = [os.path.abspath(part) for part in os.environ.get("PYTHONPATH", "").split(os.pathsep) if part]
    return {**CHILD_ENVIRONMENT, **passed, **({"PYTHONPATH": os.pathsep.join(folders)} if folders else {})}
