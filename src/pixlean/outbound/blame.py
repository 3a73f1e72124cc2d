"""What went wrong with a stranger's server, in words that name the cause and repeat nothing of what it said."""

from __future__ import annotations

import socket

import aiohttp

from pixlean.domain.errors import PixleanError, SourceFailed, Unavailable
from pixlean.outbound import guard
from pixlean.outbound.names import NameCrowd, NameLate
from pixlean.outbound.session import HeadTooLong, was_blocked

_OUR_OWN = (24, 23, 12)  # EMFILE, ENFILE, ENOMEM: this machine's shortage, not the origin's fault


def blamed(error: Exception, who: str) -> PixleanError:
    """The error to raise for one of the client's; ``who`` is the origin or the receiver."""
    if was_blocked(error):
        return guard.blocked("it leads to a private or reserved address")
    system = getattr(error, "os_error", error)
    if isinstance(system, NameCrowd):
        return Unavailable("too many host names are being resolved", facts={"retry_after": 2})
    if isinstance(system, OSError) and system.errno in _OUR_OWN:
        return Unavailable("this server has no connection to spare", facts={"retry_after": 2})
    return SourceFailed(_cause(error, system, who))


def _cause(error: Exception, system: object, who: str) -> str:
    if isinstance(system, NameLate):
        return f"the name of the {who} was not resolved in time (DNS)"
    if isinstance(error, aiohttp.ClientConnectorDNSError) or isinstance(system, socket.gaierror | UnicodeError):
        return f"the name of the {who} could not be resolved (DNS)"
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return f"the certificate of the {who} is not valid (TLS)"
    if isinstance(error, aiohttp.ClientSSLError):
        return f"no secure connection to the {who} could be made (TLS)"
    if isinstance(error, aiohttp.ClientConnectorError):
        return f"the {who} could not be connected to"
    if isinstance(error, HeadTooLong):
        return f"the {who} sent a head without end"
    if isinstance(error, aiohttp.ClientPayloadError):
        return f"the answer of the {who} was cut off"
    if isinstance(error, aiohttp.ServerDisconnectedError | aiohttp.ClientOSError | OSError):
        return f"the connection to the {who} was cut off"
    return f"the {who} did not answer in proper HTTP"
