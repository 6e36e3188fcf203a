"""What a movie's noise tells of its camera, against movies of known cameras that share no code with the package."""

import numpy as np
import pytest
from camera_movies import Filmed

import lumicrop
from lumicrop.camera import noise_sums, photon_transfer, sample_runs

WITHIN = 0.05
SCENE = Filmed()


def transfer_of(scene, **known):
    print(scene)
    return photon_transfer(noise_sums([scene.frames_of()]), em_gain=scene.em_gain, **known)


def both_known(scene):
    return {"camera_offset": scene.offset, "read_noise": scene.read_noise}


@pytest.mark.parametrize("background", [2, 20, 200])
@pytest.mark.parametrize("gain", [0.05, 0.5, 2])
def test_the_gain_comes_within_five_percent_whatever_molecules_do(gain, background):
    scene = SCENE.but(gain=gain, background=background, seed=1)
    transfer = transfer_of(scene, **both_known(scene))
    assert transfer.way == "level" and transfer.gain == pytest.approx(gain, rel=WITHIN)


@pytest.mark.parametrize("background", [30, 60, 200])
def test_rounding_to_whole_counts_is_taken_off(background):
    scene = SCENE.but(gain=10, background=background, seed=2)
    transfer = transfer_of(scene, **both_known(scene))
    assert transfer.gain == pytest.approx(10, rel=WITHIN)
    whole = transfer.sums.variance.sum() / transfer.sums.n.sum()
    assert whole * (1 - transfer.gain_error / 10) > whole - 1 / 12  # else this would prove nothing


def test_a_camera_of_few_bits_spread_over_many_is_rounded_as_its_steps_say():
    scene = SCENE.but(gain=4, background=60, seed=3)
    print(scene)
    sums = noise_sums([scene.frames_of() * 16])
    assert sums.step == 16
    transfer = photon_transfer(sums, camera_offset=16 * scene.offset, read_noise=scene.read_noise)
    assert transfer.gain == pytest.approx(4 / 16, rel=WITHIN)


@pytest.mark.parametrize(
    "changes",
    [
        {"structure": 0.6},
        {"bleaching": 0.8},
        {"flicker": 0.1},
        {"structure": 0.6, "bleaching": 0.8, "flicker": 0.05},
        {"sigma": 1.0},
        {"density": 0.0},
        {"density": 0.03},
    ],
    ids=str,
)
@pytest.mark.parametrize("background", [10, 100])
def test_light_that_drifts_bleaches_or_varies_over_the_field_does_no_harm(changes, background):
    scene = SCENE.but(background=background, seed=4, **changes)
    assert transfer_of(scene, **both_known(scene)).gain == pytest.approx(0.5, rel=WITHIN)


def test_without_offset_and_read_noise_the_slope_tells_the_gain():
    scene = SCENE.but(frames=120, size=(96, 96), structure=0.8, background=60, seed=5)
    transfer = transfer_of(scene)
    assert transfer.way == "slope" and transfer.gain == pytest.approx(0.5, rel=WITHIN)
    assert np.isnan(transfer.offset) and np.isnan(transfer.read_noise)
    together = scene.offset - scene.read_noise**2 / scene.gain  # all that a movie tells of the two
    assert abs(transfer.vanishing - together) < 3 * transfer.vanishing_error
    known_offset = photon_transfer(transfer.sums, camera_offset=scene.offset)
    assert abs(known_offset.read_noise - scene.read_noise) < 3 * known_offset.read_noise_error
    known_noise = photon_transfer(transfer.sums, read_noise=scene.read_noise)
    assert abs(known_noise.offset - scene.offset) < 3 * known_noise.offset_error < 12


def test_dark_frames_stand_for_offset_and_read_noise():
    scene = SCENE.but(background=5, density=0, seed=6)
    dark = scene.but(background=0, seed=7).frames_of().astype(float)
    print(scene)
    known = {"camera_offset": dark.mean(), "read_variance_adu": dark.var()}
    transfer = photon_transfer(noise_sums([scene.frames_of()]), **known)
    assert transfer.gain == pytest.approx(0.5, rel=WITHIN)
    assert transfer.read_noise == pytest.approx(scene.read_noise, rel=WITHIN)


@pytest.mark.parametrize("background", [5, 50])
def test_multiplied_electrons_are_twice_as_noisy(background):
    scene = SCENE.but(em_gain=100, gain=5, read_noise=30, background=background, seed=8)
    transfer = transfer_of(scene, **both_known(scene))
    assert transfer.gain == pytest.approx(5, rel=WITHIN)
    unaware = photon_transfer(transfer.sums, camera_offset=scene.offset, read_noise=0)
    assert unaware.gain == pytest.approx(5 / 100 / 2, rel=0.1)


