"""What the operator decides of the work: how large pictures may be, how many wait, how webhooks are repeated."""

from __future__ import annotations

from dataclasses import dataclass

from pixlean.domain.limits import Limits
from pixlean.domain.settings import pauses, secret, setting, whole
from pixlean.service import gate, notify, submit

_WEEK_SECONDS = 7 * 86_400


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The bounds of the work."""

    max_pixels: int = setting(
        "MAX_IMAGE_PIXELS", "100000000", whole(1), "decoded pixels of a picture, all its frames together"
    )
    max_queue_depth: int = setting(
        "MAX_QUEUE_DEPTH", "0", whole(0, 100_000), "requests that may wait; 0 is twice the slots"
    )
    max_jobs: int = setting("MAX_JOBS", "10000", whole(1), "jobs that may wait; more are refused with 503")
    webhook_secret: str = setting(
        "WEBHOOK_SECRET", "", secret(), "signs webhooks of keys without a secret of their own"
    )
    webhook_pauses_seconds: tuple[float, ...] = setting(
        "WEBHOOK_BACKOFF_SECONDS", ", ".join(f"{seconds:.0f}" for seconds in notify.BACKOFF_SECONDS),
        pauses(_WEEK_SECONDS), "pauses between the tries of a webhook",
    )  # fmt: skip

    def limits(self) -> Limits:
        """What one picture may take."""
        return Limits.of_pixels(self.max_pixels)

    def gate(self, slots: int) -> gate.Settings:
        """How many requests may be inside where ``slots`` encode at a time."""
        return gate.Settings(slots=slots, depth=self.max_queue_depth or 2 * slots)

    def submit(self, slots: int) -> submit.Settings:
        """How many jobs are taken."""
        return submit.Settings(slots=slots, most_waiting=self.max_jobs)

    def notify(self) -> notify.Settings:
        """How webhooks are signed and repeated."""
        return notify.Settings(secret=self.webhook_secret, backoff_seconds=self.webhook_pauses_seconds)
