"""``pixlean batch``: a folder or a bucket into another one."""

from __future__ import annotations

import asyncio
import csv
import hashlib
import json
import sys
import time
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, NoReturn

from cyclopts import Parameter

from pixlean.cli.options import FormatName, Quality
from pixlean.cli.say import Exit, complain, fail, why

if TYPE_CHECKING:
    from pixlean.domain.bulk import Line, Shard
    from pixlean.domain.recipe import Recipe
    from pixlean.service.bulk import Bulk, Cluster, Counted

_TOLD_EACH_SECONDS = 10.0


def batch(
    source: str,
    target: str,
    /,
    *,
    quality: Quality = 80,
    format: FormatName | None = None,  # noqa: A002 - the option's name
    width: int | None = None,
    height: int | None = None,
    keep_metadata: bool = False,
    lossless: bool = False,
    smart: bool = False,
    min_score: float | None = None,
    max: bool = False,  # noqa: A002 - the option's name
    fast: bool = False,
    include: tuple[str, ...] = (),
    exclude: tuple[str, ...] = (),
    min_size: str | None = None,
    max_size: str | None = None,
    since: str | None = None,
    until: str | None = None,
    keys: Path | None = None,
    shard: str = "1/1",
    run: str | None = None,
    resume: bool = False,
    in_place: bool = False,
    dry_run: bool = False,
    sample: int = 100,
    jobs: Annotated[int, Parameter(name=["--jobs", "-j"])] = 0,
    engine: Literal["local", "ray"] = "local",
    ray_address: str | None = None,
    report: Path | None = None,
    ndjson: bool = False,
) -> None:
    """Compress every picture of a folder or bucket into another one.

    Places are folders, s3://bucket/prefix, gs://bucket/prefix or az://container/prefix, with the credentials of the
    environment. What was done stands in DST/.pixlean/RUN/: kill a run at any time and start it again with --resume, and
    nothing is done twice that was written down. One bad object never ends a run.

    Parameters
    ----------
    source
        Where the pictures are.
    target
        Where the results go, under the same keys; with another format under its ending.
    quality
        From 1 (smallest) to 100 (no visible loss).
    format
        Format of the results; auto is the smallest of JPEG, PNG, WebP and AVIF at equal quality. Default: the
        original's.
    width
        Widest result, in pixels. Default: no limit.
    height
        Highest result, in pixels. Default: no limit.
    keep_metadata
        Keep EXIF, XMP and comments; without it the private ones go.
    lossless
        Never reduce the colours of PNGs.
    smart
        As small as it can be without a visible difference, measured for each picture.
    min_score
        SSIMULACRA2 (0 to 100) that results keep. Default: what the quality gives.
    max
        All the effort there is: some per cent smaller, many times slower.
    fast
        Little effort: some per cent larger, several times quicker.
    include
        Pattern of keys to work on, such as 'shop/*.png'; may be repeated. Default: all that end as pictures do.
    exclude
        Pattern of keys to leave out; may be repeated. Default: none.
    min_size
        Smallest object to work on, such as 20KB. Default: any.
    max_size
        Largest object to work on, such as 30MB. Default: any.
    since
        Only objects that were written at this date or later, such as 2026-06-01. Default: any.
    until
        Only objects that were written before this date. Default: any.
    keys
        File that names the keys to work on: one a line, CSV or Parquet with a column key, or NDJSON with a field key.
        Default: all.
    shard
        Which part of the keys, such as 2/4: several machines that each take one share the work.
    run
        Name of the run, under which its ledger lies. Default: made of the places and options.
    resume
        Go on with a run of the same name: what it did is left out, what failed is tried again.
    in_place
        Let the target be the source: results go over their originals.
    dry_run
        Say what would be saved, from a sample, and write nothing.
    sample
        How many objects a dry run looks at.
    jobs
        Pictures at a time; 0 is one for each core, of this machine or of the cluster.
    engine
        Who does the work: this machine, or a Ray cluster (extra ray) whose nodes reach both places.
    ray_address
        Address of a Ray cluster that runs already, such as ray-head:6379 or auto. Default: one on this machine.
    report
        File that tells what the run did: a page (.html), or a row for each object (.parquet, extra parquet). Default:
        none.
    ndjson
        Print one JSON object a line for each object as it is done.
    """
    import os

    from pixlean.cli.formats import outputs_of
    from pixlean.cli.options import check_quality, check_range, effort_of, size_of
    from pixlean.domain.bulk import Picking
    from pixlean.domain.edits import NO_EDITS, Edits, Resize
    from pixlean.domain.errors import PixleanError
    from pixlean.domain.recipe import SCORE, SIDE_PX, Recipe
    from pixlean.service.bulk import Bulk, check_places
    from pixlean.storage.depot import Depot

    check_quality(quality)
    if jobs < 0:
        fail("--jobs takes 0 or more")
    check_range(SCORE, "--min-score", min_score)
    for name, side in (("--width", width), ("--height", height)):
        check_range(SIDE_PX, name, side)
    recipe = Recipe(
        quality=quality,
        strip_metadata=not keep_metadata,
        png_lossy=not lossless,
        outputs=outputs_of(format),
        auto=format == "auto",
        edits=Edits(resize=Resize(width_px=width, height_px=height)) if width or height else NO_EDITS,
        smart=smart,
        min_score=min_score,
        effort=effort_of(most=max, least=fast),
    )
    picking = Picking(
        include=include,
        exclude=exclude,
        least_bytes=size_of(min_size) if min_size else 1,
        most_bytes=size_of(max_size) if max_size else None,
        since=_date("--since", since),
        until=_date("--until", until),
        keys=_keys(keys) if keys else None,
        shard=_shard(shard),
    )
    endpoint = _endpoint()
    bulk = Bulk(
        source=Depot(source, endpoint),
        target=Depot(target, endpoint),
        picking=picking,
        recipe=recipe,
        run=run or _name(source, target, recipe),
        slots=jobs or os.cpu_count() or 1,
    )
    if report is not None and not report.parent.is_dir():
        fail("there is no such folder", about=report.parent)
    if report is not None and report.suffix.lower() == ".parquet":
        _need("parquet", "--report of Parquet")
    cluster = _cluster(engine, ray_address, jobs)
    try:
        if not dry_run:
            check_places(bulk.source, bulk.target, in_place=in_place)
        asked = _Asked(resume=resume, ndjson=ndjson, report=report, cluster=cluster)
        work = _forecast(bulk, sample) if dry_run else _run(bulk, asked)
        code = asyncio.run(work)
    except PixleanError as error:
        complain(error.message)
        code = Exit.FAILED
    except KeyboardInterrupt:
        complain("interrupted: --resume goes on from here")
        code = Exit.INTERRUPTED
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else Exit.FAILED
    _leave(code)


