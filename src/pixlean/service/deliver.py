"""Put a result where the caller wants it."""

from __future__ import annotations

import time
from dataclasses import replace

from pixlean.domain.caller import Caller
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

    def placed(self, delivery: Delivery, caller: Caller) -> Delivery:
        """The delivery below its caller's own folder, where that is wanted and the buckets are this server's."""
        if delivery.credentials is not None or not self._stores.settings.prefix_by_key:
            return delivery
        return replace(delivery, path=f"{caller.key_id}/{delivery.path}")

    async def __call__(self, compressed: Compressed, delivery: Delivery) -> tuple[Compressed, Delivered]:
        """Write a result; its seconds then have the ``store`` too. Raises ``DeliveryFailed``."""
        started = time.perf_counter()
        outcome = compressed.outcome
        delivered = await self._stores.put(outcome.data, FORMATS[outcome.format].media_type, delivery)
        seconds = {**compressed.seconds, "store": time.perf_counter() - started}
        return replace(compressed, seconds=seconds), delivered
