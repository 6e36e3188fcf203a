#!/usr/bin/env bash
# Formats the C and C++ sources as .clang-format says; with --check, says what would change and fails.
set -euo pipefail
# shellcheck source=scripts/setup.sh
source "$(dirname "${BASH_SOURCE[0]}")/setup.sh"
cd "$root"
require clang-format:clang-format

mapfile -t files < <(find include src tests bench -type f \( -name '*.h' -o -name '*.hpp' -o -name '*.c' -o -name '*.cpp' -o -name '*.cu' -o -name '*.cuh' \) | sort)
if [[ ${1:-} == --check ]]; then
    clang-format --style=file --dry-run --Werror "${files[@]}"
    echo "${#files[@]} files are as .clang-format wants them"
else
    clang-format --style=file -i "${files[@]}"
fi
