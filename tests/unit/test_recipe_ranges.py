"""A recipe takes no number that is none of its range, whoever writes it."""

from __future__ import annotations

import pytest

from pixlean.domain.edits import Edits, Resize
from pixlean.domain.recipe import Recipe


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("quality", (0, 101)), ("effort", (-1, 10)), ("min_score", (-0.1, 100.1)), ("max_reduction", (-1, 101)),
        ("target_bytes", (0, (1 << 40) + 1)),
    ],
)  # fmt: skip
def test_a_number_outside_of_its_range_makes_no_recipe(name: str, values: tuple[float, ...]) -> None:
    for value in values:
        with pytest.raises(ValueError, match=name):
            Recipe(**{name: value})  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=name):
        Recipe(**{name: True})  # type: ignore[arg-type]


def test_sides_have_a_range_too() -> None:
    with pytest.raises(ValueError, match="width must be from 1"):
        Recipe(edits=Edits(resize=Resize(width_px=0)))
    assert Recipe(edits=Edits(resize=Resize(height_px=1))).edits.resize == Resize(height_px=1)
