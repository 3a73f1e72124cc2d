"""All commands together, and what a wrong command line is told."""

from __future__ import annotations

import sys

from cyclopts import App, CycloptsError, Parameter

from pixlean.cli import (
    bulk,
    compare,
    completion,
    config,
    convert,
    doctor,
    estimate,
    health,
    info,
    keys,
    optimize,
    resize,
    score,
    serve,
    sign,
    srcset,
    usage,
    warm,
    webhooks,
    worker,
)
from pixlean.cli.helpformat import HelpFormat
from pixlean.cli.helptext import EPILOGUE, SUMMARY, with_examples
from pixlean.cli.options import STREAM
from pixlean.cli.say import Exit, complain, why
from pixlean.domain.version import VERSION

app = App(
    name="pixlean",
    help=SUMMARY,
    help_epilogue=EPILOGUE,
    version=VERSION,
    version_flags=["--version", "-V"],
    help_format="plaintext",
    help_formatter=HelpFormat(),
    # No --no-... for what is off anyhow.
    default_parameter=Parameter(negative=()),
)
for command in (
    optimize.optimize, convert.convert, resize.resize, srcset.srcset, bulk.batch, estimate.estimate, info.info,
    compare.compare, score.score, serve.serve, worker.worker, sign.sign, warm.warm, keys.keys, webhooks.webhooks,
    usage.usage, doctor.doctor, health.health, config.config, completion.completion_of(app),
):  # fmt: skip
    app.command(command)
with_examples(app)


def run(words: list[str]) -> None:
    """Do what the words say, and end with a code of ``Exit``."""
    try:
        app([STREAM if word == "-" else word for word in words], exit_on_error=False, print_error=False)
    except CycloptsError as error:
        chain = " ".join(error.command_chain or ())
        complain(_plain(error), hint=f"pixlean {chain + ' ' if chain else ''}--help")
        sys.exit(Exit.USAGE)
    except BrokenPipeError:
        # Who read our output has seen enough.
        sys.stderr.close()
        sys.exit(Exit.FAILED)
    except OSError as error:
        complain(why(error), about=error.filename)
        sys.exit(Exit.FAILED)


def _plain(error: CycloptsError) -> str:
    """The error as one sentence in lower case."""
    text = " ".join(str(error).split())
    return text[:1].lower() + text[1:].removesuffix(".")
