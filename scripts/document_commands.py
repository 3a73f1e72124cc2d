"""Write docs/cli.md and the ready help texts out of the commands: ``python scripts/document_commands.py``."""

from __future__ import annotations

import io
import json
from pathlib import Path

from cyclopts import App
from rich.console import Console

from pixlean.cli.app import app
from pixlean.cli.helptext import PAGE as HELP

PAGE = Path(__file__).parents[1] / "docs" / "cli.md"
WIDTH = 100


def commands() -> dict[str, App]:
    """Every command by the words that call it; the empty text is pixlean itself."""
    found: dict[str, App] = {"": app}

    def add(parent: App, words: str) -> None:
        for name in parent:
            if name.startswith("-"):
                continue
            command = parent[name]
            found[f"{words} {name}".strip()] = command
            add(command, f"{words} {name}".strip())

    add(app, "")
    return found


def texts() -> dict[str, str]:
    """The help of every command, as a terminal of 100 columns shows it."""
    shown = {}
    for words in commands():
        out = io.StringIO()
        console = Console(file=out, width=WIDTH, color_system=None, force_terminal=False, highlight=False)
        app.help_print(words.split(), console=console)
        lines = (line.rstrip() for line in out.getvalue().splitlines())
        shown[words] = "\n".join(lines).strip() + "\n"
    return shown


def help_page() -> str:
    return json.dumps(texts(), indent=1, ensure_ascii=False) + "\n"


def page() -> str:
    parts = [_HEAD]
    for words, text in texts().items():
        parts.append(f"## `{('pixlean ' + words).strip()}`\n\n```text\n{text}```\n")
    return "\n".join(parts)


_HEAD = """# The command line

Made by `python scripts/document_commands.py` from `src/pixlean/cli/`; a test compares the two. To change what stands above the commands, change the script.

## Exit codes

| code | meaning |
|---:|---|
| 0 | all is well; also where nothing was to be saved, and where files were skipped for a reason that is said |
| 1 | some files failed, or a part is missing (`doctor`); what failed is on stderr, everything else is done |
| 2 | wrong usage, wrong settings, or results that would cost a file: nothing was done |
| 130 | interrupted by Ctrl-C; what is done stays, `--resume` goes on |

## What is printed

Errors are `error: PATH: why` on stderr, with `hint: ...` below where there is something to do. On a terminal results are a table and a bar shows the file in hand, the bytes saved so far and the time left. In a pipe
each file is one whole line as soon as it is done, and no name is ever cut. `--ndjson` is the same for programs, `--json` one object at the end, `--quiet` nothing but errors.

## No file is lost

The names of all results are decided before any work. A run stops with exit code 2, and lists every pair, where

| | until one of these says what is wanted |
|---|---|
| two originals would get one result (`a.png` and `a.jpg` to `a.webp`) | `--name '{parent}-{stem}-{source_ext}.{ext}'`, `--out`; `--overwrite never` (the first stays), `smaller`, `always` (the last stays) |
| two results differ only in case or in how accents are coded, in a folder that has not shown it can tell them apart | `--name`, `--out`, `--overwrite never` |
| a result would take the name of a file that was not made from the same original | `--name`, `--out`, `--overwrite never`, `smaller` or `always` |
| a result would take the name of an original, its own without `--in-place` or another's | `--name`, `--out`, `--overwrite never` |
| a result would take the name of a folder, or lie in something that is none | `--name`, `--out`, `--overwrite never` |

A result of an earlier run that nobody has changed since may be written again; pixlean remembers them in `PIXLEAN_DATA_DIR`, else in `~/.local/state/pixlean`.
With `--format auto` every name that a result may get is looked at. Without `--format` a result has its original's name, even where that name is wrong about the format.

- A result is written without a name, flushed to the disk, and then gets its name at once, which fails where the name is taken by then. An original is replaced only if it still is what was read.
  A crash, a full disk or a lost race leaves originals and whole results.
- Permissions and, where possible, the owner of the original are the result's; dates with `--keep-dates`. Write-protected originals are not replaced.
- A link that is named is followed, and stays a link with `--in-place`. A link in a folder is followed for `--out`, skipped (and named) for `--in-place`; links to folders are skipped. No file is worked on twice.
- `NAME.min.EXT` beside `NAME.*` is a result and no original; so is everything in the `--out` folder.

## Never twice

`--done-list FILE` keeps the digests of what is done with the pictures, so that a commit hook, a build and a colleague leave done pictures alone. `.pre-commit-hooks.yaml` and `action.yml` use it: `docs/ci.md`.
"""


if __name__ == "__main__":
    HELP.write_text(help_page(), "utf-8")
    PAGE.write_text(page(), "utf-8")
