"""What a drawing may point to: itself, and pictures and fonts that are embedded in it; links are another matter."""

from __future__ import annotations

import base64
import binascii
import gzip
import html
import re
from collections.abc import Callable
from urllib.parse import quote_from_bytes, unquote, unquote_to_bytes

# Cleans an embedded drawing; ``None`` where it may not stay.
CleanDrawing = Callable[[bytes], bytes | None]
# Whether an embedded raster is of a size that renderers may be asked to decode.
MayDecode = Callable[[bytes], bool]
# Takes out of an embedded raster what is private, where that shall go.
CleanRaster = Callable[[bytes], bytes]

# What browsers drop from URLs (WHATWG URL, 4.4: C0 controls, space, tab, newline), and other blanks that readers may.
_BLANK = re.compile(r"[\x00-\x20\x7f-\xa0\u00ad\u1680\u180e\u2000-\u200f\u2028-\u202f\u205f-\u2064\u3000\ufeff]+")
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*:", re.IGNORECASE)
_LINKS = frozenset({"http:", "https:", "mailto:", "tel:"})
_SCRIPT = re.compile(r"(?:java|vb|live)script:|data:(?:text|application|image/svg)", re.IGNORECASE)
_DATA = re.compile(r"data:(?P<kind>[^,;]*)(?P<parameters>(?:;[^,]*)?),(?P<body>.*)", re.IGNORECASE | re.DOTALL)
_BASE64 = re.compile(r";\s*base64\s*\Z", re.IGNORECASE)
# What browsers and librsvg look at the bytes for; a word that means a document or a script is replaced.
_PICTURE_TYPE = re.compile(r"(?:im(?:a)?ge?/[\w.+-]+|application/octet-stream|text/plain|)", re.IGNORECASE)
_DRAWING_TYPE = re.compile(r"(?:im(?:a)?ge?/svg(?:\+xml)?|(?:text|application)/xml|text/plain|)", re.IGNORECASE)
_FONT_TYPE = re.compile(r"(?:font/[\w.+-]+|application/(?:[\w.+-]*font[\w.+-]*|octet-stream))", re.IGNORECASE)
_RASTERS = (
    (b"\x89PNG\r\n\x1a\n", "png"), (b"\xff\xd8\xff", "jpeg"), (b"GIF8", "gif"), (b"BM", "bmp"), (b"II*\0", "tiff"),
    (b"MM\0*", "tiff"), (b"\0\0\1\0", "x-icon"), (b"\xff\x0a", "jxl"), (b"\0\0\0\x0cJXL ", "jxl"),
)  # fmt: skip
_FONTS = (
    (b"wOF2", "woff2"), (b"wOFF", "woff"), (b"OTTO", "otf"), (b"\0\1\0\0", "ttf"), (b"true", "ttf"),
    (b"ttcf", "collection"),
)  # fmt: skip
_GZIP = b"\x1f\x8b"
# No quote, bracket, blank, backslash or ampersand: the same URL may stand in an attribute and in CSS.
_UNQUOTED = "-_.~!*/:;=,@$+?"


def runs(value: str) -> bool:
    """Whether a value names a script, whatever blanks, entities and percents hide it."""
    plain = _BLANK.sub("", value)
    seen = (plain, _BLANK.sub("", html.unescape(plain)), _BLANK.sub("", unquote(plain)))
    return any(_SCRIPT.search(each) for each in seen)


def is_link(value: str) -> bool:
    """Whether a link leads to a web page, a mailbox, a telephone or a place beside or in this document."""
    plain = _BLANK.sub("", value)
    for seen in (plain, _BLANK.sub("", html.unescape(plain)), _BLANK.sub("", unquote(plain))):
        scheme = _SCHEME.match(seen)
        if scheme is not None and scheme.group().lower() not in _LINKS:
            return False
    return True


def is_fragment(value: str) -> bool:
    """Whether a reference stays within this document."""
    return _BLANK.sub("", value).startswith("#")


def clean_picture(
    value: str, clean_drawing: CleanDrawing, may_decode: MayDecode, clean_raster: CleanRaster
) -> str | None:
    """An embedded picture as it may stay: a raster or a drawing cleaned in turn; ``None`` for anything else.

    The bytes decide, not the declared type (as in librsvg and resvg; browsers do so for rasters).
    """
    read = _read(value)
    if read is None:
        return None
    kind, plain_base64, data, fragment = read
    raster = _raster(data)
    if raster is not None:
        if not may_decode(data):
            return None
        clean = clean_raster(data)
        if plain_base64 and _PICTURE_TYPE.fullmatch(kind) and clean == data:
            return value
        return _written(kind if _PICTURE_TYPE.fullmatch(kind) else f"image/{raster}", clean)
    text = clean_drawing(data)
    if text is None:
        return None
    packed = gzip.compress(text, 9, mtime=0) if data[:2] == _GZIP else text
    return _written(kind if _DRAWING_TYPE.fullmatch(kind) else "image/svg+xml", packed) + fragment


def clean_font(value: str) -> str | None:
    """An embedded font as it may stay; ``None`` for anything else."""
    read = _read(value)
    if read is None:
        return None
    kind, plain_base64, data, _ = read
    font = next((name for magic, name in _FONTS if data.startswith(magic)), None)
    if font is None:
        return None
    if plain_base64 and _FONT_TYPE.fullmatch(kind):
        return value
    return f"data:font/{font};base64,{base64.b64encode(data).decode()}"


def _raster(data: bytes) -> str | None:
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "webp"
    if data[4:8] == b"ftyp" and data[8:12] in (b"avif", b"avis", b"heic", b"heix", b"mif1", b"msf1"):
        return "avif"
    return next((name for magic, name in _RASTERS if data.startswith(magic)), None)


def _read(value: str) -> tuple[str, bool, bytes, str] | None:
    """A data URL's type, whether it is plainly written base64, bytes and fragment (RFC 2397, WHATWG Fetch 6)."""
    found = _DATA.fullmatch(value.strip())
    if found is None:
        return None
    kind, parameters = found["kind"].strip().lower(), found["parameters"]
    body, hash_sign, rest = found["body"].partition("#")
    fragment = hash_sign + rest if re.fullmatch(r"[\w.:-]+", rest) else ""
    if _BASE64.search(parameters) is None:
        return kind, False, unquote_to_bytes(body), fragment
    # Forgiving base64: percent signs resolved, blanks dropped, padding optional, and both alphabets are met with.
    packed = re.sub(rb"[\s=]+", b"", unquote_to_bytes(body)).translate(bytes.maketrans(b"-_", b"+/"))
    try:
        data = base64.b64decode(packed + b"=" * (-len(packed) % 4), validate=True)
    except (binascii.Error, ValueError):
        return None
    plain = re.fullmatch(r"(?:;charset=utf-?8)?;base64", parameters, re.IGNORECASE) is not None
    return kind, plain and re.fullmatch(r"[A-Za-z0-9+/=\s]*", body) is not None and not hash_sign, data, fragment


def _written(kind: str, data: bytes) -> str:
    """The shorter of the two ways to write a data URL."""
    packed = f"data:{kind};base64,{base64.b64encode(data).decode()}"
    quoted = f"data:{kind},{quote_from_bytes(data, safe=_UNQUOTED)}"
    return min(packed, quoted, key=len)
