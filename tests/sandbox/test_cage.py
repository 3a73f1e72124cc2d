"""What a child that fell to its picture can't do, and how a machine is told from one where it could."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from pixlean.domain.errors import ErrorCode
from pixlean.sandbox.landlock import landlock_abi
from pixlean.sandbox.places import check_private, readable_places
from pixlean.sandbox.pool import Pool
from pools import ask, error_of, until, with_pool

# Refuses seccomp(2), prctl(PR_SET_SECCOMP) and landlock_restrict_self, as some containers' profiles do.
OUTER = """
import ctypes, os, struct, sys
from pixlean.sandbox.calls import this_machine
numbers, libc = this_machine().numbers, ctypes.CDLL(None, use_errno=True)
allow, refuse = (6, 0, 0, 0x7FFF0000), (6, 0, 0, 0x00050001)
lines = [(0x20, 0, 0, 0), (0x15, 0, 1, numbers["seccomp"]), refuse, (0x15, 0, 1, numbers["landlock_restrict_self"]),
         refuse, (0x15, 1, 0, numbers["prctl"]), allow, (0x20, 0, 0, 16), (0x15, 0, 1, 22), refuse, allow]
code = b"".join(struct.pack("HBBI", *line) for line in lines)
holder = ctypes.create_string_buffer(code, len(code))
program = struct.pack("HxxxxxxQ", len(lines), ctypes.addressof(holder))
libc.prctl(38, 1, 0, 0, 0)
assert libc.prctl(22, 2, program, 0, 0) == 0
"""


def under_outer_filter(script: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", OUTER + textwrap.dedent(script)], check=False, capture_output=True, text=True, timeout=120,
        env={**os.environ, **environment},
    )  # fmt: skip


def test_all_layers_hold_where_the_kernel_has_them(monkeypatch: pytest.MonkeyPatch) -> None:
    async def story(pool: Pool) -> None:
        if not landlock_abi():
            pytest.skip("this kernel lacks Landlock")
        for tool, proof in (await pool.proofs()).items():
            assert not proof.escaped and all(proof.layers.values()), (tool, proof)
            assert {"landlock", "seccomp", "capabilities", "user", "session", "rlimits", "no_new_privs"} <= set(
                proof.layers
            )

    with_pool(story, monkeypatch, required=True)


@pytest.mark.parametrize(
    "order",
    [
        "network", "file", "write", "write picture", "program", "fork", "memory file", "eat shared", "death signal",
        "signal:PID", "thread signal:PID", "limits:PID", "mode:FILE", "rename:FILE", "file:FILE", "file:/proc/PID/environ",
    ],
)  # fmt: skip
def test_a_child_reaches_nothing_outside(order: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    private = tmp_path / ".env"
    private.write_text("API_KEY=x")
    order = order.replace("PID", str(os.getpid())).replace("FILE", str(private))

    async def story(pool: Pool) -> None:
        if not pool.proof.holds:
            pytest.skip("this kernel lacks Landlock or seccomp")
        error = await error_of(pool, order)
        assert error.code is ErrorCode.ENGINE_FAILED
        assert error.message.endswith(("PermissionError", "OSError")), error.message
        assert (await ask(pool)).method == "jpegli-trellis"

    monkeypatch.chdir(tmp_path)
    with_pool(story, monkeypatch)
    assert not Path("/tmp/pixlean-escape").exists()
    assert private.read_text() == "API_KEY=x" and private.stat().st_mode & 0o777 == 0o644


def test_what_a_child_forks_ends_with_it_even_without_a_filter(monkeypatch: pytest.MonkeyPatch) -> None:
    """Even if it left the child's session: it becomes the zygote's own then."""

    async def story(pool: Pool) -> None:
        assert pool.layers["seccomp"] is False
        orphan = Path("/proc") / (await error_of(pool, "orphan")).message
        await until(lambda: not orphan.exists())

    with_pool(story, monkeypatch, module="rogue_uncaged")


def test_a_server_that_must_be_confined_does_not_start_where_it_is_not(tmp_path: Path) -> None:
    serve = """
        from pixlean.cli import main
        sys.argv = ["pixlean", "serve", "--port", "0"]
        main()
    """
    ended = under_outer_filter(serve, PIXLEAN_DATA_DIR=str(tmp_path), REQUIRE_SANDBOX="1")
    assert ended.returncode == 2
    assert "REQUIRE_SANDBOX is set and this does not hold here" in ended.stderr and "seccomp" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_the_layers_that_an_outer_filter_refuses_are_told(tmp_path: Path) -> None:
    doctor = """
        from pixlean.cli import main
        sys.argv = ["pixlean", "doctor", "--sandbox"]
        main()
    """
    ended = under_outer_filter(doctor)
    assert ended.returncode == 1
    assert "MISSING  layer seccomp" in ended.stdout and "MISSING  layer landlock" in ended.stdout
    assert "ALLOWED  fork" in ended.stdout and "refused  queue a signal" not in ended.stdout


@pytest.mark.parametrize("name", ["PIXLEAN_DATA_DIR", "TLS_KEY_FILE"])
def test_nothing_private_may_lie_where_children_read(name: str, tmp_path: Path) -> None:
    inside = str(Path(os.__file__).parent / "private")
    settings = {"PIXLEAN_DATA_DIR": str(tmp_path), "TLS_CERT_FILE": "", "TLS_KEY_FILE": "", name: inside}
    if name == "TLS_KEY_FILE":
        settings["TLS_CERT_FILE"] = settings["TLS_KEY_FILE"] = os.__file__
    ended = subprocess.run(
        [sys.executable, "-m", "pixlean.cli", "serve", "--port", "0"], check=False, env={**os.environ, **settings},
        capture_output=True, text=True, timeout=60, cwd=tmp_path,
    )  # fmt: skip
    assert ended.returncode == 2
    assert "which the encoding processes may read" in ended.stderr and "Traceback" not in ended.stderr
    assert not Path(inside).exists()


def test_a_folder_is_not_readable_because_modules_are_looked_for_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.chdir(tmp_path)
    assert str(tmp_path) not in readable_places() and "" not in readable_places()
    check_private([str(tmp_path), str(tmp_path / ".env")])
    with pytest.raises(PermissionError, match="may read"):
        check_private([str(Path(os.__file__).parent / "x" / ".env")])
