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
#   LUMICROP_SANITIZED_JOBS  random jobs under the sanitizers (default: 150)
#   LUMICROP_TEST_DATA       folder of public movies and tables (default: ../shared/data if there)
set -euo pipefail
# shellcheck source=scripts/setup.sh
source "$(dirname "${BASH_SOURCE[0]}")/setup.sh"
cd "$root"

stages=(
    "format      clang-format finds nothing to change"
    "release     optimised build, with CUDA where there is nvcc, warnings are errors; every C++ test"
    "cuda        what the library holds for every GPU architecture: kernels, registers, no spills; its symbols and its size"
    "emulated    the CUDA backend: its C++ and Python tests on this machine's GPU, or else on an emulator"
    "sanitizers  the same tests under AddressSanitizer and UndefinedBehaviorSanitizer: fewer random jobs"
    "threads     two contexts at once under ThreadSanitizer (clang, its OpenMP runtime and archer)"
    "baseline    on an emulated processor without AVX (qemu-x86_64 -cpu Nehalem): fewer random jobs, no properties of results"
    "arm         cross-built for 64-bit Arm, under qemu-aarch64: fewer random jobs"
    "installed   C and C++ programs that use the installed library by find_package and pkg-config"
    "wheel       the wheel in an empty environment, used from another folder"
    "python      the Python package in .venv; every Python test"
)

# The CUDA sources take long and are built in several folders; ccache compiles them once.
needs_cuda=()
if has nvcc; then needs_cuda=(ccache:ccache); fi
needs_of_stage() {
    case $1 in
        format) printf '%s\n' clang-format:clang-format ;;
        release) printf '%s\n' "${needs_build[@]}" "${needs_tests[@]}" "${needs_cuda[@]}" ;;
        cuda) printf '%s\n' "${needs_build[@]}" "${needs_tests[@]}" "${needs_python[@]}" "${needs_cuda[@]}" nm:binutils ;;
        emulated) printf '%s\n' "${needs_build[@]}" "${needs_tests[@]}" "${needs_python[@]}" "${needs_cuda[@]}" ;;
        sanitizers | threads)
            local major && major=$(clang_major) || major=
            printf '%s\n' "${needs_build[@]}" "${needs_tests[@]}" clang++:clang \
                "archer:libomp-${major:+$major-}dev" "clang-rt:libclang-rt-${major:+$major-}dev"
            ;;
        baseline) printf '%s\n' "${needs_build[@]}" "${needs_tests[@]}" "${needs_cuda[@]}" qemu-x86_64:qemu-user ;;
        arm)
            printf '%s\n' "${needs_build[@]}" "${needs_tests[@]}" qemu-aarch64:qemu-user \
                aarch64-linux-gnu-g++:g++-aarch64-linux-gnu aarch64-linux-gnu-gcc:gcc-aarch64-linux-gnu \
                /usr/src/googletest/CMakeLists.txt:googletest
            ;;
        installed) printf '%s\n' "${needs_build[@]}" "${needs_tests[@]}" "${needs_cuda[@]}" pkg-config:pkg-config ;;
        wheel) printf '%s\n' "${needs_build[@]}" "${needs_python[@]}" "${needs_cuda[@]}" ;;
        python)
            printf '%s\n' "${needs_build[@]}" "${needs_python[@]}" "${needs_cuda[@]}" \
                chromium:chromium "/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf:fonts-dejavu-core"
            ;;
    esac
}

# -------------------------------------------------------------------------------------------------------------- stages

# For a stage that this machine cannot do, and why. What LUMICROP_REQUIRE lists must not be skipped.
skip() { echo "SKIPPED: $*"; exit 77; }

build_preset() { # PRESET [CMAKE --BUILD OPTION...]
    say "Build: $1"
    cmake --preset "$1" >"build/logs/configure-$1.log" 2>&1 || { cat "build/logs/configure-$1.log"; return 1; }
    cmake --build --preset "$1" -j "$jobs" "${@:2}"
}

test_preset() { # PRESET [CTEST OPTION...]
    say "Tests: $1"
    # Programs that share the cores would wait for each other's waiting.
    OMP_WAIT_POLICY=passive ctest --preset "$1" -j "$jobs" "${@:2}"
}

# Where everything is slow: so many random jobs, and not the test of how much memory a call takes.
test_fewer() { # JOBS PRESET [CTEST OPTION...]
    LUMICROP_TEST_JOBS=$1 test_preset "$2" --exclude-regex '^memory$' "${@:3}"
}

stage_format() { scripts/format.sh --check; }

stage_release() {
    build_preset dev
    cuda_compile_time build/dev
    test_preset dev
}

