"""The door for ASGI servers: ``uvicorn pixlean.asgi:app``."""

from pixlean.config import load
from pixlean.wiring.application import build

app = build(load().environment)
