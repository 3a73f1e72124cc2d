"""What a server says of itself on stderr: one line when its port is open, one when it has stopped."""

from __future__ import annotations

import contextlib
import json
import sys
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from pixlean.domain.errors import Unavailable

if TYPE_CHECKING:
    from pixlean.web.contract import Services


def ready_line(url: str, *, guarded: bool, serves_jobs: bool, layers: Mapping[str, bool]) -> str:
    """Where the server and its pages are, who may use it, what it does, and how pictures are confined."""
    on = ", ".join(layer for layer, there in layers.items() if there) or "none"
    off = ", ".join(layer for layer, there in layers.items() if not there)
    mode = "keys required" if guarded else "open to everybody who reaches it"
    jobs = "does jobs" if serves_jobs else "leaves jobs to workers"
    missing = f" (missing: {off})" if off else ""
    return f"pixlean is ready: {url} (docs {url}/docs, page {url}/), {mode}, {jobs}, sandbox: {on}{missing}"


def stop_line(seconds: float) -> str:
    """How long the server ran."""
    hours, rest = divmod(round(seconds), 3600)
    minutes, left = divmod(rest, 60)
    ran = f"{hours} h {minutes} min" if hours else f"{minutes} min {left} s" if minutes else f"{left} s"
    return f"pixlean has stopped after {ran}"


def url_of(host: str, port: int, *, tls: bool) -> str:
    """An address that can be opened; a server on all addresses is on this machine too."""
    shown = "localhost" if host in ("0.0.0.0", "::", "") else f"[{host}]" if ":" in host else host  # noqa: S104
    return f"{'https' if tls else 'http'}://{shown}:{port}"


@contextlib.contextmanager
def announced(server: Any, app: Any, setup: Any, *, serves_jobs: bool, guarded: bool) -> Iterator[None]:
    """Say that a uvicorn server is ready once it is, and that it has stopped; nothing where it never started."""
    start, at = server.startup, 0.0

    async def startup(*arguments: Any, **named: Any) -> None:
        nonlocal at
        await start(*arguments, **named)
        if server.started and not server.should_exit:
            at = time.monotonic()
            services: Services = app.state.services
            port = server.servers[0].sockets[0].getsockname()[1] if server.servers else setup.port
            url = url_of(setup.host, port, tls=bool(setup.ssl_certfile))
            say(
                ready_line(
                    url,
                    guarded=guarded or await _is_guarded(services),
                    serves_jobs=serves_jobs,
                    layers=services.status().sandbox,
                )
            )

    server.startup = startup
    try:
        yield
    finally:
        if at:
            say(stop_line(time.monotonic() - at))


async def _is_guarded(services: Services) -> bool:
    """Whether keys are asked for; they are as well while the database that could tell of none does not answer."""
    try:
        return not await services.keys.in_dev_mode()
    except Unavailable:
        return True


def say(line: str) -> None:
    """One line where logs go, in their shape: text for people, JSON where nobody looks. LOG_LEVEL does not hide it."""
    if not sys.stderr.isatty():
        now = datetime.now(UTC).isoformat().replace("+00:00", "Z")
        line = json.dumps({"event": line, "level": "info", "logger": "pixlean", "timestamp": now})
    print(line, file=sys.stderr, flush=True)
