#!/usr/bin/env bash
# Installs a build of lumicrop into an empty prefix, moves the prefix, and uses it there as somebody else would:
# find_package from a C project and from one with C++, pkg-config and cc; shared and static.
#
#   tests/consumer/installed.sh BUILD_FOLDER
set -euo pipefail

build=$(cd "${1:?usage: installed.sh BUILD_FOLDER}" && pwd)
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cc=${CC:-cc}

echo "== install"
cmake --install "$build" --prefix "$work/first" >"$work/install.log" || { cat "$work/install.log"; exit 1; }
mv "$work/first" "$work/moved"
prefix=$work/moved
(cd "$prefix" && find . -type f -o -type l | sort | sed 's/^/  /')

for languages in C "C;CXX"; do
    echo "== find_package, languages: $languages"
    folder=$work/cmake-${languages//;/}
    # No package registry and no system folder: what is found comes from the prefix.
    cmake -S "$here" -B "$folder" -G Ninja -DCMAKE_PREFIX_PATH="$prefix" -DCMAKE_BUILD_TYPE=Release \
        -DCONSUMER_LANGUAGES="$languages" >"$folder.log" 2>&1 || { cat "$folder.log"; exit 1; }
    grep -q "^lumicrop_DIR:PATH=$prefix/" "$folder/CMakeCache.txt" || { echo "another lumicrop was found"; exit 1; }
    cmake --build "$folder" >"$folder.log" 2>&1 || { cat "$folder.log"; exit 1; }
    "$folder/consumer_shared"
    "$folder/consumer_static"
done

echo "== pkg-config"
PKG_CONFIG_PATH=$(dirname "$(find "$prefix" -name lumicrop.pc)")
export PKG_CONFIG_PATH
libdir=$(pkg-config --variable=libdir lumicrop)
[[ $(realpath "$libdir") == "$(realpath "$prefix")"/* ]] || { echo "pkg-config answers $libdir, not below $prefix"; exit 1; }
pkg-config --exists 'lumicrop >= 0.1'
read -ra shared_flags <<<"$(pkg-config --cflags --libs lumicrop)"
read -ra static_flags <<<"$(pkg-config --static --cflags --libs lumicrop)"
"$cc" -std=c11 -Wall -Wextra -Werror "$here/consumer.c" -o "$work/shared" "${shared_flags[@]}" -lm
LD_LIBRARY_PATH=$libdir "$work/shared"
"$cc" -std=c11 -Wall -Wextra -Werror "$here/consumer.c" -o "$work/static" -static "${static_flags[@]}" -lm
"$work/static"

echo "== what each program needs at run time"
needed() { readelf -d "$1" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p' | tr '\n' ' '; }
echo "  shared: $(needed "$work/shared")"
echo "  static: $(needed "$work/cmake-C/consumer_static")"
[[ $(needed "$work/shared") == *liblumicrop.so* && $(needed "$work/cmake-C/consumer_static") != *liblumicrop* ]]
echo "installed package: find_package and pkg-config, shared and static, C and C++: all right"
