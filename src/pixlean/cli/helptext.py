"""The help, ready to be shown: made from the commands by ``scripts/document_commands.py``, as docs/cli.md is."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cyclopts import App

PAGE = Path(__file__).with_name("help.json")
SUMMARY = "Make pictures smaller and keep them looking the same."
EPILOGUE = "Exit codes: 0 all is well (also where nothing was to be saved), 1 some files failed, 2 wrong usage."
EXAMPLES: dict[str, tuple[str, ...]] = {
    "optimize": (
        "pixlean optimize photos/ -q 60 --out smaller/",
        "pixlean optimize photos/ --in-place --keep-dates --min-savings 5",
        "pixlean optimize photos/ --dry-run --exclude '*.gif'",
        "pixlean optimize photo.png --target-size 500KB --no-resize",
        "pixlean optimize - < photo.png > smaller.png",
    ),
    "convert": (
        "pixlean convert '*.png' --to avif --smart",
        "pixlean convert photos/ --to webp --out web/ --name '{stem}-{source_ext}.{ext}'",
    ),
    "resize": (
        "pixlean resize photos/ --width 1600 --format webp --out web/",
        "pixlean resize face.jpg --width 256 --height 256 --fit cover",
    ),
    "srcset": ("pixlean srcset photo.jpg --widths 400,800,1600 --formats avif,webp,jpeg --out web/",),
    "batch": (
        "pixlean batch s3://photos/originals s3://photos/web --format webp --width 1600 --resume",
        "pixlean batch /srv/pictures /srv/smaller --dry-run",
        "pixlean batch gs://photos gs://smaller --shard 2/4",
    ),
    "estimate": ("pixlean estimate photos/ -q 60", "pixlean estimate photo.png --json"),
    "info": ("pixlean info photo.jpg", "pixlean info *.png --json"),
    "compare": ("pixlean compare photo.jpg --min-score 85",),
    "score": ("pixlean score photo.png photo.webp",),
    "serve": ("pixlean serve --port 8080",),
    "worker": ("DATABASE_URL=postgresql+asyncpg://user@db/pixlean pixlean worker",),
    "sign": ("IMG_KEYS=... pixlean sign w=400,f=auto shop/shoes/red.jpg --base https://images.example.com",),
    "warm": ("pixlean warm urls.txt --accepts avif,webp", "pixlean sign thumb shop/a.jpg | pixlean warm -"),
    "keys create": ("pixlean keys create --name shop --plan free",),
    "keys list": ("pixlean keys list --json",),
    "keys revoke": ("pixlean keys revoke shop",),
    "keys rotate": ("pixlean keys rotate shop --json",),
    "webhooks list": ("pixlean webhooks list --failed",),
    "webhooks replay": ("pixlean webhooks replay 3f2c9a",),
    "usage": ("pixlean usage --month 2026-06",),
    "doctor": ("pixlean doctor",),
    "health": ("PORT=8080 pixlean health",),
    "config": ("pixlean config",),
    "completion": (
        "pixlean completion bash > ~/.local/share/bash-completion/completions/pixlean",
        "pixlean completion fish > ~/.config/fish/completions/pixlean.fish",
    ),
}


def help_of(words: list[str]) -> str | None:
    """The help of a command, ``[]`` being pixlean itself; ``None`` where there is none with this name."""
    try:
        texts = json.loads(PAGE.read_text("utf-8"))
    except (OSError, ValueError):
        return None
    text = texts.get(" ".join(words))
    return text if isinstance(text, str) else None


def with_examples(app: App) -> None:
    """Give every command its examples, at the end of its help."""
    for name, lines in EXAMPLES.items():
        command = app
        for word in name.split():
            command = command[word]
        command.help_epilogue = "Examples:\n" + "\n".join(f"  {line}" for line in lines)
