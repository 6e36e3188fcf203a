#!/usr/bin/env bash
# Runs a command with lumicrop's CUDA backend on a CUDA emulator, on a machine without a GPU.
#
#   scripts/emulated.sh COMMAND...    such as build/emulated/tests/test_vectors, .venv/bin/python FILE, lumicrop info
#   scripts/emulated.sh --build       builds the emulator, the library and its tests, and runs nothing
#
# Builds first what is missing or has changed: the emulator (build/cuda-emulator), the library for it and, for a command below
# build/emulated or for ctest, the tests (build/emulated). For python, pytest and lumicrop it makes .venv where there is none.
# Exit status: the command's; 86 when it succeeded although a check of the emulator fired; 2 when there is no emulator.
#   LUMICROP_CUDA_EMULATOR   folder of the emulator's sources (default: ../shared/cuda-emulator)
#   CUEMU_STREAMS, CUEMU_CHECKS, CUEMU_FAIL, CUEMU_DEVICES, CUEMU_REPORT, ...   the emulator's own options
set -euo pipefail
# shellcheck source=scripts/setup.sh
source "$(dirname "${BASH_SOURCE[0]}")/setup.sh"

case ${1:-} in
    '' | -h | --help) sed -n '2,/^set/{/^set/d;s/^# \{0,1\}//;p}' "${BASH_SOURCE[0]}"; [[ $# != 0 ]] || exit 2; exit ;;
esac
emulator=$(cuda_emulator)
folder=$root/build/cuda-emulator
if [[ -z $emulator ]]; then
    echo "error: no CUDA emulator in ${LUMICROP_CUDA_EMULATOR:-$root/../shared/cuda-emulator}: LUMICROP_CUDA_EMULATOR names its folder" >&2
    exit 2
fi
has nvcc || { echo "error: nvcc 12.0 or newer is needed, on PATH or as CUDACXX" >&2; exit 2; }

# ------------------------------------------------------------------------------------------------------- what is built

mkdir -p "$root/build/logs"
log=$root/build/logs/build-emulated.log

quietly() { # a command whose output is shown when it fails, and kept
    "$@" >>"$log" 2>&1 || { cat "$log" >&2; fail "this failed: $*"; }
}

build_emulator() {
    # A folder made from another copy of the emulator is no use.
    if [[ -f $folder/CMakeCache.txt ]] && ! grep -qxF "CMAKE_HOME_DIRECTORY:INTERNAL=$emulator" "$folder/CMakeCache.txt"; then
        rm -rf "$folder"
    fi
    [[ -f $folder/build.ninja ]] ||
        quietly cmake -S "$emulator" -B "$folder" -G Ninja -DCMAKE_BUILD_TYPE=Release -DCUEMU_TESTS=OFF
    quietly cmake --build "$folder" -j "$jobs"
}

build_library() { # TARGET...: of the preset; none: everything
    local targets=() target
    for target in "$@"; do targets+=(--target "$target"); done
    (cd "$root" && quietly cmake --preset emulated && quietly cmake --build --preset emulated -j "$jobs" "${targets[@]}")
}

wanted=(lumicrop)
for word in "$@"; do
    case $word in --build | ctest | *build/emulated/*) wanted=() ;; esac
done
needs=("${needs_build[@]}")
((${#wanted[@]})) || needs+=("${needs_tests[@]}")
require "${needs[@]}" >&2
use_ccache
(
    flock 9 # two at once would build in the same folders
    : >"$log"
    build_emulator
    build_library "${wanted[@]}"
    case $1 in
        python | python3 | pytest | lumicrop | *.venv/bin/*)
            if [[ ! -f $root/.venv/lumicrop.stamp ]]; then
                require "${needs_python[@]}" >&2
                make_venv >&2
            elif [[ $(<"$root/.venv/lumicrop.stamp") != "$(sources_stamp)" ]]; then
                echo "note: .venv is older than the sources; scripts/test.sh python renews it" >&2
            fi
            ;;
    esac
) 9>"$root/build/logs/build-emulated.lock"
[[ $1 != --build ]] || exit 0

# -------------------------------------------------------------------------------------------------------------- the run

export PATH=$root/.venv/bin:$PATH
export LUMICROP_LIBRARY=$root/build/emulated/src/liblumicrop.so
export LD_LIBRARY_PATH=$root/build/emulated/src:$folder/lib${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
exec "$folder/cuemu" -- "$@"
