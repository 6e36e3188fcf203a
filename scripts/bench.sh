#!/usr/bin/env bash
# Sets up what is missing, builds the benchmarks, runs them, and prints the tables.
#
#   scripts/bench.sh                 everything; about a quarter of an hour
#   scripts/bench.sh --quick         small stacks, few samples: that it works, not how fast it is
#   scripts/bench.sh --filter REGEX  only rows whose name matches, such as 'isogauss/11x11/f32', and the read bandwidth
#   scripts/bench.sh --update        also writes docs/benchmarks.json, the generated section of docs/benchmarks.md and its pictures
#   --compare WHAT                   beside others on the same crops or frames: seed, sep, photutils, or several with commas
#                                    between; none (default: seed, which is smlmlp from PyPI and needs Python 3.12 or newer)
#   --json PATH                      where the JSON goes (default: build/bench/benchmarks.json)
#   --seconds N                      for which a row may take samples until they agree (default: 8)
#
# Each of the others, and what Python's rows, the errors and the pictures need, gets an environment of its own in .envs/.
# Where there is a GPU and a CUDA compiler, the same run measures the CUDA backend (--filter '^cuda/': it alone).
# LUMICROP_SEED_PYTHON names the Python for the seed; otherwise the first that is new enough is taken.
set -euo pipefail
# shellcheck source=scripts/setup.sh
source "$(dirname "${BASH_SOURCE[0]}")/setup.sh"
cd "$root"

build=build/bench
command="scripts/bench.sh${*:+ $*}"
quick='' filter='' publish='' json='' compare=seed seconds=8
while (($#)); do
    case $1 in
        --quick) quick=--quick ;;
        --filter) filter=${2:?--filter needs a regular expression} && shift ;;
        --update) publish=yes ;;
        --compare) compare=${2:?--compare needs seed, sep, photutils or none} && shift ;;
        --json) json=${2:?--json needs a path} && shift ;;
        --seconds) seconds=${2:?--seconds needs a number} && shift ;;
        -h | --help) sed -n '2,/^set/{/^set/d;s/^# \{0,1\}//;p}' "${BASH_SOURCE[0]}"; exit ;;
        *) fail "unknown option '$1'; see --help" ;;
    esac
    shift
done
[[ -z $publish || -z $quick$filter ]] || fail "--update wants a whole run: without --quick and --filter"
[[ ,$compare, =~ ^(,(seed|sep|photutils))+,$ || $compare == none ]] || fail "--compare knows seed, sep, photutils and none, not '$compare'"
[[ -n $json ]] || json=$([[ -n $publish ]] && echo docs/benchmarks.json || echo "$build/benchmarks.json")
compares_with() { [[ ,$compare, == *,$1,* ]]; }

# Prints the Python of the environment .envs/NAME, which is made where it lacks one of the packages.
environment() { # NAME PYTHON PACKAGE...
    local folder=.envs/$1 python=$2 packages=("${@:3}")
    local imports && imports=$(IFS=, && echo "import ${packages[*]}")
    if ! "$folder/bin/python" -c "$imports" 2>/dev/null; then
        say "Installing ${packages[*]} into $folder ($("$python" --version))" >&2
        rm -rf "$folder"
        if ! { "$python" -m venv "$folder" && "$folder/bin/python" -m pip install --quiet --disable-pip-version-check "${packages[@]}"; } >&2; then
            rm -rf "$folder"
            return 1
        fi
    fi
    echo "$folder/bin/python"
}

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

skipped() { # NAME WHY: says it, and leaves it for the table
    echo "$1: not measured: $2"
    printf '{"skipped": "%s"}\n' "$2" >"$build/$1.json"
}

measure_lumicrop() {
    local bench=("$build/lumicrop_bench" "--benchmark_out=$build/bench.json" --benchmark_out_format=json)
    if [[ -n $quick ]]; then bench+=(--stack-mib=64 --samples=3 --seconds=1); else bench+=("--seconds=$seconds"); fi
    # Google Benchmark lengthens the names by how it was told to measure.
    [[ -z $filter ]] || bench+=("--benchmark_filter=^read/|${filter//\$/(/iterations:1)?(/manual_time)?\$}")
    "${bench[@]}" | sed -nE 's/^(.*)\/iterations:1\/manual_time( .*)$/\1\2/p'
}

