"""Questions to pixels give what NumPy's own, slower answers give."""

from __future__ import annotations

import numpy as np
import pytest

from pixlean.imaging.pixels import distinct, words_of


@pytest.mark.parametrize("kind", [np.uint8, np.uint16, np.bool_])
@pytest.mark.parametrize("channels", [None, 1, 2, 3, 4])
def test_colours_are_counted_as_numpy_counts_rows(kind: type, channels: int | None) -> None:
    random = np.random.default_rng(7)
    shape = (40, 50) if channels is None else (40, 50, channels)
    frame = random.integers(0, 2 if kind is np.bool_ else 6, shape).astype(kind)
    if kind is np.uint16:
        frame = frame * np.uint16(13_000)  # colours that 8 bits would not tell apart come later
        frame.flat[0] += 1
    rows = frame.reshape(-1, 1 if channels is None else channels)
    assert distinct(words_of(frame)) == len(np.unique(rows, axis=0))


def test_floats_are_counted_as_they_are_shown() -> None:
    assert distinct(words_of(np.linspace(0, 1, 100, dtype=np.float32).reshape(10, 10))) > 90


def test_nothing_has_no_colours() -> None:
    assert distinct(np.zeros(0, np.uint64)) == 0
