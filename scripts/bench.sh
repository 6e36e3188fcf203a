#!/usr/bin/env bash
# Sets up what is missing, builds the benchmarks, runs them, and prints one table.
#
#   scripts/bench.sh                 everything; about a quarter of an hour
#   scripts/bench.sh --quick         small stacks, few repetitions: that it works, not how fast it is
#   scripts/bench.sh --filter REGEX  only rows whose name matches, such as 'isogauss/11x11/f32'
#   scripts/bench.sh --update        also writes docs/benchmarks.json and the generated section of docs/benchmarks.md
#   --json PATH                      where the JSON goes (default: build/bench/benchmarks.json)
#   --repetitions N                  of each row (default: 7)
#   --no-seed                        without the seed (smlmlp, from PyPI; it needs Python 3.12 or newer)
#
# Where there is a GPU and a CUDA compiler, the same run measures the CUDA backend (--filter '^cuda/': it alone).
# LUMICROP_SEED_PYTHON names the Python for the seed; otherwise the first that is new enough is taken.
set -euo pipefail
# shellcheck source=scripts/setup.sh
source "$(dirname "${BASH_SOURCE[0]}")/setup.sh"
cd "$root"

build=build/bench
command="scripts/bench.sh${*:+ $*}"
quick='' filter='' publish='' json='' seed=yes repetitions=7
while (($#)); do
    case $1 in
        --quick) quick=--quick repetitions=3 ;;
        --filter) filter=${2:?--filter needs a regular expression} && shift ;;
        --update) publish=yes ;;
        --json) json=${2:?--json needs a path} && shift ;;
        --repetitions) repetitions=${2:?--repetitions needs a number} && shift ;;
        --no-seed) seed='' ;;
        -h | --help) sed -n '2,/^set/{/^set/d;s/^# \{0,1\}//;p}' "${BASH_SOURCE[0]}"; exit ;;
        *) fail "unknown option '$1'; see --help" ;;
    esac
    shift
done
[[ -z $publish || -z $quick$filter ]] || fail "--update wants a whole run: without --quick and --filter"
[[ -n $json ]] || json=$([[ -n $publish ]] && echo docs/benchmarks.json || echo "$build/benchmarks.json")

find_seed_python() { # prints the first Python that smlmlp accepts and that can make an environment
    local candidates=("${LUMICROP_SEED_PYTHON:-}" python3 python3.{14,13,12}) candidate
    if command -v pyenv >/dev/null; then
        mapfile -t -O "${#candidates[@]}" candidates < <(compgen -G "$(pyenv root)/versions/3.1[2-9]*/bin/python3" | sort -rV)
    fi
    for candidate in "${candidates[@]}"; do
        if [[ -n $candidate ]] && "$candidate" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 12))' 2>/dev/null; then
            command -v "$candidate"
            return
        fi
    done
    return 1
}

make_oracle() { # prints a Python with numpy and scipy
    local python
    for python in .envs/seed/bin/python .envs/oracle/bin/python; do
        if [[ -x $python ]] && "$python" -c 'import numpy, scipy' 2>/dev/null; then
            echo "$python"
            return
        fi
    done
    say "Installing numpy and scipy into .envs/oracle" >&2
    rm -rf .envs/oracle
    "$(find_python)" -m venv .envs/oracle
    .envs/oracle/bin/python -m pip install --quiet --disable-pip-version-check numpy scipy >&2 ||
        { rm -rf .envs/oracle; echo "Errors are skipped: numpy and scipy could not be installed." >&2; return 1; }
    echo .envs/oracle/bin/python
}

make_seed() { # the environment .envs/seed with smlmlp
    if [[ -x .envs/seed/bin/python ]] && .envs/seed/bin/python -c 'import smlmlp' 2>/dev/null; then return; fi
    local python
    python=$(find_seed_python) || { echo "The seed is skipped: no Python 3.12 or newer was found."; return 1; }
    say "Installing the seed (smlmlp) into .envs/seed ($("$python" --version))"
    rm -rf .envs/seed
    "$python" -m venv .envs/seed
    .envs/seed/bin/python -m pip install --quiet --disable-pip-version-check smlmlp ||
        { rm -rf .envs/seed; echo "The seed is skipped: smlmlp could not be installed."; return 1; }
}

require "${needs_build[@]}" python:python3 git:git "<benchmark/benchmark.h>:libbenchmark-dev"

say "Building"
mkdir -p "$build"
if nvidia-smi -L >/dev/null 2>&1; then
    cuda=(-DLUMICROP_CUDA=AUTO -DCMAKE_CUDA_ARCHITECTURES=native)
else
    cuda=(-DLUMICROP_CUDA=OFF)
    echo "No GPU was found (nvidia-smi -L): the rows of the CUDA backend are left out."
fi
cmake -S . -B "$build" -G Ninja -DCMAKE_BUILD_TYPE=Release -DLUMICROP_TESTS=OFF -DLUMICROP_BENCHMARKS=ON "${cuda[@]}" >"$build/configure.log" 2>&1 ||
    { cat "$build/configure.log"; fail "cmake failed"; }
cmake --build "$build" -j "$jobs"

say "Measuring lumicrop"
bench=("$build/lumicrop_bench" "--benchmark_repetitions=$repetitions" "--benchmark_out=$build/bench.json" --benchmark_out_format=json
    --benchmark_display_aggregates_only=true)
[[ -z $quick ]] || bench+=(--stack-mib=64 --benchmark_min_time=0.02)
[[ -n $quick ]] || bench+=(--benchmark_min_time=0.2)
# Google Benchmark lengthens the names by the clock that was used.
[[ -z $filter ]] || bench+=("--benchmark_filter=${filter//\$/(/manual_time|/real_time)?\$}")
echo "(the median of each row)"
"${bench[@]}" | sed -nE 's/^(.*)(\/manual_time|\/real_time)_median( .*)$/\1\3/p'

seeds=()
rm -rf "$build/crops"
"$build/lumicrop_bench" "--write-crops=$build/crops" "--crops=$([[ -n $quick ]] && echo 20000 || echo 200000)"
if [[ -n $seed ]] && make_seed; then
    say "Measuring the seed on the same crops"
    all=$("$(find_python)" -c 'import json, sys; print(json.load(open(sys.argv[1]))["context"]["threads"])' "$build/bench.json")
    .envs/seed/bin/python bench/seed.py "$build/crops" --out "$build/seed-all.json" --threads "$all" --compare ${quick:+--quick} --filter "$filter"
    seeds=(--seed "$build/seed-all.json")
    if ((all > 1)); then
        .envs/seed/bin/python bench/seed.py "$build/crops" --out "$build/seed-one.json" --threads 1 --compare ${quick:+--quick} --filter "$filter"
        seeds+=(--seed "$build/seed-one.json")
    fi
fi
errors=()
if python=$(make_oracle); then
    say "Comparing with the formulas in float64"
    "$python" bench/errors.py "$build/crops" --out "$build/errors.json"
    errors=(--errors "$build/errors.json")
fi
rm -rf "$build/crops"

say "Results"
"$(find_python)" bench/table.py --bench "$build/bench.json" "${seeds[@]}" "${errors[@]}" --json "$json" ${quick:+--quick} --command "$command" \
    ${publish:+--update docs/benchmarks.md}
printf '\nJSON: %s\n' "$json"
