"""How an API tells of a job's end: handed up by the wiring, so that jobs know no dialect."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from pixlean.domain.task import Job

# The body of a webhook for a job that has ended.
Words = Callable[[Job], Mapping[str, Any]]
