"""A receiver of webhooks."""

from benchmarks.receiver import Delivery, Receiver

__all__ = ["Delivery", "Receiver"]
