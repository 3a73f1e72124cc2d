"""The tables, as they are after the last migration; times are seconds since 1970."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Float, Index, Integer, MetaData, String, Table, Text

METADATA = MetaData()

KEYS = Table(
    "keys",
    METADATA,
    Column("id", String(40), primary_key=True),
    Column("name", String(200), nullable=False),
    Column("plan", String(20), nullable=False),
    # Only the digest of the secret is kept, and enough of its head to tell one key from another.
    Column("secret_sha256", String(64), nullable=False, unique=True),
    Column("hint", String(20), nullable=False),
    Column("created_at", Float, nullable=False),
    Column("last_used_at", Float),
    Column("revoked_at", Float),
    # In clear: it signs, so it must be known.
    Column("webhook_secret", String(200)),
)

USAGE = Table(
    "usage",
    METADATA,
    Column("key_id", String(40), primary_key=True),
    Column("meter", String(20), primary_key=True),
    Column("month", String(7), primary_key=True),
    Column("used", BigInteger, nullable=False),
)

DEBITS = Table(
    "debits",
    METADATA,
    Column("id", String(36), primary_key=True),
    Column("request_id", String(36), nullable=False),
    Column("key_id", String(40), nullable=False),
    Column("meter", String(20), nullable=False),
    Column("month", String(7), nullable=False),
    Column("amount", Integer, nullable=False),
    Column("created_at", Float, nullable=False),
    # Until when the work may take; NULL once it was done. What is not done by then is refunded.
    Column("held_until", Float),
    Index("debits_held_until", "held_until"),
    Index("debits_created_at", "created_at"),
)

JOBS = Table(
    "jobs",
    METADATA,
    Column("id", String(64), primary_key=True),
    Column("kind", String(20), nullable=False),
    Column("api", String(20), nullable=False),
    Column("key_id", String(40), nullable=False),
    # queued, working, done or failed
    Column("state", String(10), nullable=False),
    # What is to be done, and what came of it: JSON of domain/task.py.
    Column("ticket", Text, nullable=False),
    Column("result", Text),
    Column("error_code", String(40)),
    Column("error_message", Text),
    Column("input_bytes", BigInteger, nullable=False),
    Column("idempotency_key", String(255)),
    Column("attempts", Integer, nullable=False),
    # Counts the claims: only the last one may finish the job.
    Column("fence", Integer, nullable=False),
    # When somebody may take it up: the time that was wished, or the end of the worker's lease.
    Column("due_at", Float, nullable=False),
    Column("created_at", Float, nullable=False),
    Column("started_at", Float),
    Column("completed_at", Float),
    # When input and result go, and when the row goes.
    Column("expires_at", Float),
    Column("forget_at", Float),
    Index("jobs_due", "kind", "state", "due_at"),
    Index("jobs_completed", "kind", "completed_at"),
    Index("jobs_expires", "expires_at"),
    Index("jobs_forget", "forget_at"),
    Index("jobs_idempotency", "key_id", "idempotency_key", unique=True),
)

SECRETS = Table(
    "secrets",
    METADATA,
    Column("name", String(40), primary_key=True),
    Column("value", String(200), nullable=False),
)
