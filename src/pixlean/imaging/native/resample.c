/* Lanczos in linear light and in the levels as they are encoded, both in one pass over the pixels; of each sample the
   brighter one. No allocation, no library: the caller brings every buffer. Built by `make native`. */

#include "own.h"

/* A pixel on its way: red, green, blue and alpha, each in linear light and as it is encoded; colours as much as they
   are visible. */
enum { LANES = 8, ALPHA = 6, PART = 64 * LANES, HIGHEST = 16383 };
typedef float Pixel __attribute__((vector_size(4 * LANES), aligned(4)));

/* `levels` has 256 pairs of linear light and the level itself, from 0 to 1. */
INSIDE void spread(const uint8_t *row, int columns, int channels, const float *levels, float *restrict out) {
  const int colours = channels >= 3 ? 3 : 1, step = colours == 3;
  const size_t pair = 2 * sizeof *levels;
  for (int at = 0; at < columns; at++, row += channels, out += LANES) {
    for (int colour = 0; colour < 3; colour++) memcpy(out + 2 * colour, levels + 2 * row[colour * step], pair);
    memcpy(out + ALPHA, levels + 2 * 255, pair);
    if (channels != colours) {
      const float visible = levels[2 * row[colours] + 1];
      *(Pixel *)out *= visible;
    }
  }
}

/* One row at its new width: each pixel is the sum of `taps` pixels from `starts` on, times `weights`. */
INSIDE void across(const float *pixels, int new_columns, const int *starts, const float *weights, int taps,
                   float *restrict out) {
  for (int at = 0; at < new_columns; at++, out += LANES, weights += taps) {
    const float *from = pixels + (long)LANES * starts[at];
    Pixel sums[4] = {0}; /* which don't wait for each other */
    int tap = 0;
    for (; tap + 3 < taps; tap += 4, from += 4 * LANES)
      for (int each = 0; each < 4; each++) sums[each] += weights[tap + each] * *(const Pixel *)(from + each * LANES);
    for (; tap < taps; tap++, from += LANES) sums[0] += weights[tap] * *(const Pixel *)from;
    *(Pixel *)out = (sums[0] + sums[1]) + (sums[2] + sums[3]);
  }
}

INSIDE float within(float value) { return value < 0 ? 0 : value > 1 ? 1 : value; }

/* The brighter of both ways, as it is stored; `encoded` has the level of each 16384th of linear light. */
INSIDE void stored(const float *row, int columns, int channels, const uint8_t *encoded, uint8_t *restrict out) {
  const int colours = channels >= 3 ? 3 : 1;
  for (int at = 0; at < columns; at++, row += LANES, out += channels) {
    float light = 1, plain = 1;
    if (channels != colours) {
      const int alpha = (int)(within(row[ALPHA]) * 255 + 0.5f);
      out[colours] = alpha;
      light = alpha ? 1 / row[ALPHA] : 0;
      plain = alpha ? 1 / row[ALPHA + 1] : 0;
    }
    for (int colour = 0; colour < colours; colour++) {
      const int bright = encoded[(int)(within(row[2 * colour] * light) * HIGHEST + 0.5f)];
      const int level = (int)(within(row[2 * colour + 1] * plain) * 255 + 0.5f);
      out[colour] = bright > level ? bright : level;
    }
  }
}

/* `pixels` are rows * columns of `channels` (1 to 4: grey or colours, with alpha or without) bytes, `out` new_rows *
   new_columns of the same. For each new row `down_starts` and `down_taps` weights say what it is the sum of, for each
   new column `across_starts` and `across_taps`. Scratch: `whole` has 8 * columns floats, `ring` 8 * new_columns *
   down_taps, `sum` 8 * new_columns. */
WIDE void pixlean_resample(const uint8_t *pixels, int columns, int channels, int new_rows, int new_columns,
                           const int *down_starts, const float *down_weights, int down_taps, const int *across_starts,
                           const float *across_weights, int across_taps, const float *levels, const uint8_t *encoded,
                           float *whole, float *ring, float *sum, uint8_t *out) {
  const long wide = (long)LANES * new_columns, row_bytes = (long)columns * channels;
  int ready = 0;  /* rows of the source that are in the ring, or were */
  for (int row = 0; row < new_rows; row++) {
    const int start = down_starts[row];
    const float *weights = down_weights + (long)row * down_taps;
    if (ready < start) ready = start;
    for (; ready < start + down_taps; ready++) {
      if (channels == 3) spread(pixels + ready * row_bytes, columns, 3, levels, whole);
      else spread(pixels + ready * row_bytes, columns, channels, levels, whole);
      across(whole, new_columns, across_starts, across_weights, across_taps, ring + ready % down_taps * wide);
    }
    for (long part = 0; part < wide; part += PART) {
      const long length = wide - part < PART ? wide - part : PART;
      float *to = sum + part;
      memset(to, 0, length * sizeof *to);
      for (int tap = 0; tap < down_taps; tap++) {
        const float weight = weights[tap], *from = ring + (start + tap) % down_taps * wide + part;
        for (long at = 0; at < length; at++) to[at] += weight * from[at];
      }
    }
    if (channels == 3) stored(sum, new_columns, 3, encoded, out + row * (long)new_columns * 3);
    else stored(sum, new_columns, channels, encoded, out + row * (long)new_columns * channels);
  }
}
