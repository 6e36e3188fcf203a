"""How fast a movie is counted against how fast its reader alone delivers it, and how much memory the command takes.

    movie_stream.py [--folder FOLDER] [--gigabytes N] [--rows-per-frame N] [--rounds N] [--formats raw,npy,hdf5,zarr,tiff]

Rates: in each round the reader alone reads every part of the movie, then `count_movie` reads, counts and writes, both in
this process and through the same parts; the ratio is the median of the rounds' own. Memory: the most that one run of the
command ``lumicrop integrate`` had resident, by the system's own account of it. The raw movie is sparse, so that it takes
no room on the disk; the others are random counts of a tenth of its size.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import h5py
import numpy
import tifffile
import yaml
import zarr

import lumicrop
from lumicrop.movie_integration import CHUNK_BYTES, _Parts, _place, added_columns, count_movie
from lumicrop.output_files import OutputFiles
from lumicrop.request import Request
from lumicrop.settings import resolve
from lumicrop.tables import open_writer

SIDE = 1024
GIB = 1 << 30
CAMERA = {"Pixelsize": 100, "Baseline": 100, "Sensitivity": 0.5, "Gain": 1}


def write_table(path: Path, n_frames: int, per_frame: int) -> Path:
    """Detections in Picasso's format, sorted by frame."""
    random = numpy.random.default_rng(1)
    n = n_frames * per_frame
    columns = {"frame": numpy.repeat(numpy.arange(n_frames, dtype="u4"), per_frame)}
    columns |= {name: random.uniform(10, SIDE - 10, n).astype("f4") for name in "xy"}
    columns |= {
        "photons": numpy.full(n, 1000, "f4"),
        "sx": numpy.full(n, 1.3, "f4"),
        "sy": numpy.full(n, 1.3, "f4"),
        "bg": numpy.full(n, 20, "f4"),
    }
    locs = numpy.empty(n, [(name, values.dtype) for name, values in columns.items()])
    for name, values in columns.items():
        locs[name] = values
    with h5py.File(path, "w") as file:
        file["locs"] = locs
    path.with_suffix(".yaml").write_text(yaml.safe_dump(CAMERA))
    return path


def frames(n_frames: int):
    random = numpy.random.default_rng(2)
    noise = random.poisson(140, (8, SIDE, SIDE)).astype("u2")
    for number in range(n_frames):
        yield numpy.roll(noise[number % 8], number, axis=1)


def write_movie(kind: str, folder: Path, n_frames: int) -> Path:
    shape = (n_frames, SIDE, SIDE)
    path = folder / f"movie.{ {'hdf5': 'h5', 'tiff': 'tif'}.get(kind, kind) }"
    if kind == "raw":
        with open(path, "wb") as file:
            file.truncate(n_frames * SIDE * SIDE * 2)
        layout = {"Byte Order": "<", "Data Type": "uint16", "Frames": n_frames, "Height": SIDE, "Width": SIDE}
        path.with_suffix(".yaml").write_text(yaml.safe_dump(layout | CAMERA))
    elif kind == "npy":
        array = numpy.lib.format.open_memmap(path, "w+", "u2", shape)
        for number, frame in enumerate(frames(n_frames)):
            array[number] = frame
    elif kind == "hdf5":
        with h5py.File(path, "w") as file:
            data = file.create_dataset(
                "movie", shape, "u2", chunks=(8, SIDE, SIDE), compression="gzip", compression_opts=1
            )
            for number, frame in enumerate(frames(n_frames)):
                data[number] = frame
    elif kind == "zarr":
        data = zarr.create_array(path, shape=shape, chunks=(8, SIDE, SIDE), dtype="u2")
        block = numpy.empty((8, SIDE, SIDE), "u2")
        for number, frame in enumerate(frames(n_frames)):
            block[number % 8] = frame
            if number % 8 == 7 or number == n_frames - 1:
                data[number - number % 8 : number + 1] = block[: number % 8 + 1]
    else:
        with tifffile.TiffWriter(path, bigtiff=True) as tiff:
            for frame in frames(n_frames):
                tiff.write(frame, compression="zlib", contiguous=False)
    return path


