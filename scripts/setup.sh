# shellcheck shell=bash
# Sourced by the other scripts: what they need of the machine, and the virtual environment .venv with the package.
# Nothing is installed that is there already, whatever its version, as long as it is new enough.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
jobs=${LUMICROP_BUILD_JOBS:-$(nproc)}

say() { printf '\n==> %s\n' "$*"; }
fail() { printf '\nerror: %s\n' "$*" >&2; exit 1; }

# ------------------------------------------------------------------------------------------------------ what is needed

# A need is "what to look for:the Debian package that brings it". Looked for are a command, a /path (a pattern),
# a <header> that the C++ compiler finds, or one of the words that `has` explains.
# shellcheck disable=SC2034 # for those who source this
needs_build=(cxx:g++ cmake:cmake ninja:ninja-build)
# shellcheck disable=SC2034
needs_tests=("<gtest/gtest.h>:libgtest-dev" "<nlohmann/json.hpp>:nlohmann-json3-dev" "<zlib.h>:zlib1g-dev")
# shellcheck disable=SC2034
needs_python=(python:python3 venv:python3-venv /etc/ssl/certs/ca-certificates.crt:ca-certificates)

at_least() { # VERSION MINIMUM
    [[ $(printf '%s\n%s\n' "$2" "$1" | sort -V | head -n 1) == "$2" ]]
}

find_python() { # prints the first Python that is new enough
    local candidate
    for candidate in "${PYTHON:-}" python3 python3.{14,13,12,11,10}; do
        if [[ -n $candidate ]] && "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 10))' 2>/dev/null; then
            command -v "$candidate"
            return
        fi
    done
    return 1
}

nvcc_version() { # such as 13.0.88; nothing where there is no nvcc
    { "${CUDACXX:-nvcc}" --version 2>/dev/null || true; } | sed -n 's/.*, V\([0-9.]*\)$/\1/p'
}

clang_major() { clang++ -dumpversion 2>/dev/null | cut -d. -f1; }

has() {
    case $1 in
        cxx) command -v "${CXX:-c++}" >/dev/null ;;
        cmake) command -v cmake >/dev/null && at_least "$(cmake --version | sed -n 's/^cmake version //p')" 3.25 ;;
        python) find_python >/dev/null ;;
        nvcc) at_least "$(nvcc_version)" 12.0 ;;
        gpu) nvidia-smi -L 2>/dev/null | grep -q '^GPU ' ;;
        venv) local python && python=$(find_python) && "$python" -c 'import venv, ensurepip' 2>/dev/null ;;
        archer) [[ -f $(find_archer) ]] ;;
        clang-rt) compgen -G "$(clang++ -print-resource-dir 2>/dev/null)/lib/linux/libclang_rt.tsan*.a" >/dev/null ;;
        /*) compgen -G "$1" >/dev/null ;;
        '<'*) "${CXX:-c++}" -E -x c++ - <<<"#include $1" >/dev/null 2>&1 ;;
        *) command -v "$1" >/dev/null ;;
    esac
}

find_archer() { # the tool by which clang's OpenMP runtime tells ThreadSanitizer what it synchronises
    clang++ -print-file-name=libarcher.so 2>/dev/null | grep / || echo "/usr/lib/llvm-$(clang_major)/lib/libarcher.so"
}

missing() { # prints those of the needs that are not met
    local need
    for need in "$@"; do
        has "${need%:*}" || printf '%s\n' "$need"
    done
}

install_packages() { # the named Debian packages
    local as_root=() apt=(apt-get -o DPkg::Lock::Timeout=300)
    if ((EUID != 0)); then
        command -v sudo >/dev/null || fail "not root, and there is no sudo. As root: apt-get install $*"
        as_root=(sudo)
    fi
    local log update install
    log=$(mktemp)
    update=("${as_root[@]}" "${apt[@]}" update -q)
    install=("${as_root[@]}" env DEBIAN_FRONTEND=noninteractive "${apt[@]}" install -y -q --no-install-recommends "$@")
    # Fresh package lists only where there are none, or those at hand do not serve.
    if compgen -G '/var/lib/apt/lists/*Packages*' >/dev/null && "${install[@]}" >"$log" 2>&1 </dev/null; then
        rm -f "$log"
    elif { "${update[@]}" && "${install[@]}"; } >"$log" 2>&1 </dev/null; then
        rm -f "$log"
    else
        cat "$log" >&2
        rm -f "$log"
        return 1
    fi
}

# Installs what is missing of the needs given.
require() {
    local unmet packages
    mapfile -t unmet < <(missing "$@")
    ((${#unmet[@]})) || return 0
    mapfile -t packages < <(printf '%s\n' "${unmet[@]#*:}" | sort -u)
    command -v apt-get >/dev/null ||
        fail "this machine lacks ${unmet[*]%%:*}, and has no apt-get to install the Debian packages ${packages[*]}"
    say "Installing Debian packages: ${packages[*]}"
    install_packages "${packages[@]}" || fail "these Debian packages could not be installed: ${packages[*]}"
    hash -r
    mapfile -t unmet < <(missing "${unmet[@]}")
    ((${#unmet[@]} == 0)) || fail "still missing after the installation (or too old): ${unmet[*]%%:*}"
}

# ---------------------------------------------------------------------------------------------------------------- CUDA

# The folder of the CUDA emulator's sources; prints nothing where there is none.
cuda_emulator() {
    (cd "${LUMICROP_CUDA_EMULATOR:-$root/../shared/cuda-emulator}" && test -f CMakeLists.txt && pwd) 2>/dev/null || true
}

cuda_statement() { # one line: what of CUDA this machine can build and run
    local built
    built="built with nvcc $(nvcc_version)"
    if [[ -z $(nvcc_version) ]]; then
        echo "CUDA backend: not in this build: no nvcc on PATH"
    elif ! has nvcc; then
        echo "CUDA backend: not in this build: nvcc $(nvcc_version) is older than 12.0"
    elif has gpu; then
        echo "CUDA backend: $built; $(nvidia-smi -L | sed -n 's/^\(GPU 0: .*\) (UUID.*/\1/p')"
    elif [[ -n $(cuda_emulator) ]]; then
        echo "CUDA backend: $built; no GPU here, the emulator in $(cuda_emulator)"
    else
        echo "CUDA backend: $built; no GPU here, and no emulator (LUMICROP_CUDA_EMULATOR)"
    fi
}

