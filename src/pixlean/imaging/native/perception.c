/* The sums of SSIMULACRA2: light, opponent colours, means of neighbourhoods, and what differs between two pictures.

   Pictures are three planes of `rows` times `columns` floats, one behind the other. A row is blurred along itself once
   and kept in a ring of eleven, from which the blur across rows is summed: what is worked on stays in the cache. No
   allocation, no library but cbrt's: the caller brings every buffer. Built by `make native`. */

#include "own.h"

enum { CHANNELS = 3, TAPS = 11, REACH = TAPS / 2, MAPS = 3 };

/* A Gaussian of sigma 1.5 on eleven taps, from the middle outwards; outside of the picture is nothing. */
static const float GAUSSIAN[REACH + 1] = {0.26601171f, 0.21300553f, 0.10936069f, 0.03600077f, 0.00759876f, 0.00102838f};

/* libjxl's opsin absorbance and its bias. */
static const float OPSIN[CHANNELS][CHANNELS] = {
    {0.30f, 0.622f, 0.078f}, {0.23f, 0.692f, 0.078f}, {0.24342268924547819f, 0.20476744424496821f, 0.5518098665095536f}};
static const float BIAS = 0.0037930732552754493f;

/* What a pixel's light is: `light` holds 256 levels. Three bytes a pixel in, three planes out. */
WIDE void pixlean_light(const uint8_t *rgb, const float *light, long pixels, float *out) {
  for (long at = 0; at < pixels; at++)
    for (int channel = 0; channel < CHANNELS; channel++) out[channel * pixels + at] = light[rgb[CHANNELS * at + channel]];
}

/* Half the size on both sides; an odd last row or column counts twice. `out` is the halves rounded up. */
WIDE void pixlean_halve(const float *light, int rows, int columns, float *out) {
  int down = (rows + 1) / 2, across = (columns + 1) / 2;
  for (int channel = 0; channel < CHANNELS; channel++) {
    for (int row = 0; row < down; row++) {
      const float *upper = light + ((long)channel * rows + 2 * row) * columns;
      const float *lower = 2 * row + 1 < rows ? upper + columns : upper;
      float *to = out + ((long)channel * down + row) * across;
      for (int at = 0; at < columns / 2; at++)
        to[at] = (upper[2 * at] + upper[2 * at + 1] + lower[2 * at] + lower[2 * at + 1]) * 0.25f;
      if (columns & 1) to[across - 1] = (upper[columns - 1] + lower[columns - 1]) * 0.5f;
    }
  }
}

/* The cube root of what is not negative: a guess by its exponent, and three of Newton's steps, each without a
   second division; the error is that of a float. */
INSIDE float cube_root(float value) {
  union {
    float real;
    int32_t bits;
  } guess = {value};
  guess.bits = guess.bits / 3 + 0x2a514067;
  float root = guess.real;
  for (int step = 0; step < 3; step++) root = (2 * root + value / (root * root)) * (1.0f / 3);
  return root;
}

/* Linear light to XYB, moved to positive values as the metric does: X * 14 + .42, Y + .01, B - Y + .55. */
WIDE void pixlean_xyb(const float *light, long pixels, float *out) {
  const float *red = light, *green = light + pixels, *blue = light + 2 * pixels;
  float *x = out, *y = out + pixels, *b = out + 2 * pixels;
  const float bias_root = cube_root(BIAS);
  for (long at = 0; at < pixels; at++) {
    float cone[CHANNELS];
    for (int k = 0; k < CHANNELS; k++) {
      float mixed = OPSIN[k][0] * red[at] + OPSIN[k][1] * green[at] + OPSIN[k][2] * blue[at] + BIAS;
      cone[k] = cube_root(mixed > 0 ? mixed : 0);
    }
    float mean = 0.5f * (cone[0] + cone[1]);
    x[at] = 7 * (cone[0] - cone[1]) + 0.42f;
    y[at] = mean - bias_root + 0.01f;
    b[at] = cone[2] - mean + 0.55f;
  }
}

/* `row` has REACH floats of nothing on both sides. */
INSIDE void blur_along(const float *restrict row, int columns, float *restrict out) {
  for (int at = 0; at < columns; at++) {
    const float *from = row + at;
    float sum = GAUSSIAN[0] * from[REACH];
    for (int k = 1; k <= REACH; k++) sum += GAUSSIAN[k] * (from[REACH - k] + from[REACH + k]);
    out[at] = sum;
  }
}

