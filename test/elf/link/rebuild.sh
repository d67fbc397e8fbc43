#!/bin/sh
# Compiles the objects again that the tests of static linking use. They are committed, so that the
# tests run without clang.
set -eu
cd "$(dirname "$0")"
map="-ffile-prefix-map=$PWD=."
for name in first second probe probe-more; do
  clang-14 "$map" -I../../object/fixtures -O2 -g -w -mcpu=v2 -target bpfel -c $name.c -o $name-14-el.o
  clang-16 "$map" -I../../object/fixtures -O2 -g -w -mcpu=v2 -target bpfeb -c $name.c -o $name-16-eb.o
  clang-19 "$map" -I../../object/fixtures -O2 -g -w -mcpu=v3 -target bpfel -c $name.c -o $name-19-el.o
done
# The others keep theirs, for the tests of stripping.
for object in probe*.o; do llvm-objcopy-19 --strip-debug "$object"; done
for name in gcc-first gcc-second; do bpf-gcc -O2 -c $name.c -o $name.o; done
