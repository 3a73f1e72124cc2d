"""Signed paths."""

from __future__ import annotations

import pytest

from pixlean.access.signatures import PathKey, Signatures
from pixlean.domain.errors import AccessDenied

# imgproxy's published example: docs.imgproxy.net, "Signing a URL".
SECRET = bytes.fromhex("736563726574")  # "secret"
SALT = bytes.fromhex("68656C6C6F")  # "hello"
PATH = "/rs:fill:300:400:0/g:sm/aHR0cDovL2V4YW1w/bGUuY29tL2ltYWdl/cy9jdXJpb3NpdHku/anBn.png"
SIGNATURE = "oKfUtW34Dvo2BGQehJFR4Nr0_rIjOtdtzJ3QFsUcXH8"


def test_the_published_example_is_signed_as_published() -> None:
    signatures = Signatures(keys=(PathKey(SECRET, SALT),))
    assert signatures.sign(PATH) == SIGNATURE
    signatures.check(SIGNATURE, PATH)
    signatures.check(SIGNATURE + "=", PATH)


@pytest.mark.parametrize("signature", ["", "A", "oKfU", SIGNATURE[:-1], SIGNATURE + "AAAA", "\x00", "ä" * 43, "=" * 44])
def test_everything_else_is_refused(signature: str) -> None:
    with pytest.raises(AccessDenied):
        Signatures(keys=(PathKey(SECRET, SALT),)).check(signature, PATH)
    with pytest.raises(AccessDenied):
        Signatures(keys=(PathKey(SECRET, SALT),), size_bytes=12).check(signature[:11], PATH)


def test_no_key_lets_nobody_in() -> None:
    with pytest.raises(AccessDenied):
        Signatures(keys=()).check("", PATH)
