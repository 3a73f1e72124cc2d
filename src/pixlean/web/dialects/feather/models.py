"""Models that browsers load: from memory, from disk, or from upstream, fetched once however many ask."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
from collections.abc import AsyncIterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from pixlean.domain.errors import PixleanError, SourceFailed
from pixlean.domain.memory import MemoryFile
from pixlean.outbound.fetch import Fetcher
from pixlean.web.contract import Services
from pixlean.web.dialects.feather.settings import Settings

_MOST_BYTES = 256 << 20


class Variant(StrEnum):
    """Which of the two models."""

    FULL = "full"
    QUANTIZED = "quantized"


@dataclass(frozen=True, kw_only=True)
class Model:
    """A model's bytes and their digest."""

    data: bytes
    sha256: str


class Models:
    """All models of a server; what is in memory or on disk needs no upstream."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._urls = {Variant.FULL: settings.model_url, Variant.QUANTIZED: settings.quantized_model_url}
        self._fetcher: Fetcher | None = None
        self._known: dict[Variant, Model] = {}
        self._locks = {variant: asyncio.Lock() for variant in Variant}

    @contextlib.asynccontextmanager
    async def opened(self, house: Services) -> AsyncIterator[None]:
        """Fetch as the house does, from wherever the operator says."""
        rules = house.outbound.operators(_MOST_BYTES, self._settings.model_seconds)
        async with Fetcher(rules) as self._fetcher:
            yield

    async def get(self, variant: Variant) -> Model:
        """A model. Raises ``SourceFailed``."""
        if variant in self._known:
            return self._known[variant]
        async with self._locks[variant]:
            if variant not in self._known:
                kept = await asyncio.to_thread(self._from_disk, variant)
                self._known[variant] = kept or await self._from_upstream(variant)
            return self._known[variant]

    async def _from_upstream(self, variant: Variant) -> Model:
        url = self._urls[variant]
        if not url or self._fetcher is None:
            raise SourceFailed("no URL is set for this model")
        headers = {"Authorization": f"Bearer {self._settings.model_token}"} if self._settings.model_token else {}
        try:
            with MemoryFile("model") as file:
                await self._fetcher.fetch(url, file, headers=headers)
                data = file.read_all()
        except PixleanError as error:
            raise SourceFailed("the model could not be fetched") from error
        if not data:
            raise SourceFailed("the model could not be fetched")
        model = Model(data=data, sha256=hashlib.sha256(data).hexdigest())
        await asyncio.to_thread(self._to_disk, variant, model)
        return model

    def _from_disk(self, variant: Variant) -> Model | None:
        """The kept model, where size and digest are those that were written beside it."""
        if not self._settings.model_folder:
            return None
        path = self._path(variant)
        try:
            size, digest = path.with_suffix(".sha256").read_text("ascii").split()
            data = path.read_bytes()
        except (OSError, ValueError):
            return None
        same = str(len(data)) == size and hashlib.sha256(data).hexdigest() == digest
        return Model(data=data, sha256=digest) if same else None

    def _to_disk(self, variant: Variant, model: Model) -> None:
        if not self._settings.model_folder:
            return
        path = self._path(variant)
        with contextlib.suppress(OSError):  # a disk that can't take it costs a fetch at the next start, no more
            path.parent.mkdir(parents=True, exist_ok=True)
            beside = path.with_suffix(f".{os.getpid()}.tmp")
            beside.write_bytes(model.data)
            beside.replace(path)
            path.with_suffix(".sha256").write_text(f"{len(model.data)} {model.sha256}", "ascii")

    def _path(self, variant: Variant) -> Path:
        return Path(self._settings.model_folder) / f"modnet-{variant}.onnx"
