/* Rate-distortion optimal quantisation for baseline JPEG ("trellis quantisation").

   For each 8x8 block this chooses, of all ways to round its coefficients, the one with the least
   distortion + bits: the Viterbi search of mozjpeg's quantize_trellis (jcdctmgr.c), written anew. Distortion is the
   squared error in steps of the quantisation table, times `weight`. Bits are what the symbols would take if their code
   were as long as their frequency in the component's plain rounding says.

   No allocation, no library but libm: the caller brings every buffer. Built by `make native`. */

#include <math.h>

#include "own.h"

static const uint8_t ZIGZAG[64] = {
    0,  1,  8,  16, 9,  2,  3,  10, 17, 24, 32, 25, 18, 11, 4,  5,  12, 19, 26, 33, 40, 48, 41, 34, 27, 20, 13, 6,  7,  14, 21, 28,
    35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51, 58, 59, 52, 45, 38, 31, 39, 46, 53, 60, 61, 54, 47, 55, 62, 63};

enum { MOST_VALUE = 1023 }; /* of an AC coefficient in baseline JPEG (ITU-T T.81, F.1.2.2) */

static int bits_of(int value) { return value ? 32 - __builtin_clz((unsigned)value) : 0; }

/* The orthonormal two-dimensional DCT-II; both loops inside run over eight neighbours, which compilers make one of. */
static void transform(const float *restrict in, float *restrict out, const float basis[8][8], const float turned[8][8]) {
  float half[64] = {0};
  memset(out, 0, 64 * sizeof(float));
  for (int u = 0; u < 8; u++)
    for (int k = 0; k < 8; k++)
      for (int x = 0; x < 8; x++) half[8 * u + x] += basis[u][k] * in[8 * k + x];
  for (int u = 0; u < 8; u++)
    for (int k = 0; k < 8; k++)
      for (int v = 0; v < 8; v++) out[8 * u + v] += half[8 * u + k] * turned[k][v];
}

/* A plane to be rounded: whole blocks, `wide` by `high` of them, `stride` bytes a row; the table is in zigzag order. */
typedef struct {
  const uint8_t *samples;
  const uint16_t *table;
  int wide, high, stride;
} Plane;

typedef struct {
  float basis[8][8], turned[8][8], inverse[64];
} Transform;

static void prepare(Transform *to, const uint16_t *table) {
  for (int u = 0; u < 8; u++)
    for (int x = 0; x < 8; x++)
      to->turned[x][u] = to->basis[u][x] =
          (float)((u ? 0.5 : 0.35355339059327373) * cos((2 * x + 1) * u * 3.14159265358979323846 / 16));
  for (int i = 0; i < 64; i++) to->inverse[i] = 1.0f / table[i];
}

/* One block's coefficients in steps of the table, in zigzag order; the mean square of the AC ones in levels. */
static float steps_of(const Plane *plane, const Transform *with, int bx, int by, float *steps) {
  float in[64], out[64], energy = 0;
  const uint8_t *at = plane->samples + (long)by * 8 * plane->stride + bx * 8;
  for (int y = 0; y < 8; y++)
    for (int x = 0; x < 8; x++) in[8 * y + x] = (float)at[(long)y * plane->stride + x] - 128.0f;
  transform(in, out, with->basis, with->turned);
  for (int i = 1; i < 64; i++) energy += out[i] * out[i];
  for (int i = 0; i < 64; i++) steps[i] = out[ZIGZAG[i]] * with->inverse[i];
  return energy / 63;
}

/* How often each symbol (run << 4 | bits) would be coded where a block is rounded by itself, a little towards zero. */
static void count(const float *steps, long counts[256]) {
  int run = 0;
  for (int i = 1; i < 64; i++) {
    int value = (int)(fabsf(steps[i]) + 0.4f);
    if (!value) {
      run++;
      continue;
    }
    for (; run > 15; run -= 16) counts[0xF0]++;
    counts[run << 4 | bits_of(value > MOST_VALUE ? MOST_VALUE : value)]++;
    run = 0;
  }
  if (run) counts[0]++;
}