INSIDE void blur_across(const float *const *rows, int columns, float *restrict out) {
  for (int at = 0; at < columns; at++) {
    float sum = GAUSSIAN[0] * rows[REACH][at];
    for (int k = 1; k <= REACH; k++) sum += GAUSSIAN[k] * (rows[REACH - k][at] + rows[REACH + k][at]);
    out[at] = sum;
  }
}

/* Scratch of a blur of `kinds` products at once: a ring of TAPS rows for each, a row of nothing, a row with its margins
   and a result for each: (kinds * (TAPS + 1) + 2) * (columns + 2 * REACH) floats. */
typedef struct {
  float *ring, *nothing, *margin, *result;
  int stride;
} Blur;

INSIDE Blur blur_in(float *scratch, int kinds, int columns) {
  Blur blur;
  blur.stride = columns + 2 * REACH;
  blur.ring = scratch;
  blur.nothing = blur.ring + (long)kinds * TAPS * blur.stride;
  blur.margin = blur.nothing + blur.stride;
  blur.result = blur.margin + blur.stride;
  memset(blur.nothing, 0, 2 * sizeof(float) * blur.stride);
  return blur;
}

INSIDE float *ring_row(const Blur *blur, int kind, int row) {
  return blur->ring + ((long)kind * TAPS + row % TAPS) * blur->stride;
}

INSIDE const float *blurred(const Blur *blur, int kind, int row, int rows, int columns) {
  const float *around[TAPS];
  for (int k = 0; k < TAPS; k++) {
    int at = row + k - REACH;
    around[k] = at < 0 || at >= rows ? blur->nothing : ring_row(blur, kind, at);
  }
  float *out = blur->result + (long)kind * blur->stride;
  blur_across(around, columns, out);
  return out;
}

/* What a picture has in common with itself must come out as nothing at all: these are computed as they are written. */
#define AS_WRITTEN _Pragma("clang fp reassociate(off) contract(off) reciprocal(off)")

INSIDE float spread(float product, float mean1, float mean2) {
  AS_WRITTEN
  return product - mean1 * mean2;
}

INSIDE float size_of(float value) { return value < 0 ? -value : value; }

INSIDE float above_zero(float value) { return value > 0 ? value : 0; }

INSIDE float unlike(float shift, float variance1, float variance2, float covariance) {
  AS_WRITTEN
  const float c2 = 0.0009f;
  float alike = (1 - shift * shift) * (2 * covariance + c2) / (variance1 + variance2 + c2);
  return above_zero(1 - alike);
}

INSIDE float edge_change(float off1, float off2) {
  AS_WRITTEN
  return (size_of(off2) + 1) / (size_of(off1) + 1) - 1;
}

/* The mean of each pixel's neighbourhood and its variance. Scratch is a Blur of two kinds. */
WIDE void pixlean_prepare(const float *xyb, int rows, int columns, float *mean, float *variance, float *scratch) {
  for (int channel = 0; channel < CHANNELS; channel++) {
    Blur blur = blur_in(scratch, 2, columns);
    long plane = (long)channel * rows * columns;
    for (int row = -REACH; row < rows; row++) {
      int next = row + REACH;
      if (next < rows) {
        const float *from = xyb + plane + (long)next * columns;
        float *margin = blur.margin + REACH;
        memcpy(margin, from, sizeof(float) * columns);
        blur_along(blur.margin, columns, ring_row(&blur, 0, next));
        for (int at = 0; at < columns; at++) margin[at] = from[at] * from[at];
        blur_along(blur.margin, columns, ring_row(&blur, 1, next));
      }
      if (row < 0) continue;
      const float *value = blurred(&blur, 0, row, rows, columns);
      const float *square = blurred(&blur, 1, row, rows, columns);
      float *to = mean + plane + (long)row * columns, *away = variance + plane + (long)row * columns;
      for (int at = 0; at < columns; at++) {
        to[at] = value[at];
        away[at] = spread(square[at], value[at], value[at]);
      }
    }
  }
}

/* A row's share of a channel's sums: for each of the three maps (structure, artefacts, lost detail) the sum and the
   sum of fourth powers. */
