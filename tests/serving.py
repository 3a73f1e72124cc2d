"""A real server on a free port."""

from benchmarks.serving import Server, free_port

__all__ = ["Server", "free_port"]
