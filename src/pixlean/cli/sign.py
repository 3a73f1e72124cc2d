"""``pixlean sign``."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import quote

from cyclopts import Parameter

from pixlean.cli.say import fail


def sign(
    options: str,
    sources: Annotated[tuple[str, ...], Parameter(negative=())] = (),
    /,
    *,
    base: Annotated[str, Parameter(name="--base")] = "",
    info: Annotated[bool, Parameter(name="--info", negative=())] = False,
) -> None:
    """Print the signed URL of pictures: with the first of IMG_KEYS, for GET /img, or GET /info.

    Parameters
    ----------
    options
        What is wanted, such as w=400,h=300,fit=cover,f=auto, and names of IMG_PRESETS; - for nothing.
    sources
        Pictures, each as the name of one of IMG_SOURCES and a path below it, such as shop/shoes/red.jpg.
    base
        What URLs begin with, such as https://images.example.com. Default: PUBLIC_URL, or nothing.
    info
        URLs that tell what pictures are. They take no options: every argument is a picture.
    """
    from pixlean.access import settings as access
    from pixlean.config import SettingsError, read
    from pixlean.service import settings as service
    from pixlean.web import settings as web

    try:
        environment = read((access.Settings, service.Settings, web.Settings)).environment
    except SettingsError as error:
        fail(str(error), hint="docs/settings.md has them all")
    signatures = environment.of(access.Settings).picture_signatures
    if signatures is None:
        fail("IMG_KEYS is not set", hint="docs/img.md tells how URLs are signed")
    known = {shelf.name for shelf in environment.of(service.Settings).picture_shelves}
    start = (base or environment.of(web.Settings).public_url).rstrip("/")
    named = (options, *sources) if info else sources
    if not named:
        fail("no picture is named", hint="pixlean sign --help")
    for source in named:
        name, slash, path = source.strip("/").partition("/")
        if not slash or (known and name not in known):
            fail(f"{source!r} names no source and path", hint=f"sources: {', '.join(sorted(known)) or 'IMG_SOURCES'}")
        place = f"{name}/{quote(path, safe='/')}"
        if info:
            print(f"{start}/info/{signatures.sign(f'/info/{place}')}/{place}")
            continue
        below = f"/{quote(options, safe='=,')}/{place}"
        print(f"{start}/img/{signatures.sign(below)}{below}")