INSIDE void add_row(const float *restrict xyb1, const float *restrict mean1, const float *restrict variance1,
                    const float *restrict xyb2, const float *restrict mean2, const float *restrict square2,
                    const float *restrict product, int columns, double *sums) {
  float structure = 0, structure4 = 0, added = 0, added4 = 0, lost = 0, lost4 = 0;
  for (int at = 0; at < columns; at++) {
    float one = mean1[at], two = mean2[at];
    float off = unlike(one - two, variance1[at], spread(square2[at], two, two), spread(product[at], one, two));
    float edge = edge_change(xyb1[at] - one, xyb2[at] - two);
    float more = above_zero(edge), less = above_zero(-edge);
    structure += off;
    added += more;
    lost += less;
    structure4 += (off * off) * (off * off);
    added4 += (more * more) * (more * more);
    lost4 += (less * less) * (less * less);
  }
  const float row[2 * MAPS] = {structure, structure4, added, added4, lost, lost4};
  for (int k = 0; k < 2 * MAPS; k++) sums[k] += row[k];
}

/* A prepared picture against another's XYB: six sums for each channel. Scratch is a Blur of three kinds. */
WIDE void pixlean_compare(const float *xyb1, const float *mean1, const float *variance1, const float *xyb2, int rows,
                          int columns, float *scratch, double *sums) {
  memset(sums, 0, sizeof(double) * CHANNELS * 2 * MAPS);
  for (int channel = 0; channel < CHANNELS; channel++) {
    Blur blur = blur_in(scratch, 3, columns);
    long plane = (long)channel * rows * columns;
    for (int row = -REACH; row < rows; row++) {
      int next = row + REACH;
      if (next < rows) {
        long from = plane + (long)next * columns;
        const float *one = xyb1 + from, *two = xyb2 + from;
        float *margin = blur.margin + REACH;
        memcpy(margin, two, sizeof(float) * columns);
        blur_along(blur.margin, columns, ring_row(&blur, 0, next));
        for (int at = 0; at < columns; at++) margin[at] = two[at] * two[at];
        blur_along(blur.margin, columns, ring_row(&blur, 1, next));
        for (int at = 0; at < columns; at++) margin[at] = one[at] * two[at];
        blur_along(blur.margin, columns, ring_row(&blur, 2, next));
      }
      if (row < 0) continue;
      long at = plane + (long)row * columns;
      add_row(xyb1 + at, mean1 + at, variance1 + at, xyb2 + at, blurred(&blur, 0, row, rows, columns),
              blurred(&blur, 1, row, rows, columns), blurred(&blur, 2, row, rows, columns), columns,
              sums + channel * 2 * MAPS);
    }
  }
}

INSIDE float overlap(float from, float to, int at) {
  float begin = from > at ? from : at, end = to < at + 1 ? to : at + 1;
  return end > begin ? end - begin : 0;
}

/* Means over a grid of `down` times `across` regions of equal size, whose edges may lie within pixels; of four channels
   the last is alpha, and the others count as much as it. Scratch is a row of floats. */
WIDE void pixlean_regions(const uint8_t *pixels, int rows, int columns, int channels, int down, int across,
                          float *scratch, float *out) {
  const int width = columns * channels;
  const float high = (float)rows / down, wide = (float)columns / across;
  for (int region = 0; region < down; region++) {
    float top = region * high, bottom = region + 1 == down ? rows : (region + 1) * high;
    memset(scratch, 0, sizeof(float) * width);
    for (int row = (int)top; row < rows && row < bottom; row++) {
      const uint8_t *from = pixels + (long)row * width;
      float share = overlap(top, bottom, row);
      if (channels == 4) {
        for (int at = 0; at < columns; at++) {
          float alpha = share * from[4 * at + 3], shown = alpha * (1.0f / 255);
          for (int k = 0; k < 3; k++) scratch[4 * at + k] += shown * from[4 * at + k];
          scratch[4 * at + 3] += alpha;
        }
      } else {
        for (int at = 0; at < width; at++) scratch[at] += share * from[at];
      }
    }
    for (int beside = 0; beside < across; beside++) {
      float left = beside * wide, right = beside + 1 == across ? columns : (beside + 1) * wide;
      for (int channel = 0; channel < channels; channel++) {
        float sum = 0;
        for (int at = (int)left; at < columns && at < right; at++)
          sum += overlap(left, right, at) * scratch[at * channels + channel];
        *out++ = sum / (high * wide);
      }
    }
  }
}
