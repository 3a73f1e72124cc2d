"""Every promise has a result that breaks it, and only it; what can't be told apart from it is named beside it."""

from __future__ import annotations

import io
from dataclasses import dataclass, replace

import numpy as np
import pytest
from PIL import Image

import pixlean
from pictures import exif, opened, photo, saved, wide_icc
from pixlean.domain.errors import PixleanError
from pixlean.domain.estimate import Forecast
from pixlean.domain.formats import Format
from pixlean.domain.recipe import Recipe
from pixlean.engine.claim import Claim
from pixlean.engine.eyes import seen_otherwise
from pixlean.engine.pick import Candidate
from pixlean.engine.plan import Plan
from pixlean.engine.probe import probe
from pixlean.engine.promises import NEW_PIXELS, OWN_FILE, Promise, broken_promise
from pixlean.engine.registry import codec_for
from pixlean.imaging.contract import Source, Trial
from pixlean.imaging.pixels import Array, Picture
from pixlean.imaging.worth import Loss

SQUARE = photo().resize((128, 128))
PLAIN = '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><rect width="5" height="5"/></svg>'


def trial(*, lossless: bool = False, floor: float | None = None) -> Trial:
    return Trial(
        method="made up", make=lambda source: b"", guess=lambda source: Forecast(size_bytes=0), lossless=lossless,
        loss=Loss(floor_score=floor),
    )  # fmt: skip


LOSSY, DEFAULTS = trial(), Recipe()


def noisy(image: Image.Image, sigma: float) -> Image.Image:
    noise = np.random.default_rng(3).normal(0, sigma, np.asarray(image).shape)
    return Image.fromarray(np.clip(np.asarray(image) + noise, 0, 255).astype(np.uint8))


def moving(kind: str, *, durations: int | list[int] = 80, loop: int = 0, frames: int = 4) -> bytes:
    shown = [SQUARE.rotate(11 * number).quantize(64) for number in range(frames)]
    out = io.BytesIO()
    shown[0].save(out, kind, save_all=True, append_images=shown[1:], duration=durations, loop=loop)
    return out.getvalue()


def deep(bits: int) -> bytes:
    pixels = np.linspace(0, 65535, 64 * 64).reshape(64, 64).astype(np.uint16)
    return saved(Image.fromarray(pixels if bits == 16 else (pixels >> 8).astype(np.uint8)), "PNG")


@dataclass(frozen=True, kw_only=True)
class Own:
    """A file, and what is said to be the same file made smaller."""

    before: bytes
    after: bytes
    trial: Trial = LOSSY
    recipe: Recipe = DEFAULTS
    also: frozenset[str] = frozenset()


