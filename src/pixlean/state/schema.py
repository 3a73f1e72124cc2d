"""The tables, as they are after the last migration; times are seconds since 1970."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Float, Index, Integer, MetaData, String, Table

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
