"""What the documents show works as shown."""

import os
import re
import shutil
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import h5py
import numpy as np
import pytest
import tifffile
from movie_files import command

import lumicrop
from lumicrop import _abi

ROOT = Path(__file__).resolve().parents[2]


def examples(language):
    return re.findall(rf"```{language}\n(.*?)```", (ROOT / "README.md").read_text(), re.S)


def test_the_api_reference_is_what_the_header_says():
    subprocess.run([sys.executable, ROOT / "scripts/api_reference.py", "--check"], check=True)


def test_the_python_example_of_the_readme_runs(capsys):
    example, _ = examples("python")
    exec(compile(example, "README.md", "exec"), {})
    assert "nan" not in capsys.readouterr().out


def test_the_movie_example_of_the_readme_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    command("simulate", "movie.tif", "--table", "locs.csv", "--frames", 50, "--molecules", 200, "--offset", 28, "--gain", 0.48)
    with h5py.File("movie.h5", "w") as file:
        file["entry/data"] = tifffile.imread("movie.tif")
    (example,) = examples("py")
    first, second = re.split(r"\n\n", example)
    names = {"lumicrop": lumicrop}
    exec(first, names)
    ratio = names["photons"]["lumicrop_photons"] / names["photons"]["intensity [photon]"]
    assert ratio.median() == pytest.approx(1, abs=0.03)
    exec(second, names)
    assert np.isfinite(names["photons"]["lumicrop_photons"]).all()


@pytest.mark.cuda
def test_the_python_example_on_a_gpu_gives_what_the_cpu_gives(monkeypatch):
    monkeypatch.setitem(sys.modules, "cupy", a_little_of_cupy())
    names = {}
    for example in examples("python"):
        exec(compile(example, "README.md", "exec"), names)
    channel = lumicrop.Channel(names["movie"][:, :9, :9], method="sum", gain=0.48, qe=0.9)
    assert names["total"] == pytest.approx(lumicrop.integrate(channel, context=lumicrop.Context("cpu")).photons.sum(), rel=1e-5)


def a_little_of_cupy():
    """As much of CuPy as the example uses: arrays that speak DLPack, and a stream."""
    from device_array import ByDLPack, runtime, stream

    class Array(ByDLPack):
        def sum(self):
            runtime().cudaDeviceSynchronize()
            return self.numpy().sum()

    @contextmanager
    def a_stream():
        with stream() as address:
            yield SimpleNamespace(ptr=address)

    return SimpleNamespace(asarray=Array, empty=lambda n: Array(np.full(n, 7.0)), cuda=SimpleNamespace(Stream=a_stream))


def test_the_c_example_of_the_readme_prints_what_it_says(tmp_path):
    compiler = os.environ.get("CC") or shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        pytest.skip("no C compiler")
    (example,) = examples("c")
    (tmp_path / "example.c").write_text(example)
    library = Path(_abi._library_path())
    subprocess.run([compiler, "-std=c11", "-Wall", "-Wextra", "-Werror", f"-I{ROOT / 'include'}", "example.c", "-o", "example",
                    str(library), f"-Wl,-rpath,{library.parent}"], cwd=tmp_path, check=True)
    printed = subprocess.run([tmp_path / "example"], capture_output=True, text=True, check=True).stdout.strip()
    assert f"/* {printed} */" in example


def test_the_changelog_names_this_version():
    assert f"## {lumicrop.__version__}" in (ROOT / "CHANGELOG.md").read_text()
