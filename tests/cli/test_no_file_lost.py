"""No file is lost: at every step of writing, on full and read-only disks, and in thousands of random trees."""

from __future__ import annotations

import os
import random
import resource
import subprocess
import sys
import threading
import unicodedata
from pathlib import Path

import pytest

from pictures import opened, photo, saved
from pixlean.cli import writing
from pixlean.cli.find import find
from pixlean.cli.made import Made
from pixlean.cli.naming import Naming, Overwrite, plan, target_of
from pixlean.cli.target import look_with, put
from pixlean.cli.writing import Changed, Stamp

JPEG, WEBP, PNG = (".jpg", ".jpeg"), (".webp",), (".png",)


def run(*words: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "pixlean.cli", *words], cwd=folder, capture_output=True, text=True, check=False,
        env={**os.environ, "PIXLEAN_DATA_DIR": str(folder / ".state")},
    )  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "a.png").write_bytes(saved(photo(), "PNG", compress_level=1))
    (tmp_path / "a.jpg").write_bytes(saved(photo().resize((100, 75)), "JPEG", quality=95))
    return tmp_path


def test_a_result_never_takes_the_name_of_another_picture(folder: Path) -> None:
    other = saved(photo().resize((40, 30)), "WEBP")
    (folder / "a.webp").write_bytes(other)
    for words in (
        ("--in-place", "--format", "webp"),
        ("--name", "{stem}.{ext}", "--format", "webp"),
        ("--name", "a.jpg"),
    ):
        stopped = run("optimize", "a.png", *words, folder=folder)
        assert stopped.returncode == 2 and "a.png -> " in stopped.stderr and "hint: " in stopped.stderr
        assert "Traceback" not in stopped.stderr and (folder / "a.webp").read_bytes() == other
    assert (
        run("optimize", "a.png", "--in-place", "--format", "webp", "--overwrite", "never", folder=folder).returncode
        == 0
    )
    assert (folder / "a.webp").read_bytes() == other
    assert (
        run("optimize", "a.png", "--in-place", "--format", "webp", "--overwrite", "always", folder=folder).returncode
        == 0
    )
    assert opened((folder / "a.webp").read_bytes()).size == photo().size and (folder / "a.png").exists()


def test_a_wrong_ending_stays_and_costs_no_neighbour(folder: Path) -> None:
    (folder / "pic.png").write_bytes(saved(photo(), "JPEG", quality=95))
    other = saved(photo().resize((40, 30)), "JPEG")
    (folder / "pic.jpg").write_bytes(other)
    assert run("optimize", "pic.png", "-q", "60", "--in-place", folder=folder).returncode == 0
    assert (folder / "pic.jpg").read_bytes() == other
    assert opened((folder / "pic.png").read_bytes()).format == "JPEG"


def test_two_originals_with_one_result_stop_the_run(folder: Path) -> None:
    words = ("convert", "a.png", "a.jpg", "--to", "webp", "--out", "o")
    stopped = run(*words, folder=folder)
    assert stopped.returncode == 2 and not list((folder / "o").iterdir())
    assert "a.png -> o/a.webp" in stopped.stderr and "a.jpg -> o/a.webp" in stopped.stderr
    assert run(*words, "--name", "{stem}-{source_ext}.{ext}", folder=folder).returncode == 0
    assert {path.name for path in (folder / "o").iterdir()} == {"a-png.webp", "a-jpg.webp"}


def test_own_results_are_written_again_and_touched_ones_are_not(folder: Path) -> None:
    words = ("optimize", "a.png", "--out", "o", "-q", "50")
    assert [run(*words, folder=folder).returncode for _ in range(2)] == [0, 0]
    (folder / "o" / "a.png").write_bytes(b"mine now")
    assert run(*words, folder=folder).returncode == 2
    assert (folder / "o" / "a.png").read_bytes() == b"mine now"