measure_python() { # the package as it stands, with the library that was just built
    local python
    python=$(environment python "$(find_python)" numpy cffi) || { echo "Python's rows: not measured: NumPy and cffi could not be installed"; return; }
    rm -rf "$build/python"
    mkdir "$build/python"
    cp -r python/lumicrop "$build/python/"
    "$python" python/generate_declarations.py --compiler "${CC:-cc}" --header include/lumicrop/lumicrop.h --output "$build/python/lumicrop/_declarations.py" >/dev/null
    PYTHONPATH=$build/python LUMICROP_LIBRARY=$build/src/liblumicrop.so "$python" bench/python_calls.py "$crops" \
        --out "$build/python.json" --threads "$threads" ${quick:+--quick} --filter "$filter"
    table+=(--python "$build/python.json")
}

measure_seed() {
    local python seed
    table+=(--seed "$build/seed.json")
    python=$(find_seed_python) || { skipped seed "no Python 3.12 or newer was found"; return; }
    seed=$(environment seed "$python" smlmlp) || { skipped seed "smlmlp could not be installed"; return; }
    "$seed" bench/seed.py "$crops" --out "$build/seed.json" --threads "$threads" --errors ${quick:+--quick} --filter "$filter"
    if ((threads > 1)); then
        "$seed" bench/seed.py "$crops" --out "$build/seed-one.json" --threads 1 --errors ${quick:+--quick} --filter "$filter"
        table+=(--seed "$build/seed-one.json")
    fi
}

measure_apertures() { # LIBRARY
    local python
    table+=(--others "$build/$1.json")
    python=$(environment "$1" "$(find_python)" "$1") || { skipped "$1" "it could not be installed"; return; }
    "$python" bench/apertures.py "$crops" --library "$1" --out "$build/$1.json" ${quick:+--quick} --filter "$filter"
}

compare_with_formulas() {
    local python
    python=$(environment oracle "$(find_python)" numpy scipy) || { echo "Errors: not known: NumPy and SciPy could not be installed"; return; }
    "$python" bench/errors.py "$crops" --out "$build/errors.json"
    table+=(--errors "$build/errors.json")
}

require "${needs_build[@]}" "${needs_python[@]}" git:git "<benchmark/benchmark.h>:libbenchmark-dev"
if [[ -n $publish ]]; then
    plots=$(environment plots "$(find_python)" matplotlib) || fail "no pictures for the page: matplotlib could not be installed"
fi

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
table=(--library "$build/src/liblumicrop.so")

say "Measuring lumicrop (the median of each row's samples)"
measure_lumicrop
threads=$("$(find_python)" -c 'import json, sys; print(json.load(open(sys.argv[1]))["context"]["threads"])' "$build/bench.json")

crops=$build/crops
rm -rf "$crops"
written=("--write-crops=$crops" "--crops=$([[ -n $quick ]] && echo 20000 || echo 200000)")
if compares_with sep || compares_with photutils; then written+=(--frames=20); fi
"$build/lumicrop_bench" "${written[@]}"

say "Measuring Python's calls beside the C ABI's"
measure_python
if compares_with seed; then
    say "Measuring the seed on the same crops"
    measure_seed
fi
for library in sep photutils; do
    compares_with "$library" || continue
    say "Measuring $library on frames of the same movie"
    measure_apertures "$library"
done
say "Comparing with the formulas in float64"
compare_with_formulas
rm -rf "$crops"

say "Results"
"$(find_python)" bench/table.py --bench "$build/bench.json" "${table[@]}" --json "$json" ${quick:+--quick} --command "$command" \
    ${publish:+--update docs/benchmarks.md}
if [[ -n $publish ]]; then
    "$plots" bench/pictures.py --json "$json" --out docs/images
fi
printf '\nJSON: %s (after %d minutes)\n' "$json" $((SECONDS / 60))
