"""Runs the migrations on the connection that ``database.py`` hands over, inside its transaction."""

from __future__ import annotations

from alembic import context

from pixlean.state.schema import METADATA

context.configure(
    connection=context.config.attributes["connection"], target_metadata=METADATA, transactional_ddl=True,
    render_as_batch=True,
)  # fmt: skip
context.run_migrations()
