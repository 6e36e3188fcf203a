#!/usr/bin/env bash
# Sets up what is missing, builds lumicrop, simulates a movie with known photons, counts them, and shows both.
# What it makes lies in demo/. With LUMICROP_TEST_DATA (default: ../shared/data if there) it also counts in Picasso's movie.
set -euo pipefail
# shellcheck source=scripts/setup.sh
source "$(dirname "${BASH_SOURCE[0]}")/setup.sh"
cd "$root"

require "${needs_build[@]}" "${needs_python[@]}"
make_venv
lumicrop=.venv/bin/lumicrop
mkdir -p demo

show() { # a command: says it, then runs it
    printf '\n$ %s\n' "$*"
    "$@"
}

say "A simulated movie and the truth about it"
show "$lumicrop" simulate demo/movie.raw --overwrite

say "What the files are"
show "$lumicrop" inspect demo/movie.raw demo/movie_truth.hdf5

say "Counting its photons"
show "$lumicrop" integrate demo/movie.raw demo/movie_truth.hdf5 --method filter --model isogauss --size 11 \
    -o demo/filter.hdf5 --report demo/filter.html --overwrite
show "$lumicrop" integrate demo/movie.raw demo/movie_truth.hdf5 --method sum --size 11 -o demo/sum.hdf5 --overwrite

say "Beside the truth"
.venv/bin/python scripts/beside_truth.py filter=demo/filter.hdf5 sum=demo/sum.hdf5

data=${LUMICROP_TEST_DATA:-../shared/data}
if [[ -f $data/picasso/testdata.raw ]]; then
    say "Picasso's own sample movie"
    show "$lumicrop" integrate "$data/picasso/testdata.raw" "$data/picasso/testdata_locs.hdf5" \
        --method filter --model gauss --size 7 --pixel-nm 160 -o demo/picasso.hdf5 --overwrite
fi

say "Tables, pictures and a page to open in a browser (filter.html) are in demo/:"
ls demo
