#!/bin/sh
# A build step: zig's cache with the C and C++ libraries of each target, which it compiles at first use (about 50 s a target).
set -eu
export ZIG_GLOBAL_CACHE_DIR="$EDGESEG_CACHE/zig" ZIG_LOCAL_CACHE_DIR="$EDGESEG_CACHE/zig"
python=$(echo "$EDGESEG_CACHE"/toolchain-*/bin/python)
work=$(mktemp -d)
echo '#include <iostream>
int main() { std::cout << "edgeseg" << std::endl; }' >"$work/hello.cc"
# The targets of toolchains/*.cmake.
for target in "aarch64-linux-gnu.2.28 -mcpu=cortex_a35" "aarch64-linux-gnu.2.28 -mcpu=generic" "x86_64-linux-gnu.2.28 -mcpu=x86_64"; do
    # Stripped, as cpp/CMakeLists.txt links its programs: zig builds the libraries a program is linked with in the same way.
    # shellcheck disable=SC2086  # a triple and an option
    "$python" -m ziglang c++ -target $target -std=c++17 -O2 -s "$work/hello.cc" -o "$work/hello"
done
rm -rf "$work"
mkdir -p "$EDGESEG_CACHE/archives" "$EDGESEG_CACHE/build" "$EDGESEG_CACHE/sources"
# Whoever runs the image writes to zig's cache and to the build folder; the compiler itself stays root's.
chmod 1777 "$EDGESEG_CACHE" "$EDGESEG_CACHE/archives" "$EDGESEG_CACHE/build" "$EDGESEG_CACHE/sources"
chmod -R a+rwX "$EDGESEG_CACHE/zig"
