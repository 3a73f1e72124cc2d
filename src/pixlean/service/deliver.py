"""Put a result where the caller wants it."""

from __future__ import annotations

import time
from dataclasses import replace

from pixlean.domain.delivery import Delivered, Delivery
from pixlean.domain.formats import FORMATS
from pixlean.service.compress import Compressed
from pixlean.storage.objects import ObjectStores


class Deliver:
    """The use case; built once by the wiring."""

    def __init__(self, stores: ObjectStores) -> None:
        self._stores = stores

    def check(self, delivery: Delivery) -> None:
        """Refuse a delivery before any work is done for it. Raises ``AccessDenied`` and ``InvalidRequest``."""
        self._stores.check(delivery)

    async def __call__(self, done: Compressed, delivery: Delivery) -> tuple[Compressed, Delivered]:
        """Write a result; its seconds then have the ``store`` too. Raises ``DeliveryFailed``."""
        started = time.perf_counter()
        delivered = await self._stores.put(done.work.data, FORMATS[done.work.format].media_type, delivery)
        return replace(done, seconds={**done.seconds, "store": time.perf_counter() - started}), delivered