# How long nvcc took over each source, from ninja's own log. What came out of the cache took next to nothing.
cuda_compile_time() { # BUILD_FOLDER
    has nvcc || { cuda_statement; return 0; }
    say "Compile time of the CUDA sources (nvcc $(nvcc_version), $(nproc) cores)"
    awk -F '\t' '$4 ~ /\.cu\.o$/ { took[$4] = ($2 - $1) / 1000 }
        END {
            for (file in took) {
                name = file; sub(/.*\//, "", name); sub(/\.o$/, "", name)
                printf "  %-36s %6.1f s\n", name, took[file] | "sort"
                sum += took[file]
            }
            close("sort")
            printf "  %-36s %6.1f s\n", "together", sum
        }' "$1/.ninja_log"
    if command -v ccache >/dev/null; then ccache --show-stats | sed -n '/Hits\|Misses/{s/^/  ccache: /p;}' | head -n 2; fi
}

stage_cuda() {
    has nvcc || skip "no nvcc 12.0 or newer"
    build_preset dev
    say "Code in the library"
    "$(find_python)" scripts/cuda_code.py
}

stage_emulated() {
    has nvcc || skip "no nvcc 12.0 or newer"
    local jobs_of_all=${LUMICROP_CUDA_JOBS:-300} seed
    export LUMICROP_TEST_BACKENDS=cuda
    if has gpu; then
        cuda_statement
        build_preset dev
        LUMICROP_TEST_JOBS=$jobs_of_all test_preset dev -L '^cuda$'
        count_cuda_tests build/dev
        make_venv
        python_cuda_tests
        return
    fi
    [[ -n $(cuda_emulator) ]] || skip "no GPU, and no CUDA emulator (LUMICROP_CUDA_EMULATOR names its folder)"
    say "Build: the emulator, and lumicrop for it"
    scripts/emulated.sh --build
    make_venv
    say "Everything once, streams lazy; then each CUDA call made to fail"
    CUEMU_STREAMS=lazy LUMICROP_TEST_JOBS=$jobs_of_all test_preset emulated -L '^cuda$'
    count_cuda_tests build/emulated
    grep -E '^[^"]+: [0-9]+ runs, ' build/emulated/Testing/Temporary/LastTest.log || true
    # Neither of these two keeps more than one core busy.
    local python status=0
    wrapper=$root/scripts/emulated.sh CUEMU_STREAMS=lazy python_cuda_tests >build/logs/python-cuda.log 2>&1 &
    python=$!
    for seed in 1 2; do
        say "Random jobs, streams in random order $seed"
        CUEMU_STREAMS=random:$seed LUMICROP_TEST_JOBS=$((jobs_of_all / 3)) test_preset emulated -R '^random_jobs$' || status=$?
        count_cuda_tests build/emulated || status=$?
    done
    wait "$python" || status=$?
    cat build/logs/python-cuda.log
    return "$status"
}

python_cuda_tests() { # fails, too, where every one was skipped
    local status=0
    mkdir -p build/pytest
    python_tests -m cuda >build/pytest/cuda.log 2>&1 || status=$?
    cat build/pytest/cuda.log
    ((status != 86)) || echo "Findings of the emulator; where: scripts/emulated.sh .venv/bin/python -m pytest -s -v -m cuda python/tests"
    ((status == 0)) || return "$status"
    grep -qE '[0-9]+ passed' build/pytest/cuda.log
}

# A test of a backend that does not work here is skipped, which is success for the runner. All of them skipped is none.
count_cuda_tests() { # BUILD_FOLDER
    local log=$1/Testing/Temporary/LastTest.log ran skipped
    ran=$(grep -ciE '^\[ +OK \] .*cuda' "$log" || true)
    skipped=$(grep -ciE '^\[ +SKIPPED \] .*cuda.* \([0-9]+ ms\)' "$log" || true)
    echo "tests of the CUDA backend: $ran ran, $skipped were skipped"
    if ((ran == 0)); then
        grep -m 3 -E '^cuda: ' "$log" || true
        return 1
    fi
}

stage_sanitizers() {
    build_preset sanitizers
    # The baseline's kernels alone: the others have the same headers, and what they read is watched by `guarded_memory` of `release`. (With
    # -DLUMICROP_BASELINE_ONLY=OFF they take three times as long to build.) AddressSanitizer ends a process that runs out of memory, which
    # the test `memory` does on purpose.
    test_fewer "${LUMICROP_SANITIZED_JOBS:-150}" sanitizers
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
test_emulated() { # PRESET [CTEST OPTION...]
    test_fewer "${LUMICROP_EMULATED_JOBS:-40}" "$@"
}

stage_baseline() {
    build_preset baseline
    # What holds of results whichever the processor has been seen by `release`, with the same machine code.
    test_emulated baseline --label-exclude '^properties$'
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
    OMP_WAIT_POLICY=passive python_tests -n "$jobs" -m "not alone"
    python_tests -m alone
}

python_tests() { # [PYTEST OPTION...]: from a folder of its own, so that what is tested is the installed package
    say "Tests: Python${*:+, $*}"
    mkdir -p build/pytest
    (cd build/pytest && ${wrapper:+"$wrapper"} "$root/.venv/bin/python" -m pytest -q -p no:cacheprovider --rootdir "$root" \
        -c "$root/pyproject.toml" "$@" "$root/python/tests")
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
    local seconds=$((SECONDS - began)) outcome=FAILED reason
    reason=$(sed -n '$s/^SKIPPED: //p' "build/logs/$name.log")
    if ((status == 0)); then
        outcome=passed
    elif ((status == 77)) && [[ -n $reason ]]; then
        outcome="SKIPPED: $reason"
        if [[ ",${LUMICROP_REQUIRE:-}," == *",$name,"* ]]; then outcome="FAILED: skipped ($reason), and LUMICROP_REQUIRE lists it"; else status=0; fi
    fi
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
    cuda_statement
}

run_stage setup set_up
use_ccache
# The wheel's objects are those of the other builds, warnings as errors, so that the cache has them.
export SKBUILD_CMAKE_DEFINE=LUMICROP_WERROR=ON
for name in "${chosen[@]}"; do run_stage "$name" "stage_$name"; done
finish_table

# The runners' own last words.
echo
for name in "${chosen[@]}"; do
    grep -hE '^[0-9]+% tests passed, [0-9]+ tests failed out of [0-9]+$' "build/logs/$name.log" || true
done
for name in "${chosen[@]}"; do
    grep -hE '^(=+ )?[0-9]+ (passed|skipped|failed|xfailed|error).* in [0-9.]+s' "build/logs/$name.log" || true
done