OWN = {
    "never_larger": Own(
        before=saved(SQUARE, "PNG"), after=saved(SQUARE, "PNG", compress_level=0), trial=trial(lossless=True)
    ),
    "within_max_reduction": Own(
        before=saved(SQUARE, "PNG", compress_level=0), after=saved(SQUARE, "PNG"), trial=trial(lossless=True),
        recipe=Recipe(max_reduction=5.0),
    ),
    "same_format": Own(
        before=saved(SQUARE, "PNG"), after=saved(SQUARE, "WEBP", lossless=True), also=frozenset({"same_to_other_eyes"})
    ),
    "same_orientation": Own(
        before=saved(SQUARE, "JPEG", quality=95), after=saved(SQUARE, "JPEG", quality=80, exif=exif(3)),
        recipe=Recipe(strip_metadata=False),
    ),
    "same_size": Own(
        before=saved(SQUARE, "PNG"), after=saved(SQUARE.crop((0, 0, 128, 120)), "PNG"), also=frozenset({"same_to_other_eyes"})
    ),
    "same_frames": Own(
        before=moving("GIF"), after=moving("GIF", frames=3), also=frozenset({"same_durations", "same_to_other_eyes"})
    ),
    "same_durations": Own(before=moving("GIF"), after=moving("GIF", durations=[80, 80, 80, 90])),
    "same_plays": Own(before=moving("GIF", loop=3), after=moving("GIF", loop=2)),
    "private_is_gone": Own(before=saved(SQUARE, "JPEG", exif=exif(1)), after=saved(SQUARE, "JPEG", exif=exif(1))),
    "wanted_is_kept": Own(
        before=saved(SQUARE, "JPEG", exif=exif(1)), after=saved(SQUARE, "JPEG"), recipe=Recipe(strip_metadata=False)
    ),
    "same_profile": Own(before=saved(SQUARE, "JPEG", icc_profile=wide_icc()), after=saved(SQUARE, "JPEG")),
    "same_depth": Own(before=deep(16), after=deep(8)),
    "nothing_dangerous": Own(
        before=(PLAIN + " " * 99).encode(), after=PLAIN.replace("/></svg>", "/><script>x()</script></svg>").encode()
    ),
    "same_look": Own(before=saved(SQUARE, "PNG", compress_level=0), after=saved(noisy(SQUARE, 9), "PNG"), trial=trial(floor=60)),
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class New:
    """New pixels, and what is said to be their encoding."""

    after: bytes
    target: Format
    frames: tuple[Array, ...] = (np.asarray(SQUARE),)
    durations_ms: tuple[int, ...] = ()
    plays: int | None = None
    recipe: Recipe = DEFAULTS
    also: frozenset[str] = frozenset()


FRAMES = tuple(np.asarray(SQUARE.rotate(11 * number)) for number in range(4))
NEW = {
    "wanted_format": New(
        after=saved(SQUARE, "PNG"), target=Format.WEBP, also=frozenset({"wanted_to_other_eyes"})
    ),
    "wanted_size": New(
        after=saved(SQUARE.resize((128, 120)), "PNG"), target=Format.PNG, also=frozenset({"wanted_to_other_eyes"})
    ),
    "still_moves": New(after=saved(SQUARE, "WEBP"), target=Format.WEBP, frames=FRAMES),
    "same_time": New(after=moving("WEBP", durations=40), target=Format.WEBP, frames=FRAMES, durations_ms=(80,) * 4),
    "wanted_plays": New(after=moving("WEBP", loop=2), target=Format.WEBP, frames=FRAMES, plays=3),
    "private_is_gone": New(after=saved(SQUARE, "WEBP", exif=exif(1)), target=Format.WEBP),
    "wanted_depth": New(
        after=deep(8), target=Format.PNG, frames=(np.linspace(0, 65535, 4096).reshape(64, 64).astype(np.uint16),)
    ),
    "wanted_look": New(
        after=saved(Image.eval(SQUARE, lambda level: 255 - level), "PNG"), target=Format.PNG,
        also=frozenset({"wanted_to_other_eyes"}),
    ),
}  # fmt: skip


def broken(column: tuple[Promise, ...], claim: Claim) -> set[str]:
    found = set()
    for promise in column:
        try:
            said = promise(claim)
        except PixleanError as error:
            said = error.message
        if said is not None:
            found.add(promise.__name__)
    return found


def own_claim(case: Own) -> Claim:
    info = probe(case.before)
    source = Source(codec_for(info.format), case.before, info)
    candidate = Candidate(data=case.after, format=info.format, method="made up", trial=case.trial)
    return Claim(source, Plan(recipe=case.recipe), candidate, probe(case.after))


def new_claim(case: New) -> Claim:
    data = saved(SQUARE, "PNG")
    info = probe(data)
    picture = Picture(frames=case.frames, durations_ms=case.durations_ms, plays=case.plays)
    candidate = Candidate(data=case.after, format=case.target, method="made up", picture=picture, quality=80)
    return Claim(Source(codec_for(info.format), data, info), Plan(recipe=case.recipe), candidate, probe(case.after))


@pytest.mark.parametrize("name", OWN)
def test_a_file_made_smaller_can_break_each_promise_alone(name: str) -> None:
    claim = own_claim(OWN[name])
    assert broken(OWN_FILE, claim) == {name} | OWN[name].also
    said, _ = broken_promise(claim.source, claim.plan, claim.candidate)
    assert said


@pytest.mark.parametrize("name", NEW)
def test_new_pixels_can_break_each_promise_alone(name: str) -> None:
    claim = new_claim(NEW[name])
    assert broken(NEW_PIXELS, claim) == {name} | NEW[name].also
    said, _ = broken_promise(claim.source, claim.plan, claim.candidate)
    assert said


def test_a_dangerous_result_of_new_pixels_is_refused() -> None:
    claim = new_claim(New(after=saved(SQUARE, "PNG"), target=Format.PNG))
    poisoned = Claim(claim.source, claim.plan, claim.candidate, replace(claim.after, dangerous=True))
    assert broken(NEW_PIXELS, poisoned) == {"nothing_dangerous"}


def test_every_promise_is_provoked() -> None:
    assert {promise.__name__ for promise in OWN_FILE} == {*OWN, "same_to_other_eyes"}
    assert {promise.__name__ for promise in NEW_PIXELS} == {*NEW, "nothing_dangerous", "wanted_to_other_eyes"}


def negative_of(data: bytes) -> tuple[Array, ...]:
    """A reader that takes every file but the plain one for its negative."""
    shown = np.asarray(opened(data).convert("RGB"))
    return (shown if data == PLAIN_FILE else 255 - shown,)


PLAIN_FILE = saved(SQUARE, "PNG", compress_level=0)


def test_a_result_that_another_reader_takes_for_another_picture_is_refused() -> None:
    info = probe(PLAIN_FILE)
    source = Source(replace(codec_for(info.format), eyes=negative_of), PLAIN_FILE, info)
    candidate = Candidate(data=saved(SQUARE, "PNG"), format=info.format, method="made up", trial=trial(lossless=True))
    claim = Claim(source, Plan(recipe=Recipe()), candidate, probe(candidate.data))
    assert broken(OWN_FILE, claim) == {"same_to_other_eyes"}
    blind = Source(replace(source.codec, eyes=lambda data: None), PLAIN_FILE, info)
    assert broken(OWN_FILE, Claim(blind, claim.plan, candidate, claim.after)) == set()


def test_new_pixels_that_another_reader_sees_otherwise_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    from pixlean.codecs import webp

    claim = new_claim(New(after=saved(SQUARE, "WEBP", quality=80), target=Format.WEBP))
    monkeypatch.setattr(webp, "CODEC", replace(webp.CODEC, eyes=negative_of))
    assert broken(NEW_PIXELS, claim) == {"wanted_to_other_eyes"}
    monkeypatch.setattr(webp, "CODEC", replace(webp.CODEC, eyes=lambda data: None))
    assert broken(NEW_PIXELS, claim) == {"wanted_to_other_eyes"}


@pytest.mark.parametrize(
    ("claim", "column"),
    [
        (own_claim(Own(before=saved(SQUARE, "JPEG", quality=95), after=saved(SQUARE, "JPEG", quality=70))), OWN_FILE),
        (own_claim(Own(before=moving("GIF"), after=moving("GIF"), trial=trial(lossless=True))), OWN_FILE),
        (new_claim(New(after=saved(SQUARE, "WEBP", quality=60), target=Format.WEBP)), NEW_PIXELS),
        (
            new_claim(
                New(
                    after=moving("PNG"),
                    target=Format.PNG,
                    frames=FRAMES,
                    durations_ms=(80,) * 4,
                    plays=0,
                )
            ),
            NEW_PIXELS,
        ),
    ],
)
def test_what_is_right_breaks_none(claim: Claim, column: tuple[Promise, ...]) -> None:
    assert broken(column, claim) == set()
    assert broken_promise(claim.source, claim.plan, claim.candidate)[0] is None


def test_what_does_not_decode_is_said_so() -> None:
    case = Own(before=saved(SQUARE, "PNG", compress_level=0), after=saved(SQUARE, "PNG")[:3000], trial=trial(floor=50))
    info = probe(case.before)
    source = Source(codec_for(info.format), case.before, info)
    candidate = Candidate(data=case.after, format=info.format, method="made up", trial=case.trial)
    said, _ = broken_promise(source, Plan(recipe=Recipe()), candidate)
    assert said is not None and "does not decode" in said


@pytest.mark.parametrize("side_px", [255, 257, 317, 513, 1023, 1025])
def test_other_eyes_that_look_at_less_leave_jpegs_of_any_side_alone(side_px: int) -> None:
    """They decode to a half, a quarter or an eighth, and may leave out a last row and column that is not full."""
    source = saved(photo().resize((side_px, side_px + 3)), "PNG")
    assert pixlean.compress(source, format="jpeg").report.format is Format.JPEG


def patched(image: Image.Image, left: int, top: int, side_px: int) -> Image.Image:
    """The image with a square of its negative in it."""
    made = image.copy()
    box = (left, top, left + side_px, top + side_px)
    made.paste(Image.fromarray(255 - np.asarray(made.crop(box))), box)
    return made


@pytest.mark.parametrize("at", [(512, 512), (500, 500), (731, 290)])
def test_a_small_part_that_is_wrong_is_seen(at: tuple[int, int]) -> None:
    page = Image.new("RGB", (1024, 1024), (245, 245, 240))
    page.paste(photo(), (100, 100))
    case = Own(before=saved(page, "JPEG", quality=95), after=saved(patched(page, *at, 48), "JPEG", quality=60))
    assert broken(OWN_FILE, own_claim(case)) == {"same_to_other_eyes"}


def test_pixels_are_compared_where_no_other_reader_can() -> None:
    before, after = saved(SQUARE, "JPEG", quality=95), saved(SQUARE.rotate(180), "JPEG", quality=60)
    info = probe(before)
    source = Source(replace(codec_for(info.format), eyes=lambda data: None), before, info)
    candidate = Candidate(data=after, format=info.format, method="made up", trial=LOSSY)
    assert broken(OWN_FILE, Claim(source, Plan(recipe=Recipe()), candidate, probe(after))) == {"same_look"}


def test_a_frame_that_only_one_reader_counts_is_told() -> None:
    frame = np.zeros((64, 64, 3), np.uint8)
    assert seen_otherwise((frame, frame), (frame,)) is not None
    assert seen_otherwise((frame, frame), (frame, frame)) is None


def test_a_comparison_that_fails_costs_its_candidate_only() -> None:
    def failing(data: bytes) -> tuple[Array, ...]:
        raise ValueError("no such frame")

    info = probe(PLAIN_FILE)
    source = Source(replace(codec_for(info.format), eyes=failing), PLAIN_FILE, info)
    candidate = Candidate(data=saved(SQUARE, "PNG"), format=info.format, method="made up", trial=trial(lossless=True))
    said, _ = broken_promise(source, Plan(recipe=Recipe()), candidate)
    assert said is not None and "could not be compared" in said
