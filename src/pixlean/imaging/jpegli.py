"""jpegli through the C API that the ``pyjpegli`` wheel's library exports (cffi, ABI mode, no compiler).

The wheel's own face knows only sequential 4:2:0 RGB; the C API also gives grey, 4:4:4, progressive scans and
lossless transcoding. Since those symbols are exported by chance, ``available`` proves them once on a small
picture before anything relies on them. libjpeg's error handler ends the process on a fatal error, so untrusted
bytes reach ``transcode`` only inside a disposable process (``imaging.tools.in_disposable_process``).
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pixlean.domain.errors import BadImage, LimitExceeded

_LIBJPEG_62 = 62
# libjpeg's own, a little less than the format's (jmorecfg.h, JPEG_MAX_DIMENSION).
MOST_SIDE_PX = 65_500
_COMPRESS_BYTES, _DECOMPRESS_BYTES = 520, 632  # sizeof the libjpeg 6.2 structs on 64-bit Linux
_GREY, _RGB = 1, 2

_DECLARATIONS = """
typedef struct {
  int component_id, component_index, h_samp_factor, v_samp_factor, quant_tbl_no, dc_tbl_no, ac_tbl_no;
  unsigned int width_in_blocks, height_in_blocks; int DCT_scaled_size;
  unsigned int downsampled_width, downsampled_height; int component_needed, MCU_width, MCU_height, MCU_blocks;
  int MCU_sample_width, last_col_width, last_row_height; void *quant_table, *dct_table;
} jpeg_component_info;
struct jpeg_compress_struct {
  void *err, *mem, *progress, *client_data; int is_decompressor, global_state; void *dest;
  unsigned int image_width, image_height; int input_components, in_color_space; double input_gamma;
  int data_precision, num_components, jpeg_color_space; jpeg_component_info *comp_info;
  void *quant_tbl_ptrs[4], *dc_huff_tbl_ptrs[4], *ac_huff_tbl_ptrs[4];
  unsigned char arith_dc_L[16], arith_dc_U[16], arith_ac_K[16];
  int num_scans; void *scan_info; int raw_data_in, arith_code, optimize_coding, CCIR601_sampling;
  int smoothing_factor, dct_method; unsigned int restart_interval; int restart_in_rows, write_JFIF_header;
  unsigned char JFIF_major_version, JFIF_minor_version, density_unit; unsigned short X_density, Y_density;
  int write_Adobe_marker; unsigned int next_scanline; int progressive_mode; char rest[400];
};
void *jpegli_std_error(void *);
void jpegli_CreateCompress(struct jpeg_compress_struct *, int, size_t);
void jpegli_mem_dest(struct jpeg_compress_struct *, unsigned char **, unsigned long *);
void jpegli_set_defaults(struct jpeg_compress_struct *);
void jpegli_set_distance(struct jpeg_compress_struct *, float, int);
float jpegli_quality_to_distance(int);
void jpegli_set_progressive_level(struct jpeg_compress_struct *, int);
void jpegli_start_compress(struct jpeg_compress_struct *, int);
unsigned int jpegli_write_scanlines(struct jpeg_compress_struct *, unsigned char **, unsigned int);
void jpegli_finish_compress(struct jpeg_compress_struct *);
void jpegli_destroy_compress(struct jpeg_compress_struct *);
void jpegli_CreateDecompress(void *, int, size_t);
void jpegli_mem_src(void *, const unsigned char *, unsigned long);
int jpegli_read_header(void *, int);
void *jpegli_read_coefficients(void *);
void jpegli_copy_critical_parameters(void *, struct jpeg_compress_struct *);
void jpegli_write_coefficients(struct jpeg_compress_struct *, void *);
void free(void *);
"""


@lru_cache(maxsize=1)
def _library() -> tuple[Any, Any, Any]:
    import cffi
    import pyjpegli

    ffi = cffi.FFI()
    ffi.cdef(_DECLARATIONS)
    return ffi, ffi.dlopen(pyjpegli.__file__), ffi.dlopen(None)


@lru_cache(maxsize=1)
def available() -> bool:
    """Whether encoding and transcoding work here: a small picture goes through both and comes back alike."""
    import io

    from PIL import Image

    try:
        ramp = np.arange(64, dtype=np.uint8)
        picture = np.stack(np.broadcast_arrays(ramp[:, None] * 3, ramp[None, :] * 3, np.uint8(90)), axis=-1)
        first = encode(np.ascontiguousarray(picture), distance=1.0, subsampling="444", progressive=True)
        second = transcode(first, progressive=False)
        shown = [np.asarray(Image.open(io.BytesIO(made))).astype(int) for made in (first, second)]
        near = np.abs(shown[0] - picture).mean() < 3
        return bool(near and np.array_equal(shown[0], shown[1]))
    except Exception:  # the wheel may lack any of it, in any way; the fall-back is then taken
        return False


def _compressor(ffi: Any, lib: Any) -> tuple[Any, Any, Any, Any]:
    handle = ffi.new("struct jpeg_compress_struct *")
    errors = ffi.new("char[]", 1024)
    handle.err = lib.jpegli_std_error(errors)
    lib.jpegli_CreateCompress(handle, _LIBJPEG_62, _COMPRESS_BYTES)
    out, size = ffi.new("unsigned char **"), ffi.new("unsigned long *")
    lib.jpegli_mem_dest(handle, out, size)
    return handle, errors, out, size


def _finish(handle: Any, out: Any, size: Any) -> bytes:
    ffi, lib, libc = _library()
    lib.jpegli_finish_compress(handle)
    made = bytes(ffi.buffer(out[0], size[0]))
    lib.jpegli_destroy_compress(handle)
    libc.free(out[0])
    return made


def quality_to_distance(quality: float) -> float:
    """The butteraugli distance that jpegli gives to a libjpeg quality number, linear between whole numbers."""
    lib = _library()[1]
    whole = int(quality)
    part = quality - whole
    return float((1 - part) * lib.jpegli_quality_to_distance(whole) + part * lib.jpegli_quality_to_distance(whole + 1))


def encode(pixels: NDArray[np.uint8], *, distance: float, subsampling: str = "420", progressive: bool = False) -> bytes:
    """Encode grey (rows, columns) or RGB (rows, columns, 3) pixels; ``distance`` 1.0 is about quality 90.

    Raises ``LimitExceeded`` where a side is longer than the library takes, and ``BadImage`` where there is no pixel:
    either would end the process.
    """
    if not pixels.size:
        raise BadImage("there are no pixels to encode")
    if max(pixels.shape[:2]) > MOST_SIDE_PX:
        raise LimitExceeded(
            f"jpeg holds at most {MOST_SIDE_PX} pixels a side",
            facts={"limit": MOST_SIDE_PX, "value": max(pixels.shape)},
        )
    ffi, lib, _ = _library()
    rows, columns = pixels.shape[:2]
    channels = 1 if pixels.ndim == 2 else 3
    pixels = np.ascontiguousarray(pixels)
    handle, _errors, out, size = _compressor(ffi, lib)
    handle.image_width, handle.image_height = columns, rows
    handle.input_components, handle.in_color_space = channels, _RGB if channels == 3 else _GREY
    lib.jpegli_set_defaults(handle)
    if channels == 3:
        across, down = {"420": (2, 2), "422": (2, 1), "440": (1, 2), "444": (1, 1)}[subsampling]
        handle.comp_info[0].h_samp_factor, handle.comp_info[0].v_samp_factor = across, down
    lib.jpegli_set_distance(handle, distance, 0)
    handle.optimize_coding = 1
    lib.jpegli_set_progressive_level(handle, 2 if progressive else 0)
    lib.jpegli_start_compress(handle, 1)
    base = ffi.cast("unsigned char *", pixels.ctypes.data)
    stride = columns * channels
    lines = ffi.new("unsigned char *[]", [base + row * stride for row in range(rows)])
    lib.jpegli_write_scanlines(handle, lines, rows)
    return _finish(handle, out, size)


@lru_cache(maxsize=64)
def tables(distance: float, subsampling: str) -> tuple[NDArray[np.uint16], ...]:
    """The quantisation tables of Y, Cb and Cr that ``encode`` would take, 64 steps each in zigzag order."""
    data = encode(np.zeros((16, 16, 3), np.uint8), distance=distance, subsampling=subsampling)
    found: dict[int, NDArray[np.uint16]] = {}
    at = 2
    while (marker := data[at + 1]) not in (0xC0, 0xC1, 0xC2):
        place, end = at + 4, at + 2 + int.from_bytes(data[at + 2 : at + 4], "big")
        while marker == 0xDB and place < end:  # DQT (ITU-T T.81, B.2.4.1)
            kind = np.dtype(">u2" if data[place] >> 4 else "u1")
            found[data[place] & 15] = np.frombuffer(data, kind, 64, place + 1).astype(np.uint16)
            place += 1 + 64 * kind.itemsize
        at = end
    return tuple(found[data[at + 12 + 3 * index]] for index in range(data[at + 9]))


def transcode(data: bytes, *, progressive: bool) -> bytes:
    """Rewrite a JPEG's coefficients with optimal Huffman tables; no coefficient changes, no APPn segment is kept.

    Ends the process on a fatal error in ``data``.
    """
    ffi, lib, _ = _library()
    reader, errors = ffi.new("char[]", 4096), ffi.new("char[]", 1024)
    ffi.cast("void **", reader)[0] = lib.jpegli_std_error(errors)
    lib.jpegli_CreateDecompress(reader, _LIBJPEG_62, _DECOMPRESS_BYTES)
    source = ffi.from_buffer(data)
    lib.jpegli_mem_src(reader, ffi.cast("const unsigned char *", source), len(data))
    lib.jpegli_read_header(reader, 1)
    coefficients = lib.jpegli_read_coefficients(reader)
    handle, _errors, out, size = _compressor(ffi, lib)
    lib.jpegli_copy_critical_parameters(reader, handle)
    handle.optimize_coding = 1
    lib.jpegli_set_progressive_level(handle, 2 if progressive else 0)
    lib.jpegli_write_coefficients(handle, coefficients)
    return _finish(handle, out, size)
