#!/usr/bin/env bash
# Builds everything for arm64 with Debian's cross compiler, and runs the unit tests and the programs under qemu.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
arm64=$PWD/build/arm64
qemu=$TESSERA_PEERS/usr/bin/qemu-aarch64-static
[ -x "$qemu" ] || { echo "arm64: no $qemu: run ./dev soak, which unpacks it" >&2; exit 1; }

tools/arm64_root "$arm64"
# Where g++ 12 errs, as the release preset has it, and its notes on what C++17 changed of the ABI.
flags="-O1 -g1 -Wno-maybe-uninitialized -Wno-array-bounds -Wno-restrict -Wno-psabi"
cmake -G Ninja -B "$arm64/build" --toolchain cmake/toolchains/aarch64.cmake -DCMAKE_CXX_FLAGS="$flags" \
  -DTESSERA_SYSROOT="$arm64/root" -DCMAKE_CROSSCOMPILING_EMULATOR="$qemu;-L;$arm64/root"
run() { "$qemu" -L "$arm64/root" "$@"; }
# The programs first: what they say takes seconds, the tests under qemu half an hour.
cmake --build "$arm64/build" -j "$(nproc)" --target programs
for program in tessera tessera-agent tessera-relay tessera-server tessera-sim; do run "$arm64/build/bin/$program" --version; done
# Its image, whose own loader and libraries stand in the place of the sysroot's.
rm -rf "$arm64/image"
tools/image/root agent "$arm64/build" "$arm64/image"
"$qemu" -L "$arm64/image/root" "$arm64/image/root/usr/bin/tessera-agent" --version
run "$arm64/build/bin/tessera-agent" --once --print table --nvml "$arm64/build/sim/libnvidia-ml.so.1"

cmake --build "$arm64/build" -j "$(nproc)" --target unit_tests
ctest --test-dir "$arm64/build" -L '^(unit|corpus)$' -j "$(nproc)" --timeout 600 --output-on-failure --no-tests=error
