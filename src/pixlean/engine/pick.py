"""The whole policy of choice: one sort key; the original is a candidate, so nothing grows."""

from __future__ import annotations

from pixlean.domain.outcome import Candidate


def order(candidate: Candidate) -> tuple[bool, int, int]:
    """A broken promise loses to everything, then the smaller wins, then the earlier in the plan."""
    return (not candidate.keeps_promises, len(candidate.data), candidate.rank)


def by_preference(candidates: list[Candidate]) -> list[Candidate]:
    """The candidates, best first."""
    return sorted(candidates, key=order)
