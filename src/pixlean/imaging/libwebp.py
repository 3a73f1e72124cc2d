"""libwebp's own API, in the library that Pillow's wheel brings (cffi, ABI mode, no compiler).

Neither Pillow nor libvips hands on what makes lossy WebP smaller at equal looks: the sharpness of the loop filter
together with sharp chroma. Where the library is not found, or fails its self-test, ``available`` says so.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pixlean.domain.errors import EngineFailed
from pixlean.imaging.webpalpha import with_alpha

# Only the major part must agree (WEBP_ABI_IS_INCOMPATIBLE in webp/types.h); 2 since libwebp 0.2.
_ABI = 0x020F
# Up to here libwebp packs alpha in 0.05 to 0.2 seconds a megapixel, above it in 5 to 20.
_MOST_QUICK_ALPHA_METHOD = 5
_DECLARATIONS = """
typedef struct {
  int lossless; float quality; int method, image_hint, target_size; float target_PSNR;
  int segments, sns_strength, filter_strength, filter_sharpness, filter_type, autofilter;
  int alpha_compression, alpha_filtering, alpha_quality, pass, show_compressed, preprocessing, partitions;
  int partition_limit, emulate_jpeg_size, thread_level, low_memory, near_lossless, exact, use_delta_palette;
  int use_sharp_yuv, qmin, qmax;
  char room[64];
} Config;
typedef struct {
  int use_argb, colorspace, width, height; uint8_t *y, *u, *v; int y_stride, uv_stride; uint8_t *a; int a_stride;
  uint32_t pad1[2]; uint32_t *argb; int argb_stride; uint32_t pad2[3]; void *writer; void *custom_ptr;
  int extra_info_type; uint8_t *extra_info; void *stats; int error_code; void *progress_hook; void *user_data;
  uint32_t pad3[3]; uint8_t *pad4, *pad5; uint32_t pad6[8]; void *memory_, *memory_argb_; void *pad7[2];
  char room[64];
} Frame;
typedef struct { uint8_t *mem; size_t size, max_size; uint32_t pad[1]; } Writer;
int WebPConfigInitInternal(Config *, int preset, float quality, int abi);
int WebPValidateConfig(const Config *);
int WebPPictureInitInternal(Frame *, int abi);
int WebPPictureImportRGB(Frame *, const uint8_t *, int stride);
int WebPPictureImportRGBA(Frame *, const uint8_t *, int stride);
void WebPPictureFree(Frame *);
void WebPMemoryWriterInit(Writer *);
void WebPMemoryWriterClear(Writer *);
int WebPMemoryWrite(const uint8_t *, size_t, const Frame *);
int WebPEncode(const Config *, Frame *);
"""


@dataclass(frozen=True, kw_only=True)
class Effort:
    """libwebp's ``method`` 0 to 6, and whether chroma is averaged in linear light with its edges in mind."""

    method: int
    sharp_chroma: bool


@lru_cache(maxsize=1)
def _library() -> tuple[Any, Any]:
    import cffi
    import PIL

    ffi = cffi.FFI()
    ffi.cdef(_DECLARATIONS)
    folder = Path(PIL.__file__).parent.with_name("pillow.libs")
    (path,) = folder.glob("libwebp-*.so*")
    return ffi, ffi.dlopen(str(path))


@lru_cache(maxsize=1)
def available() -> bool:
    """Whether encoding works here: a small picture with alpha goes through it and comes back alike."""
    from PIL import Image

    try:
        ramp = np.arange(48, dtype=np.uint8)
        shown = np.stack(
            np.broadcast_arrays(ramp[:, None] * 5, ramp[None, :] * 5, np.uint8(90), 255 - ramp[:, None]), axis=-1
        )
        encoded = encode(np.ascontiguousarray(shown), quality=95, effort=Effort(method=4, sharp_chroma=True))
        back = np.asarray(Image.open(io.BytesIO(encoded)).convert("RGBA")).astype(int)
        return bool(np.abs(back - shown).mean() < 4)
    except Exception:  # the wheel may lack any of it, in any way; libvips is then taken
        return False


def encode(pixels: NDArray[np.uint8], *, quality: float, effort: Effort) -> bytes:
    """Encode RGB or RGBA pixels (rows, columns, 3 or 4) with loss; ``quality`` 0 to 100, fractions count.

    ``filter_sharpness`` 7 is 1 to 2 % smaller at equal SSIMULACRA2 and Butteraugli on photographs than libwebp's 0.
    Raises ``EngineFailed``.
    """
    ffi, lib = _library()
    pixels = np.ascontiguousarray(pixels)
    rows, columns, channels = pixels.shape
    config, frame, writer = ffi.new("Config *"), ffi.new("Frame *"), ffi.new("Writer *")
    if not lib.WebPConfigInitInternal(config, 0, quality, _ABI) or not lib.WebPPictureInitInternal(frame, _ABI):
        raise EngineFailed("libwebp has another interface than expected")
    config.method = effort.method
    config.use_sharp_yuv = int(effort.sharp_chroma)
    config.filter_sharpness = 7
    apart = channels == 4 and effort.method > _MOST_QUICK_ALPHA_METHOD
    if apart:
        config.alpha_compression = config.alpha_filtering = 0
    frame.use_argb = 1
    frame.width, frame.height = columns, rows
    take = lib.WebPPictureImportRGB if channels == 3 else lib.WebPPictureImportRGBA
    lib.WebPMemoryWriterInit(writer)
    frame.writer, frame.custom_ptr = ffi.cast("void *", ffi.addressof(lib, "WebPMemoryWrite")), writer
    try:
        taken = take(frame, ffi.cast("uint8_t *", pixels.ctypes.data), columns * channels)
        if not taken or not lib.WebPEncode(config, frame):
            raise EngineFailed(f"libwebp could not encode the picture (error {frame.error_code})")
        made = bytes(ffi.buffer(writer.mem, writer.size))
    finally:
        lib.WebPMemoryWriterClear(writer)
        lib.WebPPictureFree(frame)
    return with_alpha(made, pixels[..., 3]) if apart else made
