"""How an API tells of a job's end: handed up by the wiring, so that jobs know no dialect."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pixlean.domain.task import Job


def _unsigned(_secret: str, _body: bytes) -> Mapping[str, str]:
    return {}


@dataclass(frozen=True, kw_only=True)
class Words:
    """One API's webhooks: their body for a job that has ended, and headers that prove who sent it.

    ``sign`` takes the secret and the body; its headers go beside those of Standard Webhooks.
    """

    show_ended: Callable[[Job], Mapping[str, Any]]
    sign: Callable[[str, bytes], Mapping[str, str]] = _unsigned


def plain(job: Job) -> Mapping[str, Any]:
    """What is told of a job whose API is not there any more."""
    return {"id": job.id, "status": str(job.state)}