/* What a symbol takes where its code is as long as its frequency says. */
static void price(const long counts[256], float cost[256]) {
  long all = 0;
  for (int i = 0; i < 256; i++) all += counts[i];
  for (int i = 0; i < 256; i++) {
    float bits = counts[i] ? log2f((float)all / counts[i]) : 16.0f;
    cost[i] = bits < 1 ? 1 : bits > 16 ? 16 : bits;
  }
}

/* How much an error weighs in a block of so much energy: more where it is smooth, as the eye sees it there. The
   exponent, the middle and the bounds are those that brought the most at equal SSIMULACRA2. */
static float weight_in(float weight, float energy) {
  float factor = powf((energy + 1) / 100, -0.3f);
  return weight * (factor < 0.4f ? 0.4f : factor > 2.5f ? 2.5f : factor);
}

/* The best rounding of one block's 63 AC coefficients. */
static void best(const float *x, int16_t *values, const float cost[256], float weight) {
  float zero[64], total[64]; /* distortion of zeros up to here; least cost of a path whose last value is here */
  int from[64], list[64], listed = 1;
  int16_t chosen[64];
  zero[0] = 0;
  total[0] = 0;
  list[0] = 0;
  for (int i = 1; i < 64; i++) {
    float size = fabsf(x[i]);
    zero[i] = zero[i - 1] + weight * size * size;
    int most = (int)(size + 0.5f);
    values[i] = 0;
    if (!most) continue;
    if (most > MOST_VALUE) most = MOST_VALUE;
    int candidates[3], number = 0, bits = bits_of(most);
    candidates[number++] = most;
    if (most > 1) {
      candidates[number++] = most - 1;
      int shorter = (1 << (bits - 1)) - 1;
      if (shorter < most - 1) candidates[number++] = shorter;
    }
    total[i] = INFINITY;
    for (int c = 0; c < number; c++) {
      int value = candidates[c], length = bits_of(value);
      float error = size - value, own = weight * error * error + length;
      for (int k = listed - 1; k >= 0; k--) {
        int j = list[k], run = i - 1 - j;
        float whole = total[j] + (zero[i - 1] - zero[j]) + own + cost[(run & 15) << 4 | length] + (run >> 4) * cost[0xF0];
        if (whole < total[i]) {
          total[i] = whole;
          from[i] = j;
          chosen[i] = (int16_t)value;
        }
      }
    }
    list[listed++] = i;
  }
  int last = 0;
  float least = INFINITY;
  for (int k = 0; k < listed; k++) {
    int i = list[k];
    float whole = total[i] + (zero[63] - zero[i]) + (i < 63 ? cost[0] : 0);
    if (whole < least) {
      least = whole;
      last = i;
    }
  }
  for (; last; last = from[last]) values[last] = x[last] < 0 ? -chosen[last] : chosen[last];
}

/* Round all coefficients of a plane: `values` are [high * wide][64] in zigzag order, blocks in rows. */
void pixlean_quantise(const Plane *plane, float weight, int16_t *values) {
  Transform with;
  float steps[64], cost[256];
  long counts[256] = {0};
  int every = plane->high < 64 ? 1 : 4; /* rows of blocks that tell the frequencies */
  prepare(&with, plane->table);
  for (int by = 0; by < plane->high; by += every)
    for (int bx = 0; bx < plane->wide; bx++) {
      steps_of(plane, &with, bx, by, steps);
      count(steps, counts);
    }
  price(counts, cost);
  for (int by = 0; by < plane->high; by++)
    for (int bx = 0; bx < plane->wide; bx++, values += 64) {
      float energy = steps_of(plane, &with, bx, by, steps);
      best(steps, values, cost, weight_in(weight, energy));
      values[0] = (int16_t)lrintf(steps[0]);
    }
}

