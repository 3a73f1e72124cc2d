"""libjxl through the shared library inside the ``imagecodecs`` wheel (cffi, ABI mode).

``imagecodecs`` encodes JPEG XL well but takes no ICC profile, EXIF or orientation and reports no header.
"""

from __future__ import annotations

import glob
import importlib.util
import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pixlean.domain.errors import BadImage, EngineFailed

_DECLARATIONS = """
typedef struct { uint32_t have_container, xsize, ysize, bits_per_sample, exponent_bits_per_sample;
  float intensity_target, min_nits; int relative_to_max_display; float linear_below;
  int uses_original_profile, have_preview, have_animation, orientation;
  uint32_t num_color_channels, num_extra_channels, alpha_bits, alpha_exponent_bits; int alpha_premultiplied;
  uint32_t preview[2]; uint32_t tps_numerator, tps_denominator, num_loops; int have_timecodes;
  uint32_t intrinsic_xsize, intrinsic_ysize; uint8_t padding[100]; } BasicInfo;
typedef struct { uint32_t num_channels; int data_type; int endianness; size_t align; } PixelFormat;
typedef struct { int color_space, white_point; double wp[2]; int primaries; double red[2], green[2], blue[2];
  int transfer_function; double gamma; int intent; } ColorEncoding;
typedef struct { uint32_t duration, timecode, name_length; int is_last; uint8_t padding[200]; } FrameHeader;
void *JxlDecoderCreate(void *); void JxlDecoderDestroy(void *); int JxlDecoderSubscribeEvents(void *, int);
int JxlDecoderSetInput(void *, const uint8_t *, size_t); void JxlDecoderCloseInput(void *);
int JxlDecoderProcessInput(void *); int JxlDecoderGetBasicInfo(void *, BasicInfo *);
int JxlDecoderGetICCProfileSize(void *, int, size_t *);
int JxlDecoderGetColorAsICCProfile(void *, int, uint8_t *, size_t);
int JxlDecoderGetColorAsEncodedProfile(void *, int, ColorEncoding *);
int JxlDecoderImageOutBufferSize(void *, const PixelFormat *, size_t *);
int JxlDecoderSetImageOutBuffer(void *, const PixelFormat *, void *, size_t);
int JxlDecoderGetFrameHeader(void *, FrameHeader *); int JxlDecoderSetKeepOrientation(void *, int);
int JxlDecoderSetCoalescing(void *, int);
void *JxlEncoderCreate(void *); void JxlEncoderDestroy(void *); void JxlEncoderInitBasicInfo(BasicInfo *);
int JxlEncoderSetBasicInfo(void *, const BasicInfo *); void JxlColorEncodingSetToSRGB(ColorEncoding *, int);
int JxlEncoderSetColorEncoding(void *, const ColorEncoding *);
int JxlEncoderSetICCProfile(void *, const uint8_t *, size_t);
void *JxlEncoderFrameSettingsCreate(void *, void *); int JxlEncoderFrameSettingsSetOption(void *, int, int64_t);
int JxlEncoderSetFrameDistance(void *, float); int JxlEncoderSetFrameLossless(void *, int);
int JxlEncoderAddImageFrame(void *, const PixelFormat *, const void *, size_t); void JxlEncoderCloseInput(void *);
int JxlEncoderProcessOutput(void *, uint8_t **, size_t *);
void JxlEncoderInitFrameHeader(FrameHeader *); int JxlEncoderSetFrameHeader(void *, const FrameHeader *);
"""
_SUCCESS, _NEED_MORE_OUTPUT = 0, 2
_BASIC_INFO, _COLOR_ENCODING, _FRAME, _FULL_IMAGE = 0x40, 0x100, 0x400, 0x1000
_NEED_IMAGE_OUT = 5
_ORIGINAL, _DATA = 0, 1
_UINT8, _UINT16 = 2, 3
_EFFORT = 0


@dataclass(frozen=True, kw_only=True)
class Header:
    """The basic info of a codestream. ``lossless_like`` is true for files kept in their original colour space."""

    width_px: int
    height_px: int
    bits: int
    is_float: bool
    colour_channels: int
    has_alpha: bool
    extra_channels: int
    animated: bool
    loop_count: int
    ticks_per_second: float
    orientation: int
    uses_original_profile: bool
    icc: bytes | None
    durations_ms: tuple[int, ...] = ()


