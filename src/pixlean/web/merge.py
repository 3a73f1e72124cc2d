"""Counters of several processes as those of one server."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from prometheus_client import CollectorRegistry, Metric, generate_latest
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector

# A moment, in a series of its own: the first counts, and two make no later one.
_MOMENT = "_created"
_GROWING = ("counter", "histogram")


class _Sum(Collector):
    """Families by name, whose samples are added up where name and labels are the same."""

    def __init__(self) -> None:
        self._families: dict[str, Metric] = {}
        self._values: dict[str, dict[tuple[str, tuple[tuple[str, str], ...]], float]] = {}

    def add(self, text: bytes, *, but: frozenset[str] = frozenset(), growing: bool = False) -> None:
        """Add a process's counters: all ``but`` some, or only those that grow."""
        for family in text_string_to_metric_families(text.decode()):
            is_moment = family.name.endswith(_MOMENT)
            if family.name in but or (growing and family.type not in _GROWING and not is_moment):
                continue
            self._families.setdefault(family.name, family)
            values = self._values.setdefault(family.name, {})
            for sample in family.samples:
                key = (sample.name, tuple(sorted(sample.labels.items())))
                if is_moment:
                    values[key] = min(sample.value, values.get(key, sample.value))
                else:
                    values[key] = values.get(key, 0.0) + sample.value

    def collect(self) -> Iterator[Metric]:
        """The sums."""
        for name, family in self._families.items():
            summed = Metric(name, family.documentation, family.type)
            for (sample_name, labels), value in self._values[name].items():
                summed.add_sample(sample_name, dict(labels), value)
            yield summed

    def text(self) -> bytes:
        """The sums in Prometheus' text format."""
        registry = CollectorRegistry(auto_describe=False)
        registry.register(self)
        return generate_latest(registry)


def merged(own: bytes, others: Iterable[bytes], of_all: frozenset[str]) -> bytes:
    """One process's counters with those of the others; what is ``of_all`` anyway is not added up."""
    together = _Sum()
    together.add(own)
    for text in others:
        together.add(text, but=of_all)
    return together.text()


def grown(texts: Iterable[bytes]) -> bytes:
    """What stays true of processes that are gone: what they counted, not how they stood."""
    together = _Sum()
    for text in texts:
        together.add(text, growing=True)
    return together.text()