def test_even_light_of_an_unknown_offset_tells_nothing_and_says_what_would():
    scene = SCENE.but(density=0, seed=9)
    transfer = transfer_of(scene)
    assert transfer.way == "" and np.isnan([transfer.gain, transfer.offset, transfer.read_noise]).all()
    assert "Give --offset and --read-noise, or --dark" in transfer.notes[0]
    assert "Give --read-noise, or --dark" in photon_transfer(transfer.sums, camera_offset=scene.offset).notes[0]


def test_noise_that_rounding_hides_is_not_taken_for_a_gain():
    transfer = transfer_of(SCENE.but(gain=10, background=2, seed=10), camera_offset=1000, read_noise=1.5)
    assert transfer.way == "" and "rounded" in transfer.notes[0]


def test_an_offset_above_which_noise_vanishes_is_called_impossible():
    scene = SCENE.but(frames=120, structure=0.8, background=60, seed=11)
    (note,) = transfer_of(scene, camera_offset=0).notes
    assert "the offset cannot be as low as 0" in note


def test_cosmic_rays_and_saturated_pixels_change_nothing():
    scene = SCENE.but(background=50, seed=12)
    print(scene)
    frames = scene.frames_of()
    random = np.random.default_rng(12)
    frames[random.integers(0, 60, 40), random.integers(0, 64, 40), random.integers(0, 64, 40)] = 5000
    frames[:, 20:24, 30:34] = 5000
    transfer = photon_transfer(noise_sums([frames]), **both_known(scene))
    assert transfer.gain == pytest.approx(0.5, rel=WITHIN)


@pytest.mark.parametrize(
    ("scene", "knows"),
    [
        (SCENE.but(size=(48, 48), frames=40), True),
        (SCENE.but(size=(48, 48), frames=40, gain=2, background=100, bleaching=0.5), True),
        (SCENE.but(size=(48, 48), frames=40, structure=0.9, background=100), False),
    ],
    ids=["level", "level, bleaching", "slope"],
)
def test_the_error_is_the_spread_of_many_movies(scene, knows):
    """Over 80 movies, (estimate - truth) / error spreads by 0.9 to 1.2, and has no bias to speak of."""
    print(scene, "seeds 100 to 179")
    pulls = []
    for seed in range(100, 180):
        transfer = photon_transfer(
            noise_sums([scene.but(seed=seed).frames_of()]), **(both_known(scene) if knows else {})
        )
        pulls.append((transfer.gain - scene.gain) / transfer.gain_error)
    print(np.mean(pulls), np.std(pulls))
    assert np.isfinite(pulls).all()
    assert 0.9 < np.std(pulls) < 1.2 and abs(np.mean(pulls)) < 0.35


def test_the_public_movies_of_known_cameras(data_folder):
    """storm-analysis: gain 1, offset 100, no read noise. Deep-STORM: 2.065 counts a photon, and noise as of an EM gain."""
    for name in ("test.dax", "test_spliner.dax"):
        with lumicrop.open_movie(data_folder / "storm-analysis" / name) as movie:
            sums = noise_sums(sample_runs(movie))
        transfer = photon_transfer(sums, camera_offset=100, read_noise=0)
        assert transfer.gain == pytest.approx(1, rel=WITHIN) and transfer.gain_error < 0.02
        slope = photon_transfer(sums)
        assert abs(slope.gain - 1) < 3 * slope.gain_error
    with lumicrop.open_movie(data_folder / "deep-storm" / "ArtificialDataset_demo1.tif") as movie:
        transfer = photon_transfer(noise_sums(sample_runs(movie)), em_gain=100)
    assert transfer.way == "slope" and transfer.gain / 100 == pytest.approx(0.4843, rel=WITHIN)


def test_pixels_that_are_no_numbers_spoil_their_own_place_only():
    scene = SCENE.but(background=50, seed=13)
    print(scene)
    frames = scene.frames_of().astype(np.float32)
    frames[3, 10, 20], frames[4, 40:43, 7] = np.nan, np.inf
    sums = noise_sums([frames])
    assert 0 < noise_sums([scene.frames_of()]).n_places - sums.n_places < 2000
    assert photon_transfer(sums, **both_known(scene)).gain == pytest.approx(0.5, rel=WITHIN)
