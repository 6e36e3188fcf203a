"""Show the photons that lumicrop counted beside those that the simulation put in.

    python beside_truth.py LABEL=TABLE [LABEL=TABLE...]

Each table is a Picasso .hdf5 with the truth in `photons` and lumicrop's answer in `lumicrop_photons`, row for row the same.
"""

import argparse
from pathlib import Path

import h5py
import numpy
from rich.console import Console
from rich.table import Table

SHOWN = 6


def read(path: Path) -> numpy.ndarray:
    with h5py.File(path) as file:
        return file["locs"][()]


def labelled(argument: str) -> tuple[str, Path]:
    label, _, path = argument.partition("=")
    return label, Path(path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("tables", nargs="+", type=labelled, metavar="LABEL=TABLE")
    tables = {label: read(path) for label, path in parser.parse_args().tables}
    first = next(iter(tables.values()))
    truth = first["photons"].astype(float)
    console = Console(width=100)

    rows = Table(title=f"Photons of the first {SHOWN} of {len(truth)} detections")
    for heading in ("frame", "x [px]", "y [px]", "truth", *tables):
        rows.add_column(heading, justify="right")
    for i in range(min(SHOWN, len(truth))):
        place = (f"{first['frame'][i]}", f"{first['x'][i]:.2f}", f"{first['y'][i]:.2f}", f"{truth[i]:.0f}")
        rows.add_row(*place, *(f"{table['lumicrop_photons'][i]:.0f}" for table in tables.values()))
    console.print(rows)

    summary = Table(title="Counted over true photons, all detections")
    for heading in ("", "5 %", "median", "95 %", "mean"):
        summary.add_column(heading, justify="right")
    for label, table in tables.items():
        ratio = table["lumicrop_photons"] / truth
        summary.add_row(label, *(f"{value:.3f}" for value in (*numpy.percentile(ratio, [5, 50, 95]), ratio.mean())))
    console.print(summary)


if __name__ == "__main__":
    main()