def test_links_are_followed_once_and_stay_links(folder: Path) -> None:
    (folder / "sub").mkdir()
    (folder / "link.png").symlink_to("a.png")
    (folder / "sub" / "far.png").symlink_to("../a.png")
    (folder / "gone.png").symlink_to("nowhere.png")
    done = run("optimize", ".", "--in-place", "--exclude", ".state", folder=folder)
    assert done.returncode == 0, done.stderr
    assert (
        "link.png: skipped" in done.stdout and "far.png: skipped" in done.stdout and "gone.png: skipped" in done.stdout
    )
    assert (folder / "link.png").is_symlink() and not (folder / "a.png").is_symlink()
    before = (folder / "a.jpg").stat().st_size
    (folder / "named.jpg").symlink_to("a.jpg")
    assert run("optimize", "named.jpg", "-q", "20", "--in-place", folder=folder).returncode == 0
    assert (folder / "named.jpg").is_symlink() and (folder / "a.jpg").stat().st_size <= before


def test_permissions_and_dates_are_kept(folder: Path) -> None:
    (folder / "a.png").chmod(0o640)
    os.utime(folder / "a.png", (1_000_000_000, 1_000_000_000))
    assert run("optimize", "a.png", "-q", "50", "--in-place", "--keep-dates", folder=folder).returncode == 0
    status = (folder / "a.png").stat()
    assert status.st_mode & 0o777 == 0o640 and status.st_mtime == 1_000_000_000


def test_a_folder_that_can_not_be_written_is_said_before_the_work(folder: Path) -> None:
    (folder / "file").write_bytes(b"")
    said = run("optimize", "a.png", "--out", "file", folder=folder)
    assert said.returncode == 2 and "error: file: --out must be a folder" in said.stderr
    said = run("optimize", "a.png", "--out", "file/below", folder=folder)
    assert said.returncode == 2 and "no folder" in said.stderr and "Errno" not in said.stderr


def like(path: Path) -> os.stat_result:
    return path.stat()


# Every system call of writing; the process is killed in front of each.
_STEPS = ("open", "write", "fchown", "fchmod", "fsync", "link", "stat", "unlink", "utime", "close", "rename")
_KILLED = """
import os, signal, sys
from pathlib import Path
from pixlean.cli import writing
target, at, nameless = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3] == "1"
status = target.stat() if target.exists() else os.stat(".")
count = 0
def counted(call):
    def step(*words, **named):
        global count
        count += 1
        if count == at:
            os.kill(os.getpid(), signal.SIGKILL)
        return call(*words, **named)
    return step
for name in ("open", "write", "fchown", "fchmod", "fsync", "link", "stat", "unlink", "utime", "close"):
    setattr(os, name, counted(getattr(os, name)))
writing._rename = counted(writing._rename)
if not nameless:
    os.O_TMPFILE = os.O_DIRECTORY | os.O_RDONLY | os.O_WRONLY  # as on a disk that has no nameless files
    real = os.open
    def without(path, flags, *words, **named):
        if path == ".":
            raise OSError(95, "not supported")
        return real(path, flags, *words, **named)
    os.open = without
data = b"new" * 40_000
if target.exists():
    writing.replace(target, data, writing.Stamp.of(status), status, keep_dates=True)
else:
    writing.create(target, data, status)
print("done")
"""


