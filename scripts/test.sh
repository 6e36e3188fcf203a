#!/usr/bin/env bash
# Sets up what is missing, builds everything, and runs every test of lumicrop.
#
#   scripts/test.sh            all stages, in order; stops at the first that fails
#   scripts/test.sh STAGE...   only these
#   scripts/test.sh --list     the stages and what they do
#
# Builds are kept in build/, so that a second run builds only what changed. Logs: build/logs/STAGE.log.
#   LUMICROP_BUILD_JOBS      compilers at once (default: the number of cores)
#   LUMICROP_EMULATED_JOBS   random jobs under emulation (default: 40)
#   LUMICROP_TEST_DATA       folder of public movies and tables (default: ../shared/data if there)
set -euo pipefail
# shellcheck source=scripts/setup.sh
source "$(dirname "${BASH_SOURCE[0]}")/setup.sh"
cd "$root"

stages=(
    "format      clang-format finds nothing to change"
    "release     optimised build, warnings are errors; every C++ test"
    "sanitizers  the same tests under AddressSanitizer and UndefinedBehaviorSanitizer"
    "threads     two contexts at once under ThreadSanitizer (clang, its OpenMP runtime and archer)"
    "baseline    on an emulated processor without AVX (qemu-x86_64 -cpu Nehalem): fewer random jobs"
    "arm         cross-built for 64-bit Arm, under qemu-aarch64: fewer random jobs"
    "installed   C and C++ programs that use the installed library by find_package and pkg-config"
    "wheel       the wheel in an empty environment, used from another folder"
    "python      the Python package in .venv; every Python test"
)

needs_tests=("<gtest/gtest.h>:libgtest-dev" "<nlohmann/json.hpp>:nlohmann-json3-dev" "<zlib.h>:zlib1g-dev")
needs_of_stage() {
    case $1 in
        format) printf '%s\n' clang-format:clang-format ;;
        release) printf '%s\n' "${needs_build[@]}" "${needs_tests[@]}" ;;
        sanitizers | threads)
            local major && major=$(clang_major) || major=
            printf '%s\n' "${needs_build[@]}" "${needs_tests[@]}" clang++:clang \
                "archer:libomp-${major:+$major-}dev" "clang-rt:libclang-rt-${major:+$major-}dev"
            ;;
        baseline) printf '%s\n' "${needs_build[@]}" "${needs_tests[@]}" qemu-x86_64:qemu-user ;;
        arm)
            printf '%s\n' "${needs_build[@]}" "${needs_tests[@]}" qemu-aarch64:qemu-user \
                aarch64-linux-gnu-g++:g++-aarch64-linux-gnu aarch64-linux-gnu-gcc:gcc-aarch64-linux-gnu \
                /usr/src/googletest/CMakeLists.txt:googletest
            ;;
        installed) printf '%s\n' "${needs_build[@]}" "${needs_tests[@]}" pkg-config:pkg-config ;;
        wheel | python) printf '%s\n' "${needs_build[@]}" "${needs_python[@]}" ;;
    esac
}

# -------------------------------------------------------------------------------------------------------------- stages

build_preset() { # PRESET [CMAKE --BUILD OPTION...]
    say "Build: $1"
    cmake --preset "$1" >"build/logs/configure-$1.log" 2>&1 || { cat "build/logs/configure-$1.log"; return 1; }
    cmake --build --preset "$1" -j "$jobs" "${@:2}"
}

test_preset() { # PRESET [CTEST OPTION...]
    say "Tests: $1"
    ctest --preset "$1" -j "$jobs" "${@:2}"
}

stage_format() { scripts/format.sh --check; }

stage_release() {
    build_preset dev
    test_preset dev
}

stage_sanitizers() {
    build_preset sanitizers
    # AddressSanitizer ends a process that runs out of memory, which the test `memory` does on purpose.
    test_preset sanitizers --exclude-regex '^memory$'
}

stage_threads() {
    build_preset thread-sanitizer --target test_threads
    local archer && archer=$(find_archer)
    # The sanitizer wants the usual address layout, which many random bits would break; not every container lets go of them.
    local layout=()
    if setarch -R true 2>/dev/null; then layout=(setarch -R); fi
    say "Tests: thread-sanitizer, $archer"
    OMP_TOOL_LIBRARIES=$archer "${layout[@]}" ctest --preset thread-sanitizer
}

# Under emulation: fewer random jobs, and not the test of how much memory a call takes (slow there, and the emulator's own).
test_emulated() { # PRESET
    LUMICROP_TEST_JOBS=${LUMICROP_EMULATED_JOBS:-40} test_preset "$1" --exclude-regex '^memory$'
}

stage_baseline() {
    build_preset baseline
    test_emulated baseline
}

