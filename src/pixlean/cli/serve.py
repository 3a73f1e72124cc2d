"""``pixlean serve``."""

from __future__ import annotations

import signal
import sys
from pathlib import Path
from typing import Literal

_DRAIN_SECONDS = 30


def serve(*, port: int | None = None, host: str | None = None, role: Literal["all", "api"] = "all") -> None:
    """Serve every API on one port; settings come from the environment (see ``pixlean config``).

    Parameters
    ----------
    port: instead of PORT
    host: instead of HOST
    role: all does the accepted jobs as well; api leaves them to ``pixlean worker`` (needs DATABASE_URL)
    """
    import uvicorn

    from pixlean.config import SettingsError, load
    from pixlean.state.database import FolderInUse, check_folder
    from pixlean.web.protocol import Protocol
    from pixlean.wiring.application import build

    try:
        environment = load().environment
        if not environment.DATABASE_URL.get_secret_value():
            if role == "api":
                raise SettingsError("--role api needs DATABASE_URL: without it no worker can do the jobs")
            check_folder(Path(environment.PIXLEAN_DATA_DIR))
    except (SettingsError, FolderInUse) as error:
        print(error, file=sys.stderr)
        sys.exit(2)
    # uvicorn raises the signal again once it has drained: a clean end is exit code 0, not death by signal.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    uvicorn.run(
        build(environment, serves_jobs=role == "all"),
        host=host or environment.HOST,
        port=environment.PORT if port is None else port,
        log_level=environment.LOG_LEVEL.lower(),
        access_log=False,
        log_config=None,
        proxy_headers=False,  # TRUSTED_PROXIES decides whose X-Forwarded-For is believed
        server_header=False,
        timeout_graceful_shutdown=_DRAIN_SECONDS,
        timeout_keep_alive=15,
        http=Protocol,
        ssl_certfile=environment.TLS_CERT_FILE or None,
        ssl_keyfile=environment.TLS_KEY_FILE or None,
    )
