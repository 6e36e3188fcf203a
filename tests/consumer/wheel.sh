#!/usr/bin/env bash
# Installs the wheel, which is built where it is not yet, into an empty environment, and uses it from a folder where no source lies.
#
#   tests/consumer/wheel.sh [PYTHON]
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
# shellcheck source=scripts/setup.sh
source "$root/scripts/setup.sh"
python=${1:-$(find_python)}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

"$python" -m venv "$work/empty"
pip=("$work/empty/bin/python" -m pip --quiet --disable-pip-version-check)

echo "== wheel"
make_wheel "$work/empty/bin/python"
echo "  $(basename "$wheel"), $(stat -c %s "$wheel") bytes"

echo "== empty environment"
"${pip[@]}" install "$wheel"
mkdir "$work/elsewhere"
cp "$here/wheel_consumer.py" "$work/elsewhere/"
cd "$work/elsewhere"
env -u PYTHONPATH -u LUMICROP_LIBRARY "$work/empty/bin/python" wheel_consumer.py
"$work/empty/bin/lumicrop" info
echo "== movie and table in, table and page out"
"$work/empty/bin/lumicrop" simulate movie.raw --frames 40 --molecules 200 --quiet
"$work/empty/bin/lumicrop" integrate movie.raw movie_truth.hdf5 --size 11 --report page.html --quiet
grep -q '<svg' page.html
ls -l movie_truth_lumicrop.hdf5 page.html
