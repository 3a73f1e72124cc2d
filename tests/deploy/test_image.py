"""The image: built from the Dockerfile on a base made here, started from a root that can't be written, used and ended."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from pictures import opened, photo, saved
from serving import free_port

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[2]
BUNDLE = Path("/etc/ssl/certs/ca-certificates.crt")
KEY = "image-key"
MOST_BYTES = 460_000_000
# As a container runtime does: a root that nobody can write, with /data and /tmp for this process alone.
START = """
set -e
mount --bind "$1" "$1"
mount -t proc proc "$1/proc"
mount --rbind /dev "$1/dev"
mount -o remount,bind,ro "$1"
mount -t tmpfs -o uid=65532,gid=65532,mode=0700 data "$1/data"
mount -t tmpfs -o mode=1777 tmp "$1/tmp"
exec setpriv --no-new-privs chroot --userspec=65532:65532 --groups=65532 "$1" /usr/bin/env -i PATH=/opt/pixlean/bin:/usr/bin:/bin HOME=/data PIXLEAN_DATA_DIR=/data \
  PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 REQUIRE_KEY=true REQUIRE_SANDBOX=true API_KEY="$2" PORT="$3" \
  /usr/bin/tini -- pixlean serve
"""


def run(*words: str | Path, seconds: float = 900) -> str:
    done = subprocess.run([str(word) for word in words], capture_output=True, text=True, timeout=seconds, check=False)
    assert done.returncode == 0, f"{' '.join(map(str, words))}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
    return done.stdout.strip()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    missing = [name for name in ("buildah", "mmdebstrap", "setpriv", "chroot") if shutil.which(name) is None]
    if missing:
        pytest.skip(f"no {' and no '.join(missing)} to build the image with")
    if subprocess.run(["unshare", "--mount", "true"], capture_output=True, check=False).returncode:
        # No program is missing that could be installed: nothing can be started here from a root of its own.
        pytest.xfail("this kernel lets nobody mount here")
    made = tmp_path_factory.mktemp("image")
    made.chmod(0o755)
    yield made
    subprocess.run(["buildah", *store(made), "rm", "--all"], capture_output=True, check=False)
    subprocess.run(["buildah", *store(made), "rmi", "--all", "--force"], capture_output=True, check=False)
    shutil.rmtree(made, ignore_errors=True)


def store(folder: Path) -> tuple[str, ...]:
    return ("--root", str(folder / "store"), "--runroot", str(folder / "run"), "--storage-driver", "vfs")


@pytest.fixture(scope="module")
def root(folder: Path) -> Path:
    """The image's files."""
    base = folder / "base"
    run("mmdebstrap", "--variant=apt", "--mode=root", "--skip=check/empty", "bookworm", base)
    if BUNDLE.is_file():  # mirrors that only this machine trusts
        trusted = base / "usr/local/share/ca-certificates"
        trusted.mkdir(parents=True, exist_ok=True)
        shutil.copy(BUNDLE, trusted / "this-machine.crt")
    buildah = ("buildah", *store(folder))
    container = run(*buildah, "from", "scratch")
    run(*buildah, "add", "--quiet", container, base, "/")
    run(*buildah, "commit", "--quiet", container, "localhost/debian-slim")
    run(
        *buildah, "build", "--isolation", "chroot", "--network", "host", "--pull=never", "--quiet", "--build-arg", "BASE=localhost/debian-slim",
        "--tag", "pixlean", ROOT,
    )  # fmt: skip
    return Path(run(*buildah, "mount", run(*buildah, "from", "--pull=never", "pixlean")))


@pytest.fixture(scope="module")
def server(root: Path) -> Iterator[tuple[subprocess.Popen[str], str, float]]:
    """The process, its address, and the seconds until the first picture was smaller."""
    port, started = free_port(), time.monotonic()
    process = subprocess.Popen(
        ["unshare", "--mount", "sh", "-c", START, "sh", str(root), KEY, str(port)],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    url = f"http://127.0.0.1:{port}"
    try:
        while True:
            try:
                assert smaller(url, "jpeg").status_code == 200
                break
            except httpx.TransportError:
                assert process.poll() is None, process.communicate()[0]
                assert time.monotonic() - started < 60
                time.sleep(0.02)
        yield process, url, time.monotonic() - started
    finally:
        if process.poll() is None:
            process.kill()


def smaller(url: str, form: str) -> httpx.Response:
    return httpx.post(
        f"{url}/optimize",
        headers={"Authorization": f"Bearer {KEY}"},
        files={"file": ("a.jpg", saved(photo(), "JPEG", quality=95))},
        data={"options": json.dumps({"optimization": {"format": form, "quality": 70}})},
        timeout=60,
    )


def test_the_image_is_small(folder: Path, root: Path) -> None:
    size_bytes, base_bytes = (sum(path.lstat().st_size for path in each.rglob("*")) for each in (root, folder / "base"))
    # Debian's slim image, which has no documentation, is some 75 MB; the base made here is larger.
    assert size_bytes - base_bytes + 75_000_000 < MOST_BYTES, (size_bytes, base_bytes)


def test_it_starts_read_only_and_answers_in_every_format(server: tuple[subprocess.Popen[str], str, float]) -> None:
    _, url, seconds = server
    assert seconds < 15
    health = httpx.get(f"{url}/health").json()
    assert health["status"] == "ok", health
    for form in ("jpeg", "webp", "avif", "png", "jxl", "gif", "tiff"):
        answer = smaller(url, form)
        assert answer.status_code == 200, (form, answer.text)
        if form != "jxl":
            assert opened(answer.content).size == photo().size
    assert httpx.get(f"{url}/", headers={"Accept": "text/html"}).status_code == 200
    assert httpx.post(f"{url}/optimize").status_code == 401


def test_it_ends_in_time_and_writes_nowhere_else(server: tuple[subprocess.Popen[str], str, float], root: Path) -> None:
    process, url, _ = server
    assert httpx.get(f"{url}/health/ready").status_code == 200
    started = time.monotonic()
    os.kill(process.pid, signal.SIGTERM)  # to tini, which the shell became
    said = process.communicate(timeout=35)[0]
    assert process.returncode == 0 and time.monotonic() - started < 35, said
    assert "Traceback" not in said and "Read-only file system" not in said, said
    # The root was read-only; what lies below is what the build left.
    assert not any((root / "data").iterdir()) and not any((root / "tmp").iterdir())
