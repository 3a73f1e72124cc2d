"""The door for ASGI servers: ``uvicorn pixlean.asgi:app``."""

from pixlean.wiring.application import build
from pixlean.wiring.environment import load

app = build(load().environment)