def _leave(code: int) -> NoReturn:
    """End at once: threads of the store's library may still be on their way into Python, which ends it with a crash."""
    import os

    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(int(code))


async def _forecast(bulk: Bulk, sample: int) -> int:
    from pixlean.cli.progress import size_text
    from pixlean.cli.workshop import open_pool
    from pixlean.service.bulk import SECONDS_A_PICTURE
    from pixlean.service.forecast import forecast

    async with open_pool(1, SECONDS_A_PICTURE) as pool:
        told = await forecast(bulk, pool, sample)
    if not told.objects:
        fail("no pictures here", hint="--include names keys that end otherwise", code=Exit.FAILED)
    low, high = (100 * (1 - size / told.bytes) for size in (told.most_bytes, told.least_bytes))
    print(f"{told.objects:,} objects, {size_text(told.bytes)}")
    print(f"would become about {size_text(told.after_bytes)}: {low:.0f} to {high:.0f} % saved (95 of 100 samples)")
    print(f"{told.sampled:,} looked at, {told.failed:,} of them no pictures that can be read")
    print(f"some {told.seconds / 3600:.2f} hours of one core to look at them all; compressing takes longer")
    return Exit.OK


@dataclass(frozen=True, kw_only=True)
class _Asked:
    """How a run is to go: ``cluster`` is where it is not on this machine."""

    resume: bool
    ndjson: bool
    report: Path | None
    cluster: Cluster | None


async def _run(bulk: Bulk, asked: _Asked) -> int:
    from pixlean.cli.bulkreport import write
    from pixlean.cli.workshop import open_pool
    from pixlean.service.bulk import SECONDS_A_PICTURE, count, done_before, left, lines_of
    from pixlean.service.bulk import run as run_bulk

    done = await done_before(bulk)
    if done and not asked.resume:
        fail(
            f"the run {bulk.run} has begun already: {len(done):,} objects are done",
            hint="--resume goes on with it, --run NAME begins another one",
        )
    counted = await count(bulk, done)
    if not counted.objects:
        fail("no pictures here", hint="--include names keys that end otherwise", code=Exit.FAILED)
    telling = _Telling(counted, ndjson=asked.ndjson)
    if asked.cluster is None:
        async with open_pool(bulk.slots, SECONDS_A_PICTURE) as pool:
            await run_bulk(bulk, pool, left(bulk, done), telling.line)
    else:
        from pixlean.service.rayengine import run_on_ray

        await run_on_ray(bulk, asked.cluster, left(bulk, done), telling.line)
    telling.end()
    if asked.report is not None:
        try:
            write(asked.report, [line async for line in lines_of(bulk)], bulk.source.place, bulk.target.place)
        except OSError as error:
            fail(why(error), about=asked.report, code=Exit.FAILED)
    return Exit.FAILED if telling.failed else Exit.OK