@lru_cache(maxsize=1)
def _library() -> tuple[Any, Any]:
    import cffi
    import imagecodecs._jpegxl  # noqa: F401 - loads the library with its dependencies resolved

    spec = importlib.util.find_spec("imagecodecs")
    folder = os.path.dirname(str(spec.origin if spec else ""))
    found = glob.glob(folder + ".libs/libjxl-*.so*")
    if not found:
        raise EngineFailed("this imagecodecs wheel carries no libjxl")
    ffi = cffi.FFI()
    ffi.cdef(_DECLARATIONS)
    return ffi, ffi.dlopen(found[0])


def _decoder(data: bytes, events: int) -> tuple[Any, Any, Any, Any]:
    ffi, lib = _library()
    decoder = ffi.gc(lib.JxlDecoderCreate(ffi.NULL), lib.JxlDecoderDestroy)
    lib.JxlDecoderSubscribeEvents(decoder, events)
    source = ffi.from_buffer("uint8_t[]", data)
    lib.JxlDecoderSetInput(decoder, source, len(data))
    lib.JxlDecoderCloseInput(decoder)
    return ffi, lib, decoder, source


def read_header(data: bytes, *, frames: bool = False, max_frames: int = 1500) -> Header:
    """Read the header without a pixel; with ``frames``, all frame headers too. Raises ``BadImage``."""
    events = _BASIC_INFO | _COLOR_ENCODING | (_FRAME if frames else 0)
    ffi, lib, decoder, _source = _decoder(data, events)
    info = ffi.new("BasicInfo *")
    icc: bytes | None = None
    ticks: list[int] = []
    while True:
        status = lib.JxlDecoderProcessInput(decoder)
        if status == _BASIC_INFO:
            lib.JxlDecoderGetBasicInfo(decoder, info)
        elif status == _COLOR_ENCODING:
            icc = _profile(ffi, lib, decoder)
            if not frames:
                break
        elif status == _FRAME:
            head = ffi.new("FrameHeader *")
            lib.JxlDecoderGetFrameHeader(decoder, head)
            ticks.append(head.duration)
            if len(ticks) > max_frames:
                break
        elif status == _SUCCESS:
            break
        else:
            raise BadImage("the JPEG XL header does not decode")
    if not info.xsize or not info.ysize:
        raise BadImage("the JPEG XL file has no picture")
    per_second = info.tps_numerator / (info.tps_denominator or 1) if info.have_animation else 0.0
    return Header(
        width_px=info.xsize,
        height_px=info.ysize,
        bits=info.bits_per_sample,
        is_float=info.exponent_bits_per_sample > 0,
        colour_channels=info.num_color_channels,
        has_alpha=info.alpha_bits > 0,
        extra_channels=info.num_extra_channels,
        animated=bool(info.have_animation),
        loop_count=info.num_loops,
        ticks_per_second=per_second,
        orientation=info.orientation,
        uses_original_profile=bool(info.uses_original_profile),
        icc=icc,
        durations_ms=tuple(round(1000 * tick / per_second) for tick in ticks) if per_second else (),
    )


def _profile(ffi: Any, lib: Any, decoder: Any) -> bytes | None:
    size = ffi.new("size_t *")
    if lib.JxlDecoderGetICCProfileSize(decoder, _ORIGINAL, size) != 0 or not 0 < size[0] < 16 << 20:
        return None
    out = ffi.new("uint8_t[]", size[0])
    if lib.JxlDecoderGetColorAsICCProfile(decoder, _ORIGINAL, out, size[0]) != 0:
        return None
    return bytes(ffi.buffer(out))


def decode(data: bytes, *, bits: int, channels: int) -> tuple[list[NDArray[np.generic]], bytes | None]:
    """All coalesced frames, upright, as uint8 (up to 8 bits) or uint16, with the profile of these very pixels."""
    ffi, lib, decoder, _source = _decoder(data, _BASIC_INFO | _COLOR_ENCODING | _FULL_IMAGE)
    layout = ffi.new("PixelFormat *", [channels, _UINT8 if bits <= 8 else _UINT16, 0, 0])
    info = ffi.new("BasicInfo *")
    frames: list[NDArray[np.generic]] = []
    icc: bytes | None = None
    current: NDArray[np.generic] | None = None
    while True:
        status = lib.JxlDecoderProcessInput(decoder)
        if status == _BASIC_INFO:
            lib.JxlDecoderGetBasicInfo(decoder, info)
        elif status == _COLOR_ENCODING:
            size = ffi.new("size_t *")
            if lib.JxlDecoderGetICCProfileSize(decoder, _DATA, size) == 0 and size[0]:
                out = ffi.new("uint8_t[]", size[0])
                if lib.JxlDecoderGetColorAsICCProfile(decoder, _DATA, out, size[0]) == 0:
                    icc = bytes(ffi.buffer(out))
        elif status == _NEED_IMAGE_OUT:
            columns, rows = info.xsize, info.ysize
            current = np.empty((rows, columns, channels), np.uint8 if bits <= 8 else np.uint16)
            if lib.JxlDecoderSetImageOutBuffer(decoder, layout, ffi.from_buffer(current), current.nbytes) != 0:
                raise BadImage("the JPEG XL data does not decode")
        elif status == _FULL_IMAGE and current is not None:
            frames.append(current)
        elif status == _SUCCESS:
            break
        else:
            raise BadImage("the JPEG XL data does not decode")
    if not frames:
        raise BadImage("the JPEG XL file has no frame")
    return frames, icc


