"""The command line: one file per command; imports happen inside the commands, so that ``--help`` is quick."""

from __future__ import annotations

from cyclopts import App

from pixlean.cli import compare, config, doctor, estimate, keys, optimize, score, serve, usage, webhooks, worker
from pixlean.domain.version import VERSION

app = App(name="pixlean", help="Make pictures smaller and keep them looking the same.", version=VERSION)
app.command(serve.serve)
app.command(optimize.optimize)
app.command(optimize.convert)
app.command(optimize.resize)
app.command(estimate.estimate)
app.command(compare.compare)
app.command(score.score)
app.command(worker.worker)
app.command(keys.keys)
app.command(webhooks.webhooks)
app.command(usage.usage)
app.command(doctor.doctor)
app.command(config.config)


def main() -> None:
    """The console script."""
    app()
