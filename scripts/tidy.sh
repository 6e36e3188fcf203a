#!/usr/bin/env bash
# Runs clang-tidy (.clang-tidy) over the library's sources, or over those named: scripts/tidy.sh [FILE...]
set -euo pipefail
# shellcheck source=scripts/setup.sh
source "$(dirname "${BASH_SOURCE[0]}")/setup.sh"
cd "$root"
# clang reads omp.h from its own OpenMP runtime.
require "${needs_build[@]}" clang-tidy:clang-tidy clang++:clang archer:libomp-dev

folder=build/tidy
cmake -S . -B "$folder" -G Ninja -DCMAKE_C_COMPILER=clang -DCMAKE_CXX_COMPILER=clang++ -DLUMICROP_TESTS=OFF \
    -DCMAKE_EXPORT_COMPILE_COMMANDS=ON >/dev/null
files=("$@")
# All that this build compiles: with CUDA or without.
((${#files[@]})) || mapfile -t files < <(sed -n "s|^ *\"file\": \"$root/\(src/.*\.cpp\)\".*|\1|p" "$folder/compile_commands.json" | sort)
printf '%s\0' "${files[@]}" | xargs -0 -n 1 -P "$jobs" clang-tidy --quiet --warnings-as-errors='*' -p "$folder"
echo "clang-tidy: ${#files[@]} files, nothing to say"
