"""The dashboard's runs: one at a time, the others wait; all of them on disk, so that a restart loses no result."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from benchmarks.corpus import Case, Corpus
from benchmarks.measure import Result
from benchmarks.results import Run, load, new_id, now, save
from benchmarks.runner import Plan, run

_SAVED_EVERY_SECONDS = 2.0
ENDED = ("done", "cancelled", "interrupted")


@dataclass
class Live:
    """A run that waits or works: its results so far, and who is told of more."""

    run: Run
    cases: tuple[Case, ...]
    results: list[Result] = field(default_factory=list)
    began: float = 0.0
    cancelled: bool = False
    changed: asyncio.Condition = field(default_factory=asyncio.Condition)

    def now(self) -> Run:
        """The run with what is known by now."""
        seconds = self.run.seconds or (time.monotonic() - self.began if self.began else 0.0)
        return replace(self.run, results=tuple(self.results), seconds=seconds)


class Desk:
    """Takes runs in and keeps them; ``work`` does them until it is cancelled."""

    def __init__(self, corpus: Corpus, folder: Path, plan: Plan) -> None:
        self.corpus = corpus
        self._folder = folder
        self._plan = plan
        self._line: asyncio.Queue[Live] = asyncio.Queue()
        self._live: dict[str, Live] = {}
        self._working: asyncio.Task[None] | None = None
        for path in folder.glob("*.json"):
            with contextlib.suppress(ValueError):
                kept = load(path)
                if kept.state not in ENDED:
                    save(replace(kept, state="interrupted"), path)

    def submit(self, formats: tuple[str, ...], presets: tuple[str, ...], groups: tuple[str, ...]) -> Live:
        """Take a run in. Raises ``ValueError`` where nothing fits."""
        cases = self.corpus.cases(formats, presets, groups)
        if not cases:
            raise ValueError("no picture of the corpus fits")
        wanted = {"formats": list(formats), "presets": list(presets), "groups": list(groups), "cases": len(cases)}
        made = Run(
            id=new_id(), started_at=now(), state="queued", corpus=self.corpus.folder.name,
            synthetic=self.corpus.synthetic, wanted=wanted,
        )  # fmt: skip
        live = Live(run=made, cases=cases)
        self._live[made.id] = live
        save(made, self._path(made.id))
        self._line.put_nowait(live)
        return live

    async def cancel(self, run_id: str) -> bool:
        """End a run that waits or works; ``False`` where there is none."""
        live = self._live.get(run_id)
        if live is None or live.run.state in ENDED:
            return False
        live.cancelled = True
        if live.run.state == "queued":
            await self._end(live, "cancelled")
        elif self._working is not None:
            self._working.cancel()
        return True

    def heads(self) -> list[dict[str, Any]]:
        """All runs without their results, the newest first."""
        found = {}
        for path in self._folder.glob("*.json"):
            with contextlib.suppress(ValueError):
                found[path.stem] = load(path)
        found |= {run_id: live.now() for run_id, live in self._live.items()}
        return [found[run_id].head() for run_id in sorted(found, reverse=True)]

    def find(self, run_id: str) -> Run | None:
        """A whole run."""
        if run_id in self._live:
            return self._live[run_id].now()
        path = self._path(run_id)
        return load(path) if path.exists() else None

    def delete(self, run_id: str) -> bool:
        """Delete a run that has ended; ``False`` where there is none."""
        live = self._live.get(run_id)
        if live is not None and live.run.state not in ENDED:
            return False
        self._live.pop(run_id, None)
        path = self._path(run_id)
        there = path.exists()
        path.unlink(missing_ok=True)
        return there

    async def follow(self, run_id: str, after: int) -> AsyncIterator[tuple[int, str, dict[str, Any]]]:
        """What happens in a run as (number, name, facts), from after a number on, until it ends.

        Numbers are those of the results, so that they are the same after a restart.
        """
        live = self._live.get(run_id)
        at = after
        while True:
            known = live.now() if live is not None else self.find(run_id)
            if known is None:
                return
            for result in known.results[at:]:
                at += 1
                yield at, "result", {"done": at, "cases": known.wanted.get("cases", at), "result": result.as_dict()}
            if known.state in ENDED or live is None:
                yield at, "end", {"state": known.state, **known.head()}
                return
            yield at, "state", {"state": known.state, "done": at, "cases": known.wanted.get("cases", 0)}
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(10), live.changed:
                    await live.changed.wait_for(
                        lambda seen=at, state=known.state: len(live.results) > seen or live.run.state != state
                    )

    async def work(self) -> None:
        """Do one run after the other, for ever."""
        while True:
            live = await self._line.get()
            if live.cancelled:
                continue
            self._working = asyncio.create_task(self._do(live))
            try:
                await asyncio.shield(self._working)
            except asyncio.CancelledError:
                if not live.cancelled:  # the dashboard ends
                    self._working.cancel()
                    await asyncio.gather(self._working, return_exceptions=True)
                    await self._end(live, "interrupted")
                    raise
                await asyncio.gather(self._working, return_exceptions=True)
                await self._end(live, "cancelled")
            else:
                await self._end(live, "done")

    async def _do(self, live: Live) -> None:
        live.began = time.monotonic()
        live.run = replace(live.run, state="running", started_at=now())
        saved = 0.0
        async for result in run(live.cases, self._plan):
            async with live.changed:
                live.results.append(result)
                live.changed.notify_all()
            if time.monotonic() - saved > _SAVED_EVERY_SECONDS:
                await asyncio.to_thread(save, live.now(), self._path(live.run.id))
                saved = time.monotonic()

    async def _end(self, live: Live, state: str) -> None:
        async with live.changed:
            live.run = replace(live.now(), state=state, results=())
            save(live.now(), self._path(live.run.id))
            live.changed.notify_all()

    def _path(self, run_id: str) -> Path:
        return self._folder / f"{run_id if run_id.replace('-', '').isdigit() else 'none'}.json"
