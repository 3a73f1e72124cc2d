"""``pixlean serve``."""

from __future__ import annotations

import signal
import sys
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from types import FrameType

    import uvicorn
    from starlette.applications import Starlette

    from pixlean.config import Environment
    from pixlean.share.board import Seat

from pixlean.cli.say import Exit, fail

# Of the time in which everything ends; jobs have all of it.
_REQUESTS_SECONDS = 22
_NOT_STARTED = 3


def serve(*, port: int | None = None, host: str | None = None, role: Literal["all", "api"] = "all") -> None:
    """Serve every API on one port; settings come from the environment (see ``pixlean config``).

    Parameters
    ----------
    port
        Instead of PORT.
    host
        Instead of HOST.
    role
        All does the accepted jobs as well; api leaves them to ``pixlean worker`` (needs DATABASE_URL).
    """
    from pixlean.access import settings as access
    from pixlean.cli.ready import announced
    from pixlean.config import Server, SettingsError
    from pixlean.state import settings as state
    from pixlean.state.database import StateUnusable, check_usable
    from pixlean.web import settings as web
    from pixlean.web.doors import Doors, raise_descriptors
    from pixlean.web.owners import Owners
    from pixlean.web.protocol import protocol_with
    from pixlean.wiring.cage import CageRefused, check_cage
    from pixlean.wiring.dialects import dialects
    from pixlean.wiring.environment import load

    try:
        environment = load().environment
        check_cage(environment)  # first: a folder that lies wrong is not even made
        listening = environment.of(Server)
        if role == "api" and not environment.of(state.Settings).url:
            raise SettingsError("--role api needs DATABASE_URL: without it no worker can do the jobs")
        if bool(listening.tls_cert_file) != bool(listening.tls_key_file):
            raise SettingsError("TLS_CERT_FILE and TLS_KEY_FILE go together: one of them is not set")
        check_usable(environment.of(state.Settings))
    except (SettingsError, StateUnusable, CageRefused) as error:
        fail(str(error))
    options: dict[str, Any] = {
        "host": host or listening.host,
        "port": listening.port if port is None else port,
        "log_level": listening.log_level.lower(),
        "access_log": False,
        "log_config": None,
        "proxy_headers": False,  # TRUSTED_PROXIES decides whose X-Forwarded-For is believed
        "server_header": False,
        "timeout_graceful_shutdown": _REQUESTS_SECONDS,
        "timeout_keep_alive": 15,
        "http": protocol_with(
            Doors(environment.of(web.Settings).doors(), raise_descriptors()), Owners(dialects(environment))
        ),
        "ws": "none",
        "ssl_certfile": listening.tls_cert_file or None,
        "ssl_keyfile": listening.tls_key_file or None,
    }
    if listening.workers > 1:
        sys.exit(_serve_by_many(environment, options, serves_jobs=role == "all"))
    # uvicorn raises the signal again once it has drained: a clean end is exit code 0, not death by signal.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    server, app = _server(environment, options, serves_jobs=role == "all")
    guarded = bool(environment.of(access.Settings).api_key)
    try:
        with announced(server, app, server.config, serves_jobs=role == "all", guarded=guarded):
            server.run()
    except SystemExit as end:
        if server.started or not end.code:
            raise
    if not server.started:
        fail("the server did not start", hint=f"is port {server.config.port} free?", code=Exit.FAILED)


def _server(
    environment: Environment, options: dict[str, Any], *, serves_jobs: bool, seat: Seat | None = None
) -> tuple[uvicorn.Server, Starlette]:
    """A server that is ready to run, and its application; ends the process where its settings allow none."""
    import uvicorn

    from pixlean.wiring.application import build
    from pixlean.wiring.ending import Ending

    ending = Ending()

    class Server(uvicorn.Server):
        """uvicorn's, which tells everybody at once that the end has begun."""

        def handle_exit(self, sig: int, frame: FrameType | None) -> None:
            ending.begin()
            super().handle_exit(sig, frame)

    try:
        app = build(environment, serves_jobs=serves_jobs, seat=seat, ending=ending)
        config = uvicorn.Config(app, **options)
        config.load()
    except (OSError, ValueError, TypeError) as error:  # ssl.SSLError is an OSError
        fail(f"the server can't start: {error}")
    return Server(config), app


def _serve_by_many(environment: Environment, options: dict[str, Any], *, serves_jobs: bool) -> int:
    import uvicorn

    from pixlean.config import Server
    from pixlean.web.observe import start_logging
    from pixlean.wiring.supervisor import supervise

    start_logging(environment.of(Server).log_level)
    listener = uvicorn.Config("", **options).bind_socket()
    listener.set_inheritable(False)  # forks have it anyway, and programs need it not

    def serve_seat(seat: Seat) -> None:
        server, _ = _server(environment, options, serves_jobs=serves_jobs, seat=seat)
        server.run(sockets=[listener])
        if not server.started:
            sys.exit(_NOT_STARTED)

    return supervise(environment, listener, serve_seat)
