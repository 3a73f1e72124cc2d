"""Pure and synchronous: bytes and a Recipe become an Outcome.

Never here: asyncio, logging, files, the network, the wall clock.
"""
