"""Those who watch requests end: counters for Prometheus, a line for the log, a trace for OpenTelemetry."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Protocol

import structlog
from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from pixlean.web.merge import merged
from pixlean.web.middleware import Finished

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)


@dataclass(frozen=True)
class Reading:
    """A value that others keep and that is read when somebody asks.

    ``of_all`` where it is that of all processes of the server already; others are added up.
    """

    name: str
    text: str
    read: Callable[[], float]
    grows: bool = field(default=False, kw_only=True)
    of_all: bool = field(default=False, kw_only=True)


class _Readings(Collector):
    def __init__(self, readings: Iterable[Reading]) -> None:
        self._readings = tuple(readings)

    def collect(self) -> Iterator[CounterMetricFamily | GaugeMetricFamily]:
        """All values, now."""
        for reading in self._readings:
            kind = CounterMetricFamily if reading.grows else GaugeMetricFamily
            yield kind(f"pixlean_{reading.name}", reading.text, value=reading.read())


class Peers(Protocol):
    """The other processes of this server."""

    async def others(self) -> tuple[bytes, ...]:
        """Their counters, in Prometheus' text format."""


class Metrics:
    """Counters of one process. Labels come from routes, formats and status codes: never from what a client sends."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._peers: Peers | None = None
        self._of_all: frozenset[str] = frozenset()
        self._requests = Counter(
            "pixlean_requests", "Requests by dialect, route and status.", ("dialect", "route", "status"),
            registry=self._registry,
        )  # fmt: skip
        self._by_plan = Counter(
            "pixlean_plan_requests", "Requests by dialect, plan and status.", ("dialect", "plan", "status"),
            registry=self._registry,
        )  # fmt: skip
        self._bytes_in = Counter("pixlean_bytes_in", "Bytes of request bodies.", ("dialect",), registry=self._registry)
        self._bytes_out = Counter("pixlean_bytes_out", "Bytes of results.", ("dialect",), registry=self._registry)
        self._seconds = Histogram(
            "pixlean_request_seconds", "Time of a request.", ("dialect", "route"), buckets=_SECONDS,
            registry=self._registry,
        )  # fmt: skip
        self._steps = Histogram(
            "pixlean_step_seconds", "Time of one step of the work on a picture.", ("step", "format"), buckets=_SECONDS,
            registry=self._registry,
        )  # fmt: skip

    def watch(self, readings: Iterable[Reading]) -> None:
        """Also show values that others keep."""
        readings = tuple(readings)
        self._of_all = frozenset(f"pixlean_{reading.name}" for reading in readings if reading.of_all)
        self._registry.register(_Readings(readings))

    def join(self, peers: Peers) -> None:
        """Also show what the other processes of this server counted."""
        self._peers = peers

    def __call__(self, finished: Finished) -> None:
        """Count one request."""
        account = finished.account
        dialect, route = account.dialect or "none", account.route or "other"
        self._requests.labels(dialect, route, str(finished.status)).inc()
        if account.tier:
            self._by_plan.labels(dialect, account.tier, str(finished.status)).inc()
        self._bytes_in.labels(dialect).inc(finished.bytes_in)
        self._bytes_out.labels(dialect).inc(account.bytes_out)
        self._seconds.labels(dialect, route).observe(finished.seconds)
        for step, seconds in account.seconds.items():
            self._steps.labels(step, account.format or "none").observe(seconds)

    def text(self) -> bytes:
        """What this process counted, in Prometheus' text format."""
        return generate_latest(self._registry)

    async def text_of_all(self) -> bytes:
        """What all processes of the server counted."""
        if self._peers is None:
            return self.text()
        others = await self._peers.others()
        return merged(self.text(), others, self._of_all)


def start_logging(level: str) -> None:
    """Structured lines on stderr: JSON where nobody looks, coloured text on a terminal."""
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt="iso"),
    ]
    terminal = sys.stderr.isatty()
    last: list[Any] = (
        [structlog.dev.ConsoleRenderer()]
        if terminal
        else [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
    )
    handler = logging.StreamHandler()
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared, processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last]
        )
    )
    # A start that fails comes as a traceback in a message of uvicorn's; what happened is in its last line.
    logging.getLogger("uvicorn.error").addFilter(_without_traceback)
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level)
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )


def _without_traceback(record: logging.LogRecord) -> bool:
    if isinstance(record.msg, str) and record.msg.startswith("Traceback "):
        record.msg, record.args = f"the server can't start: {record.msg.strip().splitlines()[-1]}", ()
    return True


def log_request(finished: Finished) -> None:
    """One line a request: at INFO, server errors at ERROR. No query, no key, no address."""
    account = finished.account
    level = logging.ERROR if finished.status >= 500 and finished.status != 503 else logging.INFO
    logger = logging.getLogger("pixlean.access")
    if not logger.isEnabledFor(level):
        return
    facts = {
        "request_id": finished.request_id, "verb": finished.verb, "path": (account.path or finished.path)[:200],
        "status": finished.status, "milliseconds": round(1000 * finished.seconds, 1), "bytes_in": finished.bytes_in,
        "bytes_out": account.bytes_out, "dialect": account.dialect, "format": account.format,
        "method": account.method, "error": account.error,
    }  # fmt: skip
    logger.log(level, "request", extra={name: value for name, value in facts.items() if value not in ("", 0)})
