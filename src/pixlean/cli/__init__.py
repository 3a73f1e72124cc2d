"""The command line: one file per command; imports happen inside the commands, so that they start quickly."""

from __future__ import annotations

import sys


def main() -> None:
    """The console script.

    ``--version`` and ``--help`` are answered before the machinery of the options is loaded, which takes longer than
    they may.
    """
    words = sys.argv[1:]
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            # The name of a file may be any bytes; they come out as they went in.
            stream.reconfigure(errors="surrogateescape")
    if words in (["--version"], ["-V"]):
        from pixlean.domain.version import VERSION

        print(VERSION)
        return
    if not words or words[-1] in ("--help", "-h"):
        from pixlean.cli.helptext import help_of

        text = help_of(words[:-1])
        if text is not None:
            print(text, end="")
            return
    from pixlean.cli.app import run

    run(words)