def rates(movie_path: Path, table_path: Path, rounds: int, size: int) -> dict[str, float]:
    """Frames per second of the reader alone and of everything, and the median of their ratio."""
    table = lumicrop.read_table(table_path)
    alone, whole = [], []
    with (
        lumicrop.open_movie(movie_path) as movie,
        lumicrop.Context() as context,
        tempfile.TemporaryDirectory(dir=movie_path.parent) as out,
    ):
        settings = resolve(
            Request(
                size=(size, size), **({} if movie.statements else {"pixel_nm": 100.0, "gain": 0.5, "offset": 100.0})
            ),
            movie,
            table,
        )
        parts = _Parts(movie, _place(movie, table, settings), CHUNK_BYTES)
        for number in range(rounds + 1):  # the first warms caches
            begun = time.perf_counter()
            n = sum(len(frames) for _, _, frames in parts.read())
            read = time.perf_counter()
            target = Path(out) / f"out{number}.hdf5"
            with OutputFiles(table.written_paths(target)) as files:
                count_movie(movie, table, settings, context=context,
                            begin_writing=lambda: open_writer(table, target, added_columns(settings), {}, files))  # fmt: skip
                counted = time.perf_counter()
            if number:
                alone.append(n / (read - begun))
                whole.append(n / (counted - read))
    ratio = [each / other for each, other in zip(whole, alone)]
    return {"alone": statistics.median(alone), "whole": statistics.median(whole), "ratio": statistics.median(ratio),
            "least": min(ratio), "largest": max(ratio), "frame_bytes": SIDE * SIDE * 2}  # fmt: skip


def memory_of_command(movie_path: Path, table_path: Path, size: int) -> tuple[int, float]:
    """The most bytes that the command had resident, and its seconds."""
    out = movie_path.with_name("out.hdf5")
    begun = time.perf_counter()
    subprocess.run(
        [
            sys.executable,
            "-m",
            "lumicrop.command",
            "integrate",
            movie_path,
            table_path,
            "--size",
            str(size),
            "-o",
            out,
            "--overwrite",
            "--quiet",
        ],
        check=True,
    )
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024, time.perf_counter() - begun


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--gigabytes", type=float, default=10)
    parser.add_argument("--rows-per-frame", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--size", type=int, default=9)
    parser.add_argument("--formats", default="raw,npy,hdf5,zarr,tiff")
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    rows = {}
    with tempfile.TemporaryDirectory(dir=given.folder) as folder:
        for kind in given.formats.split(","):
            gigabytes = given.gigabytes if kind == "raw" else given.gigabytes / 10
            n_frames = int(gigabytes * 1e9 / (SIDE * SIDE * 2))
            place = Path(folder) / kind
            place.mkdir()
            movie, table = (
                write_movie(kind, place, n_frames),
                write_table(place / "locs.hdf5", n_frames, given.rows_per_frame),
            )
            row = rates(movie, table, given.rounds, given.size)
            extra = {}
            if kind == "raw":
                peak, seconds = memory_of_command(movie, table, given.size)
                extra = {"peak_bytes": peak, "command_seconds": seconds}
            rows[kind] = row | extra | {"frames": n_frames, "rows": n_frames * given.rows_per_frame}
            gb = row["frame_bytes"] / 1e9
            print(f"{kind:5} {n_frames:6,} frames  reader alone {row['alone'] * gb:6.2f} GB/s  with counting and writing {row['whole'] * gb:6.2f} GB/s"
                  f"  ratio {row['ratio']:.3f} ({row['least']:.3f} to {row['largest']:.3f})", flush=True)  # fmt: skip
            if extra:
                print(
                    f"      the command on {gigabytes:g} GB: {peak / GIB:.3f} GiB at most, {seconds:.1f} s", flush=True
                )
    if given.json:
        given.json.write_text(json.dumps(rows, indent=1))


if __name__ == "__main__":
    main()
