"""What a batch costs beside its encoding: ``python -m benchmarks.bulk [--objects 300] [--engine ray]``.

The bare engine in one process, then ``pixlean batch`` with one, two and four workers over the same pictures, from folder to
folder, or from bucket to bucket on an S3 that runs here (``--s3``, moto).
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.synthetic import make_corpus
from pixlean.sandbox.zygote import CHILD_ENVIRONMENT

QUALITY = 75
_AT_ONCE_SECONDS = 0.05


@dataclass(frozen=True, kw_only=True)
class Rate:
    """One run: ``objects`` in ``seconds``, both counted from the first results on; a long run pays the start once."""

    name: str
    objects: int
    seconds: float
    start_seconds: float = 0.0

    @property
    def a_second(self) -> float:
        """Objects a second."""
        return self.objects / max(self.seconds, 1e-9)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.bulk", description=__doc__)
    parser.add_argument("--objects", type=int, default=300)
    parser.add_argument("--engine", choices=("local", "ray"), default="local")
    parser.add_argument("--workers", type=int, nargs="*", default=[1, 2])
    parser.add_argument("--s3", action="store_true", help="over a local S3")
    wanted = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        source = make_objects(Path(place), wanted.objects)
        bare = measure_bare(source)
        print(f"bare engine: {bare.a_second:.1f} a second of one core")
        with _places(source, Path(place), s3=wanted.s3) as (start, end):
            first: Rate | None = None
            for workers in wanted.workers:
                rate = measure_batch(start, f"{end}{workers}", wanted.engine, workers, wanted.objects)
                first = first or rate
                print(
                    f"{rate.name}: {rate.a_second:.1f} a second ({rate.a_second / first.a_second:.2f} of {first.name}), "
                    f"{100 * (workers * bare.a_second / rate.a_second - 1):+.1f} % over the bare engine, "
                    f"{rate.start_seconds:.1f} s until the first result"
                )


def make_objects(place: Path, count: int) -> Path:
    """So many pictures, the stills of the made-up corpus in turn, in a hundred folders."""
    stills = [path for path in sorted(make_corpus(place / "made").rglob("*")) if path.suffix in (".jpg", ".webp")]
    source = place / "source"
    for number in range(count):
        target = source / f"{number % 100:02}" / f"{number}{stills[number % len(stills)].suffix}"
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(stills[number % len(stills)], target)
    return source


# One process that has what the pool's children have: their environment, and the modules loaded.
_BARE = """
import sys, time
from pathlib import Path
import pixlean
paths = [path for path in sorted(Path(sys.argv[1]).rglob("*")) if path.is_file()]
for path in paths[:8]:
    pixlean.compress(path.read_bytes(), quality=int(sys.argv[2]))
began = time.perf_counter()
for path in paths:
    pixlean.compress(path.read_bytes(), quality=int(sys.argv[2]))
print(len(paths), time.perf_counter() - began)
"""


def measure_bare(source: Path) -> Rate:
    words = [sys.executable, "-c", _BARE, str(source), str(QUALITY)]
    made = subprocess.run(words, env={**os.environ, **CHILD_ENVIRONMENT}, capture_output=True, text=True, check=True)
    objects, seconds = made.stdout.split()
    return Rate(name="bare engine", objects=int(objects), seconds=float(seconds))


@contextmanager
def _places(source: Path, place: Path, *, s3: bool) -> Iterator[tuple[str, str]]:
    """Where from and to; a bucket is filled first."""
    if not s3:
        yield str(source), str(place / "target")
        return
    from moto.server import ThreadedMotoServer
    from obstore.store import S3Store

    running = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    running.start()
    host, port = running.get_host_and_port()
    os.environ |= {"AWS_ENDPOINT_URL": f"http://{host}:{port}", "AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret",
                   "AWS_REGION": "us-east-1"}  # fmt: skip
    import httpx

    for bucket in ("from", "to"):
        httpx.put(f"{os.environ['AWS_ENDPOINT_URL']}/{bucket}").raise_for_status()
    store = S3Store("from", endpoint=os.environ["AWS_ENDPOINT_URL"], access_key_id="key", secret_access_key="secret",
                    region="us-east-1", virtual_hosted_style_request=False, client_options={"allow_http": True})  # fmt: skip
    for path in source.rglob("*"):
        if path.is_file():
            store.put(path.relative_to(source).as_posix(), path.read_bytes())
    try:
        yield "s3://from", "s3://to/run"
    finally:
        running.stop()


def measure_batch(source: str, target: str, engine: str, workers: int, objects: int) -> Rate:
    words = [sys.executable, "-m", "pixlean.cli", "batch", source, target, "-q", str(QUALITY), "--engine", engine]
    began = time.perf_counter()
    running = subprocess.Popen(
        [*words, "-j", str(workers), "--ndjson"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    moments = [time.perf_counter() - began for _ in running.stdout or ()]
    if running.wait() or len(moments) != objects:
        raise RuntimeError(f"{' '.join(words)} ended with {running.returncode} after {len(moments)} results")
    # A cluster tells of whole chunks at a time: what came with the first one is not counted, nor the time before it.
    later = sum(moment > moments[0] + _AT_ONCE_SECONDS for moment in moments)
    return Rate(
        name=f"{engine} -j {workers}", objects=later, seconds=moments[-1] - moments[0], start_seconds=moments[0]
    )


if __name__ == "__main__":
    main()
