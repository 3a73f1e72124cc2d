"""``pixlean health``."""

from __future__ import annotations

import http.client
import json
import ssl

from pixlean.cli.options import Json
from pixlean.cli.say import Exit, fail, why

_SECONDS = 5.0


def health(*, json_output: Json = False) -> None:
    """Ask the server that runs with these settings on this machine whether it takes work; exit 1 where it does not.

    For container health checks: the address and port come from HOST and PORT, as for serve.

    Parameters
    ----------
    json_output
        Print what /health/ready answers.
    """
    from pixlean.config import Server, SettingsError, read

    try:
        server = read((Server,)).environment.of(Server)
    except SettingsError as error:
        fail(str(error), hint="docs/settings.md has them all")
    try:
        status, body = _ready(server.host, server.port, with_tls=bool(server.tls_cert_file))
    except (OSError, http.client.HTTPException) as error:
        fail(f"no server answers on port {server.port}: {why(error)}", code=Exit.FAILED)
    if status != 200 and not json_output:
        fail(f"the server takes no work: {_state(body)}", code=Exit.FAILED)
    print(body if json_output else "ready")
    raise SystemExit(Exit.OK if status == 200 else Exit.FAILED)


def _ready(host: str, port: int, *, with_tls: bool) -> tuple[int, str]:
    """Status and body of ``/health/ready``. Raises ``OSError`` and ``HTTPException``."""
    address = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - asked, not bound
    if with_tls:
        # The certificate is for the name that others call; on this machine it proves nothing.
        context = ssl._create_unverified_context()  # noqa: S323
        connection: http.client.HTTPConnection = http.client.HTTPSConnection(
            address, port, timeout=_SECONDS, context=context
        )
    else:
        connection = http.client.HTTPConnection(address, port, timeout=_SECONDS)
    try:
        connection.request("GET", "/health/ready")
        answer = connection.getresponse()
        return answer.status, answer.read(65_536).decode("utf-8", "replace")
    finally:
        connection.close()


def _state(body: str) -> str:
    """What a server that is not ready says of itself."""
    try:
        return str(json.loads(body)["status"])
    except (ValueError, KeyError, TypeError):
        return "what answers is no pixlean server"
