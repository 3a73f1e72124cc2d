"""imgproxy's own environment variables, where they mean the same here."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

from pixlean.access.signatures import PathKey, Signatures
from pixlean.domain.formats import Format
from pixlean.domain.recipe import QUALITY
from pixlean.domain.settings import Kind, flag, listed, number, setting, text, whole

_DAYS_365 = "31536000"
_HEX = "hexadecimal digits, comma-separated"
_FORM = "name=options, comma-separated, such as thumb=rs:fill:200:200/q:70"


@dataclass(frozen=True)
class Table:
    """Words by words, as a setting lists them."""

    rows: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))


def _hex(given: str) -> tuple[bytes, ...]:
    try:
        return tuple(bytes.fromhex(part.strip()) for part in given.split(",") if part.strip())
    except ValueError as error:
        raise ValueError(_HEX) from error


def _table(given: str) -> Table:
    rows = {}
    for part in filter(None, (each.strip() for each in given.split(","))):
        name, equals, value = part.partition("=")
        if not equals or not re.fullmatch(r"[\w-]+", name):
            raise ValueError(_FORM)
        rows[name] = value
    return Table(MappingProxyType(rows))


def _qualities(given: str) -> Table:
    table = _table(given)
    for name, value in table.rows.items():
        if name not in (*Format, "jpg") or not value.isdigit() or not QUALITY.least <= int(value) <= QUALITY.most:
            raise ValueError("format=quality, comma-separated, such as jpeg=70,avif=60")
    return table


def _prefix(given: str) -> str:
    return "/" + given.strip("/") if given.strip("/") else ""


def _separator(given: str) -> str:
    if len(given) != 1 or given in "/%?#@" or given.isalnum():
        raise ValueError("one character that is no letter, no digit and none of /%?#@")
    return given


def _folder(given: str) -> str:
    if not Path(given).is_dir():
        raise ValueError("a folder that can be read")
    return str(Path(given).absolute())


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What the operator of an imgproxy decides."""

    keys: tuple[bytes, ...] = setting(
        "IMGPROXY_KEY", "", Kind(read=_hex, secret=True), "imgproxy's keys, in hex, comma-separated"
    )
    salts: tuple[bytes, ...] = setting(
        "IMGPROXY_SALT", "", Kind(read=_hex, secret=True), "a salt for each of imgproxy's keys, in hex"
    )
    signature_bytes: int = setting("IMGPROXY_SIGNATURE_SIZE", "32", whole(1, 32), "bytes of a signature in its URLs")
    trusted: tuple[str, ...] = setting(
        "IMGPROXY_TRUSTED_SIGNATURES", "", Kind(read=listed().read, secret=True), "words that stand for a signature"
    )
    allowed: tuple[str, ...] = setting(
        "IMGPROXY_ALLOWED_SOURCES", "", listed(),
        "beginnings of sources, comma-separated, * for anything without a slash; empty is any public one where a key "
        "signs, and none where no key does",
    )  # fmt: skip
    base_url: str = setting("IMGPROXY_BASE_URL", "", text(), "what every source begins with")
    folder: str = setting("IMGPROXY_LOCAL_FILESYSTEM_ROOT", "", text(_folder), "where local:/// sources lie")
    uses_s3: bool = setting("IMGPROXY_USE_S3", "false", flag(), "take s3://bucket/key, with this server's credentials")
    uses_gcs: bool = setting(
        "IMGPROXY_USE_GCS", "false", flag(), "take gs://bucket/key, with this server's credentials"
    )
    prefix: str = setting("IMGPROXY_PATH_PREFIX", "", text(_prefix), "what the paths of its URLs begin with")
    presets: Table = setting("IMGPROXY_PRESETS", "", Kind(read=_table), f"named options: {_FORM}")
    only_presets: bool = setting("IMGPROXY_ONLY_PRESETS", "false", flag(), "its URLs hold names of presets only")
    separator: str = setting(
        "IMGPROXY_ARGUMENTS_SEPARATOR", ":", text(_separator), "what stands between an option and its arguments"
    )
    skips: tuple[str, ...] = setting(
        "IMGPROXY_SKIP_PROCESSING_FORMATS", "", listed(), "formats that go out as they came, comma-separated; never SVG"
    )
    attaches: bool = setting("IMGPROXY_RETURN_ATTACHMENT", "false", flag(), "have browsers save its answers")
    quality: int = setting("IMGPROXY_QUALITY", "80", whole(QUALITY.least, QUALITY.most), "quality in its URLs")
    qualities: Table = setting(
        "IMGPROXY_FORMAT_QUALITY", "", Kind(read=_qualities), "quality by format, such as jpeg=70,avif=60"
    )
    auto_webp: bool = setting("IMGPROXY_AUTO_WEBP", "false", flag(), "send WebP to who accepts it and asks for nothing")
    auto_avif: bool = setting("IMGPROXY_AUTO_AVIF", "false", flag(), "send AVIF to who accepts it and asks for nothing")
    enforces_webp: bool = setting("IMGPROXY_ENFORCE_WEBP", "false", flag(), "send WebP to who accepts it, always")
    enforces_avif: bool = setting("IMGPROXY_ENFORCE_AVIF", "false", flag(), "send AVIF to who accepts it, always")
    strips: bool = setting("IMGPROXY_STRIP_METADATA", "true", flag(), "leave metadata out")
    keeps_copyright: bool = setting("IMGPROXY_KEEP_COPYRIGHT", "true", flag(), "leave the copyright in all the same")
    max_megapixels: float = setting("IMGPROXY_MAX_SRC_RESOLUTION", "50", number(), "largest source, in megapixels")
    max_file_bytes: int = setting("IMGPROXY_MAX_SRC_FILE_SIZE", "0", whole(0), "largest source in bytes; 0 is any")
    sets_limits: bool = setting(
        "IMGPROXY_ALLOW_SECURITY_OPTIONS", "false", flag(), "let its URLs set limits of their own for their sources"
    )
    ttl_seconds: int = setting("IMGPROXY_TTL", _DAYS_365, whole(0), "max-age of its answers, in seconds")
    passes_cache_control: bool = setting(
        "IMGPROXY_CACHE_CONTROL_PASSTHROUGH", "false", flag(), "tell the origin's Cache-Control instead"
    )

    @property
    def is_on(self) -> bool:
        """Whether there is anything that these URLs could show."""
        return bool(self.keys or self.allowed or self.folder)

    @property
    def info_prefix(self) -> str:
        """What the paths begin with that tell of pictures."""
        return f"{self.prefix}/info"

    @property
    def signatures(self) -> Signatures | None:
        """What signs its URLs; ``None`` where there is no key, and every signature will do."""
        if not self.keys:
            return None
        salts = self.salts or (b"",) * len(self.keys)
        pairs = zip(self.keys, salts, strict=False)
        return Signatures(keys=tuple(PathKey(key, salt) for key, salt in pairs), size_bytes=self.signature_bytes)
