"""The filter of system calls must not change a picture: in the cage every codec gives what it gives outside."""

from __future__ import annotations

import asyncio

import pixlean
from pictures import animated, dng, every_format, photo, saved, sgi
from pixlean.domain.edits import Edits, Resize
from pixlean.domain.formats import FORMATS
from pixlean.domain.limits import Limits
from pixlean.domain.memory import MemoryFile
from pixlean.domain.recipe import Recipe
from pixlean.engine.compress import compress
from pixlean.sandbox.pool import Pool
from pixlean.sandbox.settings import Settings

OUTPUTS = [name for name, row in FORMATS.items() if row.output]


def orders() -> dict[str, tuple[bytes, Recipe]]:
    """What is done to which file: each format alone, resized, and a photograph written as each output."""
    pictures = every_format()
    plain = {name: (data, Recipe(quality=60)) for name, data in pictures.items()}
    small = {
        f"{name}, resized": (data, Recipe(quality=60, edits=Edits(resize=Resize(width_px=32))))
        for name, data in {**pictures, "sgi": sgi(), "raw": dng()}.items()
    }
    written = {f"{name} from png": (pictures["png"], Recipe(quality=60, outputs=(name,))) for name in OUTPUTS}
    scored = {"scored": (pictures["jpeg"], Recipe(min_score=70.0))}
    return {**plain, **small, **written, **scored}


def outside(data: bytes, recipe: Recipe) -> bytes | str:
    try:
        return compress(data, recipe, Limits()).data
    except pixlean.PixleanError as error:
        return str(error.code)


def test_every_codec_gives_inside_what_it_gives_outside() -> None:
    async def run() -> dict[str, tuple[bytes | str, tuple[str, ...]]]:
        pool = Pool(Settings(slots=1))
        await pool.start()
        results: dict[str, tuple[bytes | str, tuple[str, ...]]] = {}
        try:
            for name, (data, recipe) in orders().items():
                with MemoryFile("test") as file:
                    file.write_all(data)
                    try:
                        outcome = await pool.compress(file, recipe, Limits())
                        results[name] = outcome.data, tuple(each.dropped or "" for each in outcome.attempts)
                    except pixlean.PixleanError as error:
                        results[name] = str(error.code), (error.message,)
        finally:
            await pool.stop()
        return results

    inside = asyncio.run(run())
    wrong = {
        name: inside[name][1] if isinstance(inside[name][0], str) else "other bytes"
        for name, (data, recipe) in orders().items()
        if inside[name][0] != outside(data, recipe)
    }
    assert not wrong


def test_what_forks_outside_is_run_by_the_broker_inside() -> None:
    """A JPEG that is as small as jpegli makes it is transcoded, a GIF goes to gifsicle: neither may fail in the cage."""
    jpeg = saved(photo(), "JPEG", quality=40)

    async def run() -> list[str]:
        pool = Pool(Settings(slots=1))
        await pool.start()
        methods = []
        try:
            for data in (jpeg, animated("GIF")):
                with MemoryFile("test") as file:
                    file.write_all(data)
                    outcome = await pool.compress(file, Recipe(quality=95), Limits())
                    methods.append(outcome.method)
                    assert not [each.dropped for each in outcome.attempts if "tool" in (each.dropped or "")]
        finally:
            await pool.stop()
        return methods

    assert asyncio.run(run())[0] == "jpegli-transcode"