/* Entropy coding with the codes of ITU-T T.81, Annex K.3: they are made anew from what is here. */
typedef struct {
  uint8_t *out;
  long size, most;
  uint64_t bits;
  int held;
} Writer;

static void put(Writer *to, uint32_t code, int length) {
  to->bits = to->bits << length | code;
  to->held += length;
  while (to->held >= 8) {
    uint8_t byte = (uint8_t)(to->bits >> (to->held - 8));
    to->held -= 8;
    if (to->size + 2 > to->most) return;
    to->out[to->size++] = byte;
    if (byte == 0xFF) to->out[to->size++] = 0;
  }
}

static void codes_of(const uint8_t *lengths, const uint8_t *symbols, uint16_t code[256], uint8_t length[256]) {
  uint16_t next = 0;
  memset(length, 0, 256);
  for (int bits = 1, at = 0; bits <= 16; bits++, next <<= 1)
    for (int k = 0; k < lengths[bits - 1]; k++, at++, next++) {
      code[symbols[at]] = next;
      length[symbols[at]] = (uint8_t)bits;
    }
}

typedef struct {
  const int16_t *values; /* [high * wide][64], zigzag */
  int wide, high;        /* blocks, whole units of the interleaving */
  int across, down;      /* sampling factors */
  int table;             /* 0 luma, 1 chroma */
} Component;

/* The interleaved scan of all components; bytes written, or -1 where `most` is too little. `dht` is four tables of
   16 lengths and 256 symbols: DC luma, AC luma, DC chroma, AC chroma. */
long pixlean_scan(const Component *components, int number, const uint8_t *dht, uint8_t *out, long most) {
  uint16_t code[4][256];
  uint8_t length[4][256];
  int before[4] = {0};
  Writer to = {out, 0, most, 0, 0};
  for (int i = 0; i < 4; i++) codes_of(dht + 272 * i, dht + 272 * i + 16, code[i], length[i]);
  int units_wide = components[0].wide / components[0].across, units_high = components[0].high / components[0].down;
  for (int uy = 0; uy < units_high; uy++)
    for (int ux = 0; ux < units_wide; ux++)
      for (int c = 0; c < number; c++) {
        const Component *one = components + c;
        const uint16_t *dc = code[2 * one->table], *ac = code[2 * one->table + 1];
        const uint8_t *dc_length = length[2 * one->table], *ac_length = length[2 * one->table + 1];
        for (int y = 0; y < one->down; y++)
          for (int x = 0; x < one->across; x++) {
            const int16_t *v = one->values + 64 * ((long)(uy * one->down + y) * one->wide + ux * one->across + x);
            int difference = v[0] - before[c], size = difference < 0 ? -difference : difference, bits = bits_of(size);
            before[c] = v[0];
            put(&to, dc[bits], dc_length[bits]);
            put(&to, (uint32_t)(difference < 0 ? difference - 1 : difference) & ((1u << bits) - 1), bits);
            int run = 0;
            for (int i = 1; i < 64; i++) {
              if (!v[i]) {
                run++;
                continue;
              }
              for (; run > 15; run -= 16) put(&to, ac[0xF0], ac_length[0xF0]);
              size = v[i] < 0 ? -v[i] : v[i];
              bits = bits_of(size);
              put(&to, ac[run << 4 | bits], ac_length[run << 4 | bits]);
              put(&to, (uint32_t)(v[i] < 0 ? v[i] - 1 : v[i]) & ((1u << bits) - 1), bits);
              run = 0;
            }
            if (run) put(&to, ac[0], ac_length[0]);
            if (to.size + 2 > to.most) return -1;
          }
      }
  if (to.held) put(&to, (1u << (8 - to.held)) - 1, 8 - to.held);
  return to.size + 2 > to.most ? -1 : to.size;
}
