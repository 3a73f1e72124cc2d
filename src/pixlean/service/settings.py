"""What the operator decides of the work: how large pictures may be, how many wait, how webhooks are repeated."""

from __future__ import annotations

from dataclasses import dataclass

from pixlean.domain import lifetime
from pixlean.domain.lifetime import Lifetime
from pixlean.domain.limits import Limits
from pixlean.domain.place import Shelf, shelves
from pixlean.domain.settings import Kind, number, pauses, secret, setting, whole
from pixlean.service import gate, notify, pictures, submit

_WEEK_SECONDS = 7 * 86_400
_USUAL_LIFETIME = Lifetime(seconds=86_400, stale_seconds=_WEEK_SECONDS)


def _lifetime(given: str) -> Lifetime | None:
    if not given:
        return None
    found = lifetime.read(given)
    if found is None:
        raise ValueError("a Cache-Control with max-age, or no-store")
    return found


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

    picture_shelves: tuple[Shelf, ...] = setting(
        "IMG_SOURCES", "", Kind(read=shelves),
        "where pictures by URL may come from, as name=where, comma-separated: https://host/path, s3://bucket/prefix, "
        "gs://bucket/prefix or file:/folder; empty: off",
    )  # fmt: skip
    picture_lifetime: Lifetime | None = setting(
        "IMG_CACHE_CONTROL", "", Kind(read=_lifetime),
        "Cache-Control of pictures by URL, such as public, max-age=86400; empty is what their origin says, and a day "
        "where it says nothing",
    )  # fmt: skip
    picture_seconds: float = setting(
        "IMG_TIMEOUT", "20", number(most=600), "seconds that one picture by URL may take; then its original goes out"
    )

    def limits(self) -> Limits:
        """What one picture may take."""
        return Limits.of_pixels(self.max_pixels)

    def gate(self, slots: int) -> gate.Settings:
        """How many requests may be inside where ``slots`` encode at a time."""
        return gate.Settings(slots=slots, depth=self.max_queue_depth or 2 * slots)

    def submit(self, slots: int) -> submit.Settings:
        """How many jobs are taken."""
        return submit.Settings(slots=slots, most_waiting=self.max_jobs)

    def pictures(self) -> pictures.Settings:
        """Where pictures by URL come from, and how long they live."""
        return pictures.Settings(
            shelves=self.picture_shelves,
            lifetime=self.picture_lifetime,
            usual=_USUAL_LIFETIME,
            seconds=self.picture_seconds,
        )

    def notify(self) -> notify.Settings:
        """How webhooks are signed and repeated."""
        return notify.Settings(secret=self.webhook_secret, backoff_seconds=self.webhook_pauses_seconds)
