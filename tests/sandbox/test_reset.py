"""Who is killed with packets unread is gone like anybody else."""

from __future__ import annotations

import socket

from pixlean.sandbox import wire


def test_a_side_that_went_without_reading_is_gone_and_no_error() -> None:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with ours:
        ours.send(b"never read")
        theirs.close()
        assert wire.receive(ours) == (b"", [])
