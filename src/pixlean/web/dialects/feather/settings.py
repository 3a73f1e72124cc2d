"""What the Feather dialect promises on its own."""

from __future__ import annotations

from dataclasses import dataclass

from pixlean.domain.limits import Limits
from pixlean.domain.settings import flag, listed, megabytes, milliseconds, secret, setting, text, whole

_HOUR_MS = 3_600_000
_MODNET = "https://huggingface.co/Xenova/modnet/resolve/main/onnx"


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Its limits, its callers, and where its models come from; ``model_folder`` empty: they are in memory only."""

    max_upload_bytes: int = setting(
        "MAX_UPLOAD_MB", "25", megabytes(1024), "Feather: upload limit in MB of 1 048 576 bytes"
    )
    max_pixels: int = setting("MAX_PIXELS", "100000000", whole(1), "Feather: decoded pixels")
    timeout_seconds: float = setting(
        "REQUEST_TIMEOUT_MS", "60000", milliseconds(1, _HOUR_MS), "Feather: longest time for one picture"
    )
    per_minute: int = setting(
        "RATE_LIMIT_PER_MINUTE", "60", whole(0), "Feather: requests a minute and address; 0 is unlimited"
    )
    is_open: bool = setting(
        "FEATHER_WITHOUT_KEY", "true", flag(), "Feather: open to callers without a key where there are keys"
    )
    origins: tuple[str, ...] = setting("CORS_ORIGINS", "", listed(), "Feather: CORS origins, comma-separated, or *")
    model_url: str = setting(
        "MODEL_FULL_URL", f"{_MODNET}/model.onnx", text(), "Feather: where the full model comes from"
    )
    quantized_model_url: str = setting(
        "MODEL_QUANTIZED_URL", f"{_MODNET}/model_quantized.onnx", text(), "Feather: the quantized model"
    )
    model_folder: str = setting(
        "MODEL_CACHE_DIR", "", text(), "Feather: folder that keeps models; empty is memory only"
    )
    model_seconds: float = setting(
        "MODEL_FETCH_TIMEOUT_MS", "60000", milliseconds(1, _HOUR_MS), "Feather: longest time for a model"
    )
    model_token: str = setting("HUGGINGFACE_TOKEN", "", secret(), "Feather: shown to the models' upstream")

    @property
    def limits(self) -> Limits:
        """What one picture may take."""
        return Limits.of_pixels(self.max_pixels)