# What the tests need for Arm: GoogleTest from Debian's sources of it, and Debian's own zlib for Arm, unpacked without
# telling this machine's package manager about another architecture.
arm_googletest() {
    [[ ! -f build/aarch64-googletest/lib/cmake/GTest/GTestConfig.cmake ]] || return 0
    say "Build: GoogleTest for aarch64"
    cmake -S /usr/src/googletest -B build/aarch64-googletest/build -G Ninja -DCMAKE_BUILD_TYPE=Release -DBUILD_GMOCK=OFF \
        -DCMAKE_TOOLCHAIN_FILE="$root/cmake/aarch64.cmake" -DCMAKE_INSTALL_PREFIX="$root/build/aarch64-googletest" \
        -DCMAKE_INSTALL_LIBDIR=lib >build/logs/aarch64-googletest.log
    cmake --build build/aarch64-googletest/build -j "$jobs" --target install >>build/logs/aarch64-googletest.log
}

arm_zlib() {
    local folder=$root/build/aarch64-zlib
    [[ ! -f $folder/lib/libz.a ]] || return 0
    say "zlib for aarch64"
    local work && work=$(mktemp -d)
    mkdir -p "$work"/{lists,cache/archives}/partial "$work/debian" "$folder"/{include,lib}
    local apt=(apt-get -q -o APT::Architectures::=amd64 -o APT::Architectures::=arm64 -o Acquire::Languages=none
        -o "Dir::State::Lists=$work/lists" -o "Dir::Cache=$work/cache" -o "APT::Sandbox::User=$(id -un)")
    (cd "$work" && "${apt[@]}" update && "${apt[@]}" download zlib1g-dev:arm64 && dpkg-deb -x ./*.deb debian) \
        >build/logs/aarch64-zlib.log 2>&1 || { cat build/logs/aarch64-zlib.log; rm -rf "$work"; return 1; }
    find "$work/debian/usr/include" -type f -exec cp {} "$folder/include/" \;
    find "$work/debian/usr/lib" -name libz.a -exec cp {} "$folder/lib/" \;
    rm -rf "$work"
}

stage_arm() {
    arm_googletest
    arm_zlib
    build_preset aarch64
    test_emulated aarch64
}

stage_installed() {
    build_preset dev
    tests/consumer/installed.sh build/dev
}

stage_wheel() { tests/consumer/wheel.sh; }

stage_python() {
    make_venv
    say "Tests: Python"
    # From a folder of its own: what is tested is the installed package.
    mkdir -p build/pytest
    (cd build/pytest && "$root/.venv/bin/python" -m pytest -q -p no:cacheprovider --rootdir "$root" -c "$root/pyproject.toml" "$root/python/tests")
}

# ------------------------------------------------------------------------------------------------------------- the run

names=()
for stage in "${stages[@]}"; do names+=("${stage%% *}"); done
case ${1:-} in
    --list) printf '%s\n' "${stages[@]}"; exit ;;
    -h | --help) sed -n '2,/^set/{/^set/d;s/^# \{0,1\}//;p}' "${BASH_SOURCE[0]}"; exit ;;
esac
chosen=("${@:-${names[@]}}")
for name in "${chosen[@]}"; do
    [[ " ${names[*]} " == *" $name "* ]] || fail "no stage is called '$name'; there are: ${names[*]}"
done
if [[ -z ${LUMICROP_TEST_DATA:-} && -d ../shared/data ]]; then
    LUMICROP_TEST_DATA=$(cd ../shared/data && pwd)
    export LUMICROP_TEST_DATA
fi
mkdir -p build/logs

table=()
finish_table() {
    printf '\n%-12s %8s  %s\n' stage seconds outcome
    printf '%s\n' "${table[@]}"
    printf '%-12s %8d\n' total "$SECONDS"
}

run_stage() { # NAME COMMAND...: the command in a shell of its own that stops at the first error, its output kept
    local name=$1 began=$SECONDS status
    shift
    printf '\n======== %s\n' "$name"
    set +e
    (set -euo pipefail; "$@") </dev/null 2>&1 | tee "build/logs/$name.log"
    status=${PIPESTATUS[0]}
    set -e
    local seconds=$((SECONDS - began)) outcome=passed
    ((status == 0)) || outcome=FAILED
    table+=("$(printf '%-12s %8d  %s' "$name" "$seconds" "$outcome")")
    echo "-------- $name: $outcome after $seconds s"
    if ((status != 0)); then
        finish_table
        fail "stage '$name' failed; its output is in build/logs/$name.log"
    fi
}

set_up() {
    local needs=() name
    for name in "${chosen[@]}"; do
        mapfile -t -O "${#needs[@]}" needs < <(needs_of_stage "$name")
    done
    require "${needs[@]}"
    echo "compiler: $("${CXX:-c++}" --version 2>/dev/null | head -n 1)"
    echo "CUDA backend: not in this build"
}

run_stage setup set_up
for name in "${chosen[@]}"; do run_stage "$name" "stage_$name"; done
finish_table

# The runners' own last words.
echo
for name in "${chosen[@]}"; do
    grep -hE '^[0-9]+% tests passed, [0-9]+ tests failed out of [0-9]+$' "build/logs/$name.log" | sed '$!d' || true
done
for name in "${chosen[@]}"; do
    grep -hE '^(=+ )?[0-9]+ (passed|skipped|failed|xfailed|error).* in [0-9.]+s' "build/logs/$name.log" | sed '$!d' || true
done