@pytest.mark.parametrize("exists", [True, False])
@pytest.mark.parametrize("nameless", [True, False])
def test_a_crash_at_any_step_leaves_whole_files_only(tmp_path: Path, exists: bool, nameless: bool) -> None:
    old, new = b"old" * 50_000, b"new" * 40_000
    for step in range(1, 60):
        folder = tmp_path / str(step)
        folder.mkdir()
        target = folder / "a.png"
        if exists:
            target.write_bytes(old)
        done = subprocess.run(
            [sys.executable, "-c", _KILLED, str(target), str(step), str(int(nameless))],
            cwd=folder, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode in (0, -9), done.stderr
        if exists:
            assert target.read_bytes() in (old, new)
        elif target.exists():
            assert target.read_bytes() == new
        for path in folder.iterdir():
            # What has a hidden name is no result; where the disk can do without one, it is whole as well.
            assert path == target or path.name.startswith(".")
            assert path == target or not nameless or path.read_bytes() in (old, new)
        if done.returncode == 0:
            assert target.read_bytes() == new and len(list(folder.iterdir())) == 1
            return
    raise AssertionError("the writing never came to its end")


def test_a_full_disk_leaves_the_original(tmp_path: Path) -> None:
    target = tmp_path / "a.png"
    target.write_bytes(b"old")
    program = (
        "import resource, signal, sys; from pathlib import Path; from pixlean.cli import writing\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN); resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))\n"
        "p = Path(sys.argv[1]); s = p.stat()\n"
        "try: writing.replace(p, b'n' * 5000, writing.Stamp.of(s), s)\n"
        "except OSError as error: print(error.errno)\n"
    )
    done = subprocess.run([sys.executable, "-c", program, str(target)], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "27" and target.read_bytes() == b"old" and list(tmp_path.iterdir()) == [target]
    assert resource.getrlimit(resource.RLIMIT_FSIZE)


def test_a_file_that_changed_meanwhile_is_left_alone(tmp_path: Path) -> None:
    target = tmp_path / "a.png"
    target.write_bytes(b"old")
    seen = target.stat()
    target.write_bytes(b"the user's newer picture")
    with pytest.raises(Changed):
        writing.replace(target, b"new", Stamp.of(seen), seen)
    assert target.read_bytes() == b"the user's newer picture" and list(tmp_path.iterdir()) == [target]


def test_one_name_is_given_once_however_many_want_it_at_the_same_time(tmp_path: Path) -> None:
    target, won = tmp_path / "a.png", []

    def write(number: int) -> None:
        try:
            writing.create(target, bytes([number]) * 1000, tmp_path.stat())
            won.append(number)
        except FileExistsError:
            pass

    threads = [threading.Thread(target=write, args=(number,)) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(won) == 1 and target.read_bytes() == bytes(won) * 1000 and list(tmp_path.iterdir()) == [target]


NAMES = ["a", "A", "b", "a.b", "\u00e9", unicodedata.normalize("NFD", "\u00e9"), "a.min", "x" * 60, "a b", "[a]"]
ENDINGS = [".png", ".PNG", ".jpg", ".jpeg", ".webp"]


def one_tree(chance: random.Random, folder: Path) -> None:
    """A random tree and random options; what was there before is there afterwards unless its loss was asked for."""
    places = [folder / "in", folder / "in" / "s", folder / "in" / "a.png", folder / "out", folder / "out" / "s"]
    for place in places:
        if chance.random() < 0.6:
            place.mkdir(parents=True, exist_ok=True)
    (folder / "in").mkdir(exist_ok=True)
    here = [place for place in places if place.is_dir()]
    for number in range(chance.randint(1, 7)):
        path = chance.choice(here) / (chance.choice(NAMES) + chance.choice(ENDINGS))
        kind = chance.random()
        if os.path.lexists(path):
            continue
        if kind < 0.75:
            path.write_bytes(bytes([number + 1]) * chance.randint(10, 90))
        elif kind < 0.9:
            path.symlink_to(chance.choice(here) / (chance.choice(NAMES) + chance.choice(ENDINGS)))
        else:
            files = [each for each in folder.rglob("*") if each.is_file() and not each.is_symlink()]
            if files:
                os.link(chance.choice(files), path)
    in_place = chance.random() < 0.4
    naming = Naming(
        out=None
        if in_place or chance.random() < 0.3
        else chance.choice([folder / "out", folder / "in", folder / "in" / "s"]),
        in_place=in_place,
        template=chance.choice([None, None, None, "{stem}.{ext}", "{stem}-{source_ext}.{ext}", "one.{ext}"]),
        overwrite=chance.choice([None, None, None, *Overwrite]),
        endings=chance.choice([(), (), (WEBP,), (JPEG,), (JPEG, PNG, WEBP)]),
        keeps_format=True,
    )
    if naming.endings and len(naming.endings) == 1:
        naming = Naming(**{**vars(naming), "keeps_format": False})
    named = [folder / "in"] + [path for path in folder.rglob("*") if path.suffix and chance.random() < 0.2]
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    links = {path: os.readlink(path) for path in folder.rglob("*") if path.is_symlink()}
    made = Made(folder / "state")
    found = find(named, results=naming.out, in_place=in_place)
    planned = plan(found.sources, naming, look_with(made))
    replaced: set[Path] = set()
    if not planned.conflicts:
        for pair in planned.pairs:
            endings = chance.choice(naming.endings) if naming.endings and not naming.keeps_format else ()
            target = chance.choice(pair.targets) if naming.keeps_format else target_of(pair.source, naming, endings)
            assert target in pair.targets
            data = b"result" + pair.source.real.read_bytes()[:1] * 5
            try:
                written = put(
                    target,
                    data,
                    source=pair.source,
                    seen=pair.source.real.stat(),
                    naming=naming,
                    made=made,
                    keep_dates=False,
                )
            except (Changed, FileExistsError):
                continue
            if written:
                assert target.read_bytes() == data
                replaced.add(Path(os.path.realpath(target.parent)) / target.name)
                if in_place and target == pair.source.real:
                    replaced |= {path for path in links if os.path.realpath(path) == str(pair.source.real)}
    originals = {source.real for source in found.sources}
    for path, data in before.items():
        place = Path(os.path.realpath(path.parent)) / path.name
        assert os.path.lexists(path), (path, naming)
        if path.exists() and path.read_bytes() == data:
            continue
        real = Path(os.path.realpath(path))
        asked = naming.overwrite in (Overwrite.ALWAYS, Overwrite.SMALLER) and (place in replaced or real in replaced)
        own = in_place and (real in originals or place in replaced)
        assert asked or own, (path, naming, planned)
        if asked and not own:
            assert place not in originals, "an original of the run was overwritten"
    for path in links:
        asked = naming.overwrite in (Overwrite.ALWAYS, Overwrite.SMALLER) and path in replaced
        assert path.is_symlink() or asked, "a link was replaced unasked"
    if planned.conflicts:
        assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before
    assert not [path for path in folder.rglob(".*") if path.name.endswith(".pixlean")]


def trees(count: int, tmp_path: Path, start: int = 0) -> None:
    for number in range(start, start + count):
        folder = tmp_path / str(number)
        folder.mkdir()
        try:
            one_tree(random.Random(number), folder)
        except AssertionError as error:
            raise AssertionError(f"tree {number}: {error}") from error


def test_no_tree_of_some_hundred_loses_a_file(tmp_path: Path) -> None:
    trees(400, tmp_path)


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_no_tree_of_five_thousand_loses_a_file(tmp_path: Path) -> None:
    trees(5000, tmp_path, start=1000)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_a_read_only_folder_is_said_before_the_work_and_keeps_its_files(tmp_path: Path) -> None:
    picture = tmp_path / "a.png"
    picture.write_bytes(b"old")
    picture.chmod(0o444)
    program = (
        "import os, sys; from pathlib import Path; from pixlean.cli import target, writing; from pixlean.cli.say import why\n"
        "os.setgroups([]); os.setgid(65534); os.setuid(65534); p = Path(sys.argv[1]); s = p.stat()\n"
        "print(target.unwritable(p))\n"
        "try: writing.replace(p, b'new', writing.Stamp.of(s), s)\n"
        "except OSError as error: print(why(error))\n"
    )
    for folder in (tmp_path, *tmp_path.parents):
        if folder.stat().st_uid == 0 and folder != Path("/") and str(folder).startswith("/tmp/"):
            folder.chmod(0o755)
    done = subprocess.run([sys.executable, "-c", program, str(picture)], capture_output=True, text=True, check=False)
    assert done.stdout.splitlines() == [f"the folder {tmp_path} can't be written to", "permission denied"], done.stderr
    assert picture.read_bytes() == b"old" and list(tmp_path.iterdir()) == [picture]


def test_a_killed_run_leaves_originals_and_whole_results(folder: Path) -> None:
    (folder / "in").mkdir()
    originals = {}
    for number in range(6):
        path = folder / "in" / f"{number}.jpg"
        path.write_bytes(saved(photo().resize((200 + number, 150)), "JPEG", quality=95))
        originals[path.name] = path.read_bytes()
    for pause in (0.0, 0.7, 1.4, 2.1):
        running = subprocess.Popen(
            [sys.executable, "-m", "pixlean.cli", "optimize", "in", "--in-place", "-q", "50", "-j", "1"], cwd=folder,
            stdout=subprocess.PIPE, env={**os.environ, "PIXLEAN_DATA_DIR": str(folder / ".state")},
        )  # fmt: skip
        assert running.stdout is not None
        if pause:
            running.stdout.readline()
        running.kill()
        running.wait()
        for name, data in originals.items():
            now = (folder / "in" / name).read_bytes()
            assert now == data or opened(now).size == opened(data).size
