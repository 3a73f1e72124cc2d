"""Two pictures a format: bytes against score, and bytes at a score against CPU."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

WIDTH_PX, HEIGHT_PX = 640, 400
_LEFT, _RIGHT, _TOP, _BOTTOM = 60, 200, 30, 50
# Told apart by people who see few colours (Okabe and Ito, "Color Universal Design").
_COLOURS = ("#000000", "#e69f00", "#56b4e9", "#009e73", "#cc79a7", "#0072b2", "#d55e00", "#999999")


@dataclass(frozen=True, kw_only=True)
class Line:
    """A name and its points; one point is a dot."""

    name: str
    points: Sequence[tuple[float, float]]


def draw(title: str, across: str, up: str, lines: Sequence[Line], *, logarithmic: bool = False) -> str:
    """An SVG of the lines, its axes named; ``logarithmic`` is the axis across."""
    xs = [_x(x, logarithmic) for line in lines for x, _ in line.points]
    ys = [y for line in lines for _, y in line.points]
    if not xs:
        raise ValueError(f"there is nothing to draw of {title}")
    west, east, south, north = (*_ends(xs), *_ends(ys))

    def place(x: float, y: float) -> tuple[float, float]:
        return (
            _LEFT + (_x(x, logarithmic) - west) / (east - west) * (WIDTH_PX - _LEFT - _RIGHT),
            HEIGHT_PX - _BOTTOM - (y - south) / (north - south) * (HEIGHT_PX - _TOP - _BOTTOM),
        )

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH_PX} {HEIGHT_PX}" font-family="sans-serif" font-size="11">',
        f'<rect width="{WIDTH_PX}" height="{HEIGHT_PX}" fill="#fff"/>',
        f'<text x="{_LEFT}" y="18" font-size="13">{escape(title)}</text>',
    ]
    for step in range(5):
        x = west + step / 4 * (east - west)
        y = south + step / 4 * (north - south)
        right, down = place(math.exp(x) if logarithmic else x, y)
        parts += [
            f'<path d="M{_LEFT} {down:.1f}H{WIDTH_PX - _RIGHT}M{right:.1f} {_TOP}V{HEIGHT_PX - _BOTTOM}" stroke="#ddd"/>',
            f'<text x="{_LEFT - 6}" y="{down + 4:.1f}" text-anchor="end">{y:.3g}</text>',
            f'<text x="{right:.1f}" y="{HEIGHT_PX - _BOTTOM + 16}" text-anchor="middle">{math.exp(x) if logarithmic else x:.3g}</text>',
        ]
    parts += [
        f'<text x="{(_LEFT + WIDTH_PX - _RIGHT) / 2}" y="{HEIGHT_PX - 12}" text-anchor="middle">{escape(across)}</text>',
        f'<text transform="translate(14 {HEIGHT_PX / 2}) rotate(-90)" text-anchor="middle">{escape(up)}</text>',
    ]
    for number, line in enumerate(lines):
        colour = _COLOURS[number % len(_COLOURS)]
        placed = [place(*point) for point in line.points]
        if len(placed) > 1:
            way = "L".join(f"{x:.1f} {y:.1f}" for x, y in placed)
            parts.append(f'<path d="M{way}" fill="none" stroke="{colour}" stroke-width="2"/>')
        parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.5" fill="{colour}"/>' for x, y in placed]
        down = _TOP + 10 + 18 * number
        parts += [
            f'<circle cx="{WIDTH_PX - _RIGHT + 14}" cy="{down - 4}" r="4" fill="{colour}"/>',
            f'<text x="{WIDTH_PX - _RIGHT + 24}" y="{down}">{escape(line.name)}</text>',
        ]
    return "\n".join((*parts, "</svg>", ""))


def _x(value: float, logarithmic: bool) -> float:
    return math.log(value) if logarithmic else value


def _ends(values: Sequence[float]) -> tuple[float, float]:
    """The range of an axis, with a little room on both sides."""
    least, most = min(values), max(values)
    room = (most - least) * 0.05 or 1.0
    return least - room, most + room