# Where there is ccache, a source is compiled once for all the folders that build it the same way: dev, the wheel, .venv.
# By the list of included files (depend): what nvcc reads differs between the passes that it makes for host and devices.
use_ccache() {
    command -v ccache >/dev/null || return 0
    # Not by the language of messages, which Python sets anew where nobody has set one.
    export CCACHE_DIR=$root/build/ccache CCACHE_DEPEND=1 CCACHE_SLOPPINESS=locale CCACHE_MAXSIZE=1G
    export CMAKE_CUDA_COMPILER_LAUNCHER=ccache CMAKE_CXX_COMPILER_LAUNCHER=ccache
    # Python's build would take the same compiler by another name, which is another one for ccache.
    export CC=${CC:-cc} CXX=${CXX:-c++}
}

# ------------------------------------------------------------------------------------------------- the Python package

# One number for everything that the package is built from.
sources_stamp() {
    { nvcc_version; cd "$root" && find . -type f \( -path ./CMakeLists.txt -o -path ./LICENSE -o -path ./README.md -o -path ./pyproject.toml \
        -o -path './cmake/*' -o -path './include/*' -o -path './python/*' -o -path './src/*' \) \
        ! -name '*.pyc' ! -path './python/tests/*' -print0 | LC_ALL=C sort -z | xargs -0 sha256sum; } | sha256sum | cut -d' ' -f1
}

# Makes the wheel of the sources as they are, again only where something has changed; its path: $wheel.
make_wheel() { # PYTHON
    local folder=$root/build/wheel stamp
    use_ccache
    stamp=$(sources_stamp)
    if [[ $(cat "$folder/lumicrop.stamp" 2>/dev/null) != "$stamp" ]]; then
        say "Building the wheel"
        rm -rf "$folder"
        CMAKE_BUILD_PARALLEL_LEVEL=$jobs "$1" -m pip wheel --quiet --disable-pip-version-check --no-deps --wheel-dir "$folder" "$root"
        echo "$stamp" >"$folder/lumicrop.stamp"
    fi
    wheel=$(echo "$folder"/lumicrop-*.whl)
}

# Makes .venv with the package, its command and what its tests need; again only where something has changed.
make_venv() {
    local venv=$root/.venv stamp python wheel
    stamp=$(sources_stamp)
    if ! "$venv/bin/python" -c 'import sys; sys.exit(sys.version_info < (3, 10))' 2>/dev/null; then
        python=$(find_python)
        say "Virtual environment .venv ($("$python" --version))"
        rm -rf "$venv"
        "$python" -m venv "$venv"
    fi
    if [[ $(cat "$venv/lumicrop.stamp" 2>/dev/null) != "$stamp" ]]; then
        make_wheel "$venv/bin/python"
        say "Installing the wheel into .venv"
        rm -f "$venv/lumicrop.stamp"
        # pip keeps what is there of the same version.
        "$venv/bin/python" -m pip uninstall --quiet --yes --disable-pip-version-check lumicrop 2>/dev/null
        "$venv/bin/python" -m pip install --quiet --disable-pip-version-check "${wheel}[test]"
        echo "$stamp" >"$venv/lumicrop.stamp"
    fi
    "$venv/bin/python" -c 'import lumicrop
cuda = next(backend for backend in lumicrop.backends() if backend.name == "cuda")
print(f"lumicrop {lumicrop.__version__} in .venv; CUDA backend: {cuda.reason}")'
}
