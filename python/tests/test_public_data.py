"""Every command of docs/public-data.md is run on the data that it names, and the figures beside it come out."""

import re
import shlex
from pathlib import Path

import numpy as np
import pandas
import pytest
from movie_files import REPOSITORY, command, read_locs
from scipy.spatial import cKDTree

PAGE = REPOSITORY / "docs" / "public-data.md"
COMMANDS = re.findall(r"^lumicrop integrate .*$", PAGE.read_text(encoding="utf-8"), re.M)
PHOTONS = "lumicrop_photons [photon]"


@pytest.fixture(scope="module")
def run(data_folder, tmp_path_factory):
    """Runs the command of the page that writes a table of this name; gives its path and what was said."""
    folder = tmp_path_factory.mktemp("public")
    done = {}

    def once(name):
        if name not in done:
            (line,) = [line for line in COMMANDS if line.endswith(f"-o {name}")]
            words = shlex.split(line.replace("$DATA", str(data_folder)))[1:-1]
            done[name] = command(*words, folder / name, "--no-plot")
        return folder / name, done[name]

    return once


def test_every_command_of_the_page_is_run_here():
    named = re.findall(r"run\(\"(\S+)\"\)", Path(__file__).read_text(encoding="utf-8"))
    assert sorted(set(named)) == sorted(line.split()[-1] for line in COMMANDS)


def test_picasso_against_its_own_photons(run):
    for path, expected in ((run("picasso_filter.hdf5")[0], (0.9802, 0.9907, 0.9995)), (run("picasso_sum.hdf5")[0], (0.890, 0.959, 0.979))):  # fmt: skip
        locs = read_locs(path)
        ratio = locs["lumicrop_photons"] / locs["photons"]
        np.testing.assert_allclose(np.percentile(ratio, (5, 50, 95)), expected, atol=5e-4)


def test_storm_analysis_against_the_photons_that_were_put_in(run):
    for path, deviation in ((run("storm_sum.csv")[0], 0.037), (run("storm_filter.csv")[0], 0.023)):
        rows = pandas.read_csv(path)
        places = np.column_stack([rows["x"], rows["y"], rows["fr"] * 1000])
        alone = cKDTree(places).query(places, k=2)[0][:, 1] > 12
        photons = rows[PHOTONS][alone] / 3141.6
        assert alone.sum() == 428
        assert photons.mean() == pytest.approx(1.002, abs=5e-4) and photons.std() == pytest.approx(deviation, abs=5e-4)


def test_the_same_molecules_of_storm_analysis_own_table_have_the_same_photons(run):
    import h5py

    with h5py.File(run("storm_ref.hdf5")[0]) as file:
        ours = file["fr_0/lumicrop_photons"][...]
    rows = pandas.read_csv(run("storm_sum.csv")[0])
    np.testing.assert_allclose(np.sort(ours), np.sort(rows[PHOTONS][rows["fr"] == 1]), rtol=1e-6)


def test_every_molecule_of_the_3d_movie_is_counted(run):
    path, said = run("spliner.csv")
    assert "720, of which 720 counted" in said
    assert np.isfinite(pandas.read_csv(path)[PHOTONS]).all()


def test_the_crowded_movie_reads_near_the_truth_where_a_molecule_is_alone(run):
    path, said = run("deep.csv")
    rows = pandas.read_csv(path)
    ratio, neighbours = rows[PHOTONS] / rows["intensity [photon]"], rows["lumicrop_neighbours"]
    assert [len(rows), (neighbours == 0).sum(), (neighbours == 1).sum()] == [4956, 352, 804]
    medians = [ratio[neighbours == 0].median(), ratio[neighbours == 1].median(), ratio.median()]
    assert medians == pytest.approx([1.04, 1.28, 1.81], abs=5e-3)
    assert "93 % of the detections have a neighbour within their crop" in said


def test_real_molecules_have_the_counts_that_their_own_program_gives(run):
    """The tracker's mass is a sum over a disk above its local background; ours a square above the border's median."""
    found = pandas.read_csv(run("molecules.csv")[0])
    assert np.corrcoef(found[PHOTONS], found["3"])[0, 1] > 0.9
    other = pandas.read_csv(run("positions.csv")[0])
    assert len(found) == 76 and len(other) == 55 and np.isfinite(other[PHOTONS]).all()


def test_beads_against_the_volume_of_their_fits(run):
    beads = pandas.read_csv(run("beads.csv")[0])
    ratio = (beads[PHOTONS] / (2 * np.pi * beads["1"] * beads["3"] * beads["5"]))[:6]
    assert (ratio.min(), ratio.max()) == pytest.approx((1.10, 1.22), abs=5e-3)


def test_right_settings_raise_no_alarm_about_positions_and_one_about_an_em_gain(run):
    for line in COMMANDS:
        _, said = run(line.split()[-1])
        warnings = [each for each in said.splitlines() if each.startswith("warning:")]
        if line.endswith("deep.csv"):
            about_noise = warnings.pop(0)
            assert re.search(r"0\.24 ± 0\.01|0\.23\d ± 0\.00\d|0\.24\d ± 0\.00\d", about_noise)
            assert "(0.48 if an EM gain was on), 0.4843 was given" in about_noise
        assert all("have a neighbour within their crop" in each for each in warnings), warnings