@dataclass(frozen=True, kw_only=True)
class Motion:
    """How long each frame is shown, and how often all of them: 0 for ever."""

    durations_ms: tuple[int, ...]
    plays: int = 0


def encode(
    frames: Sequence[NDArray[np.generic]], *, distance: float, effort: int, bits: int, icc: bytes | None,
    lossless: bool = False, motion: Motion | None = None,
) -> bytes:  # fmt: skip
    """Encode frames of grey, grey+alpha, RGB or RGBA (uint8 or uint16); sRGB where no profile is given.

    Several frames need their ``motion``.
    """
    ffi, lib = _library()
    rows, columns, channels = frames[0].shape
    encoder = ffi.gc(lib.JxlEncoderCreate(ffi.NULL), lib.JxlEncoderDestroy)
    info = ffi.new("BasicInfo *")
    lib.JxlEncoderInitBasicInfo(info)
    info.xsize, info.ysize, info.bits_per_sample = columns, rows, bits
    info.num_color_channels = 1 if channels < 3 else 3
    if channels in (2, 4):
        info.num_extra_channels, info.alpha_bits = 1, bits
    info.uses_original_profile = 1 if lossless else 0
    if motion is not None:
        info.have_animation, info.tps_numerator, info.tps_denominator = 1, 1000, 1
        info.num_loops = motion.plays
    _must(lib.JxlEncoderSetBasicInfo(encoder, info))
    if icc:
        _must(lib.JxlEncoderSetICCProfile(encoder, icc, len(icc)))
    else:
        encoding = ffi.new("ColorEncoding *")
        lib.JxlColorEncodingSetToSRGB(encoding, 1 if channels < 3 else 0)
        _must(lib.JxlEncoderSetColorEncoding(encoder, encoding))
    settings = lib.JxlEncoderFrameSettingsCreate(encoder, ffi.NULL)
    lib.JxlEncoderFrameSettingsSetOption(settings, _EFFORT, effort)
    if lossless:
        lib.JxlEncoderSetFrameLossless(settings, 1)
    else:
        lib.JxlEncoderSetFrameDistance(settings, distance)
    layout = ffi.new("PixelFormat *", [channels, _UINT8 if frames[0].dtype == np.uint8 else _UINT16, 0, 0])
    for number, frame in enumerate(frames):
        if motion is not None:
            head = ffi.new("FrameHeader *")
            lib.JxlEncoderInitFrameHeader(head)
            head.duration = max(1, motion.durations_ms[number])  # what lasts no time is joined with the next one
            _must(lib.JxlEncoderSetFrameHeader(settings, head))
        pixels = np.ascontiguousarray(frame)
        _must(lib.JxlEncoderAddImageFrame(settings, layout, ffi.from_buffer(pixels), pixels.nbytes))
    lib.JxlEncoderCloseInput(encoder)
    return _output(ffi, lib, encoder)


def _must(status: int) -> None:
    if status != 0:
        raise EngineFailed("libjxl refused the picture")


def _output(ffi: Any, lib: Any, encoder: Any) -> bytes:
    size = 1 << 18
    out = bytearray()
    buffer, at, left = ffi.new("uint8_t[]", size), ffi.new("uint8_t **"), ffi.new("size_t *")
    while True:
        at[0], left[0] = buffer, size
        status = lib.JxlEncoderProcessOutput(encoder, at, left)
        out += ffi.buffer(buffer, size - left[0])
        if status == _SUCCESS:
            return bytes(out)
        if status != _NEED_MORE_OUTPUT:
            raise EngineFailed("libjxl failed to encode")
