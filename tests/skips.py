"""A pytest plugin: where every program and service is there (``.ci/run``), a skipped test is a fault, not a shrug.

``PIXLEAN_TESTS_MUST_NOT_SKIP=1`` makes a session fail in which a test was skipped; each is told with its reason (``-rs``).
"""

from __future__ import annotations

import os

import pytest


def _skipped(config: pytest.Config) -> int:
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    return len(reporter.stats.get("skipped", ())) if reporter is not None else 0


def _must_not_skip() -> bool:
    return os.environ.get("PIXLEAN_TESTS_MUST_NOT_SKIP", "") not in ("", "0")


def pytest_sessionfinish(session: pytest.Session) -> None:
    if _must_not_skip() and _skipped(session.config) and session.exitstatus in (pytest.ExitCode.OK, 5):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    if _must_not_skip() and (count := _skipped(config)):
        terminalreporter.line(f"PIXLEAN_TESTS_MUST_NOT_SKIP is set and {count} tests were skipped", red=True)
