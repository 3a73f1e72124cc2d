/* Mapping pixels to a palette so that deflate finds what it has seen before.

   Each pixel takes the palette entry that continues the match in hand where that entry is within the pixel's tolerance
   of the nearest one; where none does, the longest match that could begin here is looked for: one pixel to the left,
   up to two rows above, and wherever the last two indices stood before. The error is diffused (Floyd and Steinberg).

   Colours are four floats, premultiplied, with the weights of the channels in them, so that a distance is a sum of
   squares. No allocation, no library: the caller brings every buffer. Built by `make native`. */

#include "own.h"

enum {
  WINDOW = 32768, /* deflate's */
  BUCKETS = 65536,
  LONGEST = 64, /* pixels that are looked ahead: further ones rarely decide */
  CANDIDATES = 24
};

/* `pixels` are rows of `wide` times `high` RGBA bytes; `tolerance` is what a pixel's squared distance may be above that
   of its nearest entry. `palette` holds `size` entries by rising second float. Scratch: `nearest` has a float for each
   pixel, `errors` 8 * (wide + 2), `heads` BUCKETS and `links` WINDOW ints. */
typedef struct {
  const uint8_t *pixels;
  const float *tolerance;
  const float *palette;
  float *nearest, *errors;
  int32_t *heads, *links;
  float weights[4];
  float dither;
  int wide, high, size, shortest;
} Mapping;

static void colour_of(const Mapping *m, long at, float *to) {
  const uint8_t *from = m->pixels + 4 * at;
  float alpha = from[3] * (1.0f / 255);
  for (int k = 0; k < 3; k++) to[k] = m->weights[k] * alpha * from[k];
  to[3] = m->weights[3] * from[3];
}

static inline float distance(const float *a, const float *b) {
  float sum = 0;
  for (int k = 0; k < 4; k++) sum += (a[k] - b[k]) * (a[k] - b[k]);
  return sum;
}

/* The nearest entry: outwards from where the second float would stand, until that alone is too far. */
static int nearest(const Mapping *m, const float *colour, float *found) {
  const float *palette = m->palette;
  int low = 0, high = m->size;
  while (low < high) {
    int middle = (low + high) / 2;
    if (palette[4 * middle + 1] < colour[1]) low = middle + 1;
    else high = middle;
  }
  float best = 1e30f;
  int entry = 0;
  for (int up = low, down = low - 1; up < m->size || down >= 0;) {
    if (up < m->size) {
      float gap = palette[4 * up + 1] - colour[1];
      if (gap * gap >= best) up = m->size;
      else {
        float d = distance(colour, palette + 4 * up);
        if (d < best) best = d, entry = up;
        up++;
      }
    }
    if (down >= 0) {
      float gap = colour[1] - palette[4 * down + 1];
      if (gap * gap >= best) down = -1;
      else {
        float d = distance(colour, palette + 4 * down);
        if (d < best) best = d, entry = down;
        down--;
      }
    }
  }
  *found = best;
  return entry;
}

/* How many pixels from `at` on could repeat what stands `back` pixels before; the first one has the colour `first`. */
static int run_length(const Mapping *m, const uint8_t *out, long at, int back, const float *first, float limit) {
  long end = (long)m->wide * m->high;
  /* The byte that begins a row stands between two rows: only matches of whole rows go on beyond it. */
  if (back % m->wide) end = at - at % m->wide + m->wide;
  int length = 0;
  for (; length < LONGEST && at + length < end; length++) {
    int entry = out[at - back + length % back];
    float colour[4];
    if (length) colour_of(m, at + length, colour);
    float most = length ? m->nearest[at + length] + m->tolerance[at + length] : limit;
    if (distance(length ? colour : first, m->palette + 4 * entry) > most) break;
  }
  return length;
}

static int longest_match(const Mapping *m, const uint8_t *out, long at, const float *colour, float limit) {
  int wide = m->wide, found = m->shortest - 1, back = 0;
  int candidates[CANDIDATES], number = 0;
  int near[] = {1, wide, wide + 1, wide - 1, 2 * wide};
  for (int i = 0; i < 5; i++)
    if (near[i] > 0 && near[i] <= at && near[i] < WINDOW) candidates[number++] = near[i];
  if (at >= 2) {
    unsigned bucket = (out[at - 1] * 257u + out[at - 2] * 7919u) & (BUCKETS - 1);
    for (long place = m->heads[bucket]; place >= 0 && number < CANDIDATES; place = m->links[place & (WINDOW - 1)]) {
      if (at - place >= WINDOW - 1 || place >= at) break;
      candidates[number++] = (int)(at - place);
    }
  }
  for (int i = 0; i < number; i++) {
    int length = run_length(m, out, at, candidates[i], colour, limit);
    if (length > found) found = length, back = candidates[i];
  }
  return back;
}

static void diffuse(const Mapping *m, int x, const float *colour, const float *entry, float *here, float *below) {
  for (int k = 0; k < 4; k++) {
    float error = m->dither * (colour[k] - entry[k]);
    error = error > 12 ? 12 : error < -12 ? -12 : error; /* what is far off would show elsewhere */
    here[4 * (x + 2) + k] += error * (7.0f / 16);
    below[4 * x + k] += error * (3.0f / 16);
    below[4 * (x + 1) + k] += error * (5.0f / 16);
    below[4 * (x + 2) + k] += error * (1.0f / 16);
  }
}

void pixlean_map(const Mapping *m, uint8_t *out) {
  int wide = m->wide, back = 0;
  for (long at = 0; at < (long)wide * m->high; at++) {
    float colour[4];
    colour_of(m, at, colour);
    nearest(m, colour, m->nearest + at);
  }
  memset(m->errors, 0, sizeof(float) * 8 * (size_t)(wide + 2));
  for (int i = 0; i < BUCKETS; i++) m->heads[i] = -1;
  for (int y = 0; y < m->high; y++) {
    float *here = m->errors + 4 * (size_t)(wide + 2) * (y & 1), *below = m->errors + 4 * (size_t)(wide + 2) * (~y & 1);
    memset(below, 0, sizeof(float) * 4 * (size_t)(wide + 2));
    if (back % wide) back = 0;
    for (int x = 0; x < wide; x++) {
      long at = (long)y * wide + x;
      float colour[4], best;
      colour_of(m, at, colour);
      int shows = m->pixels[4 * at + 3] != 0; /* where nothing shows no error does, either */
      for (int k = 0; k < 4 && shows; k++) colour[k] += here[4 * (x + 1) + k];
      int entry = nearest(m, colour, &best);
      float limit = best + m->tolerance[at];
      if (back && distance(colour, m->palette + 4 * out[at - back]) > limit) back = 0;
      if (!back) back = longest_match(m, out, at, colour, limit);
      if (back) entry = out[at - back];
      out[at] = (uint8_t)entry;
      if (at) {
        unsigned bucket = (out[at] * 257u + out[at - 1] * 7919u) & (BUCKETS - 1);
        m->links[(at + 1) & (WINDOW - 1)] = m->heads[bucket];
        m->heads[bucket] = (int32_t)(at + 1);
      }
      if (shows) diffuse(m, x, colour, m->palette + 4 * entry, here, below);
    }
  }
}
