"""A web server that the tests fetch pictures from: paths with their bytes, ranges, and a count of what it sent."""

from __future__ import annotations

import http.server
import re
import threading
from collections.abc import Mapping
from types import MappingProxyType


class Origin:
    """Serves ``files``; ``ranges`` False ignores Range headers. ``sent`` counts body bytes by path, ``asked`` requests.

    ``headers`` go along with every file; ``moved`` are paths that redirect, with where they lead.
    """

    def __init__(
        self,
        files: dict[str, bytes],
        *,
        ranges: bool = True,
        headers: Mapping[str, str] = MappingProxyType({}),
        moved: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        self.sent: dict[str, int] = {}
        self.asked: list[str] = []
        origin = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                origin.asked.append(self.path)
                if self.path in moved:
                    self.send_response(302)
                    self.send_header("Location", moved[self.path])
                    self.send_header("Content-Length", "0")
                    self.end_headers()
                    return
                body = files.get(self.path)
                if body is None:
                    self.send_error(404)
                    return
                wanted = re.fullmatch(r"bytes=0-(\d+)", self.headers.get("Range", ""))
                part = body[: int(wanted[1]) + 1] if wanted and ranges else body
                self.send_response(206 if wanted and ranges else 200)
                if wanted and ranges:
                    self.send_header("Content-Range", f"bytes 0-{len(part) - 1}/{len(body)}")
                self.send_header("Content-Length", str(len(part)))
                for name, value in headers.items():
                    self.send_header(name, value)
                self.end_headers()
                try:
                    for at in range(0, len(part), 1 << 16):
                        self.wfile.write(part[at : at + (1 << 16)])
                        origin.sent[self.path] = origin.sent.get(self.path, 0) + len(part[at : at + (1 << 16)])
                except OSError:
                    pass

            def log_message(self, *arguments: object) -> None:
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def stop(self) -> None:
        self._server.shutdown()

    close = stop
