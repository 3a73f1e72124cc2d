#!/bin/sh
# Build src/pixlean/imaging/native for every machine that we ship for: `make native`. Zig's C compiler makes the same
# bytes everywhere and links against a glibc of 2014, so that what it made is committed and no user needs a compiler.
set -eu
python=$1
cd "$(dirname "$0")/../src/pixlean/imaging/native"
for name in chroma jpegtrellis palettemap perception resample; do
  digest=$(cat own.h "$name.c" | sha256sum | cut -c1-64)
  for machine in x86_64 aarch64; do
    "$python" -m ziglang cc -target "$machine-linux-gnu.2.17" -O3 -ffast-math -fno-finite-math-only -fPIC -shared -s \
      -Wall -Wextra -Werror -DSOURCE="\"$digest\"" -o "$name-$machine.so" "$name.c" -lm
  done
done