class _Telling:
    """What people and programs hear of a run while it works."""

    def __init__(self, counted: Counted, *, ndjson: bool) -> None:
        self._counted = counted
        self._ndjson = ndjson
        self._began = self._told = time.monotonic()
        self.done = self.failed = self.before_bytes = self.after_bytes = 0
        print(f"{counted.objects:,} objects, {counted.done:,} of them done already", file=sys.stderr, flush=True)

    def line(self, line: Line) -> None:
        self.done += 1
        if line.error:
            self.failed += 1
            complain(line.error, about=line.key)
        else:
            self.before_bytes += line.before_bytes
            self.after_bytes += line.after_bytes
        if self._ndjson:
            print(json.dumps(asdict(line)), flush=True)
        if time.monotonic() - self._told > _TOLD_EACH_SECONDS:
            self._told = time.monotonic()
            print(self._now(), file=sys.stderr, flush=True)

    def end(self) -> None:
        print(self._now(), file=sys.stderr, flush=True)

    def _now(self) -> str:
        from pixlean.cli.progress import size_text

        seconds = max(time.monotonic() - self._began, 1e-3)
        rate, left = self.done / seconds, self._counted.objects - self._counted.done - self.done
        saved = 100 * (1 - self.after_bytes / self.before_bytes) if self.before_bytes else 0.0
        rest = f", {left / rate / 60:.0f} min left" if left > 0 and rate else ""
        return (
            f"{self.done:,} done ({rate:.1f} a second), {self.failed:,} failed, "
            f"{size_text(self.before_bytes - self.after_bytes)} saved ({saved:.1f} %){rest}"
        )


def _cluster(engine: str, address: str | None, jobs: int) -> Cluster | None:
    """Where the work is done, if not here. Says at once what is missing for it."""
    if engine != "ray":
        if address is not None:
            fail("--ray-address needs --engine ray")
        return None
    from pixlean.service.bulk import Cluster

    _need("ray", "--engine ray")
    return Cluster(address=address, workers=jobs or None)


def _need(extra: str, option: str) -> None:
    from importlib.util import find_spec

    module = {"ray": "ray", "parquet": "pyarrow"}[extra]
    if find_spec(module) is None:
        fail(f"{option} needs {module}, which is not installed", hint=f"pip install 'pixlean[{extra}]'")


def _shard(text: str) -> Shard:
    from pixlean.domain.bulk import Shard

    index, slash, count = text.partition("/")
    if not slash or not index.isdigit() or not count.isdigit() or not 1 <= int(index) <= int(count):
        fail("--shard takes i/n, such as 2/4")
    return Shard(index=int(index) - 1, count=int(count))


def _date(name: str, text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        fail(f"{name} takes a date such as 2026-06-01 or 2026-06-01T12:00:00Z")
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _keys(path: Path) -> frozenset[str]:
    if path.suffix.lower() == ".parquet":
        _need("parquet", "--keys of Parquet")
        from pixlean.cli.bulkreport import parquet_keys

        try:
            return parquet_keys(path)
        except (OSError, ValueError) as error:
            fail(why(error) if isinstance(error, OSError) else str(error), about=path)
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        fail(why(error) if isinstance(error, OSError) else "it is not UTF-8", about=path)
    try:
        if text.lstrip().startswith("{"):
            return frozenset(str(json.loads(line)["key"]) for line in text.splitlines() if line.strip())
        rows = list(csv.reader(text.splitlines()))
    except (ValueError, KeyError, TypeError, csv.Error):
        fail("it is neither CSV nor NDJSON with a key in each line", about=path)
    if rows and "key" in rows[0]:
        at = rows[0].index("key")
        return frozenset(row[at] for row in rows[1:] if len(row) > at)
    return frozenset(row[0] for row in rows if row)


def _endpoint() -> str:
    from pixlean.config import SettingsError, read
    from pixlean.storage import settings as storage

    try:
        return read((storage.Settings,)).environment.of(storage.Settings).s3_endpoint
    except SettingsError as error:
        fail(str(error), hint="docs/settings.md has them all")


def _name(source: str, target: str, recipe: Recipe) -> str:
    """The same for the same places and recipe, whatever is picked and whichever shard it is."""
    told = repr((source.rstrip("/"), target.rstrip("/"), recipe)).encode("utf-8", "surrogateescape")
    return hashlib.blake2b(told, digest_size=6).hexdigest()
