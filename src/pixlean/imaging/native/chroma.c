/* JPEG's colour planes, and what a picture loses when its colours are stored at half the size. No allocation, no library: the caller brings every
   buffer. Built by `make native`. */

#include "own.h"

enum { BITS = 16, HALF = 1 << (BITS - 1), MIDDLE = 128, PLANES = 3 };

/* Y, Cb and Cr (BT.601, full range) in 16 bits behind the point; each row sums up to one or to nothing. */
static const int WEIGHTS[PLANES][3] = {{19595, 38470, 7471}, {-11059, -21709, 32768}, {32768, -27439, -5329}};

INSIDE uint8_t within(int level) { return level < 0 ? 0 : level > 255 ? 255 : level; }

INSIDE void plane_of(const uint8_t *rgb, long pixels, int channels, int plane, uint8_t *restrict to) {
  const int red = WEIGHTS[plane][0], green = WEIGHTS[plane][1], blue = WEIGHTS[plane][2];
  const int offset = (plane ? MIDDLE << BITS : 0) + HALF;
  for (long at = 0; at < pixels; at++) {
    const uint8_t *pixel = rgb + channels * at;
    to[at] = within((red * pixel[0] + green * pixel[1] + blue * pixel[2] + offset) >> BITS);
  }
}

/* `rgb` has `channels` (3 or 4) to a pixel, the first three of them colours; `out` is three planes, one behind the other. */
WIDE void pixlean_planes(const uint8_t *rgb, long pixels, int channels, uint8_t *out) {
  for (int plane = 0; plane < PLANES; plane++) {
    if (channels == 3) plane_of(rgb, pixels, 3, plane, out + plane * pixels);
    else plane_of(rgb, pixels, 4, plane, out + plane * pixels);
  }
}

/* The way back, to three bytes a pixel. */
WIDE void pixlean_colours(const uint8_t *planes, long pixels, uint8_t *restrict rgb) {
  const uint8_t *luma = planes, *blue = planes + pixels, *red = planes + 2 * pixels;
  for (long at = 0; at < pixels; at++) {
    int level = (luma[at] << BITS) + HALF, cb = blue[at] - MIDDLE, cr = red[at] - MIDDLE;
    rgb[3 * at] = within((level + 91881 * cr) >> BITS);
    rgb[3 * at + 1] = within((level - 22554 * cb - 46802 * cr) >> BITS);
    rgb[3 * at + 2] = within((level + 116130 * cb) >> BITS);
  }
}

/* The sum of what both colour planes differ by, level by level, after a mean of 2 x 2 and linear interpolation.

   `rgb` has rows of `stride` bytes, `channels` to a pixel, the first three of them colours; `rows` and `columns` are
   even. Scratch: `whole` has rows * columns bytes, `half` (rows / 2 + 2) * (columns / 2 + 2). */
WIDE long pixlean_halving_loss(const uint8_t *rgb, int rows, int columns, long stride, int channels, uint8_t *whole,
                               uint8_t *half) {
  const int down = rows / 2, across = columns / 2, wide = across + 2;
  long sum = 0;
  for (int plane = 1; plane < PLANES; plane++) {
    for (int row = 0; row < rows; row++) {
      if (channels == 3) plane_of(rgb + row * stride, columns, 3, plane, whole + (long)row * columns);
      else plane_of(rgb + row * stride, columns, 4, plane, whole + (long)row * columns);
    }
    /* Half the size, with a margin of its edge all around. */
    for (int row = 0; row < down; row++) {
      const uint8_t *upper = whole + 2L * row * columns, *lower = upper + columns;
      uint8_t *to = half + (row + 1L) * wide + 1;
      for (int at = 0; at < across; at++)
        to[at] = (upper[2 * at] + upper[2 * at + 1] + lower[2 * at] + lower[2 * at + 1] + 2) >> 2;
      to[-1] = to[0];
      to[across] = to[across - 1];
    }
    for (int at = 0; at < wide; at++) {
      half[at] = half[wide + at];
      half[(down + 1L) * wide + at] = half[(long)down * wide + at];
    }
    for (int row = 0; row < rows; row++) {
      const uint8_t *of = whole + (long)row * columns;
      const uint8_t *near = half + (row / 2 + 1L) * wide + 1, *far = row & 1 ? near + wide : near - wide;
      int row_sum = 0;
      for (int at = 0; at < across; at++) {
        int here = 3 * near[at] + far[at], before = 3 * near[at - 1] + far[at - 1], after = 3 * near[at + 1] + far[at + 1];
        int left = of[2 * at] - ((3 * here + before + 8) >> 4), right = of[2 * at + 1] - ((3 * here + after + 8) >> 4);
        row_sum += (left < 0 ? -left : left) + (right < 0 ? -right : right);
      }
      sum += row_sum;
    }
  }
  return sum;
}
