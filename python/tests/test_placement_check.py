"""Whether positions sit on the light is measured: movies that others made and simulated ones, set right and wrong."""

import itertools
import json

import h5py
import numpy as np
import pytest
import tifffile
from scipy.io import loadmat
from scipy.special import erf

from lumicrop.placement import check_placement

#: Measured shifts may be this far from the truth [px].
SHIFT_TOLERANCE = 0.15
WRONG_FRAMES = [1, -1]


class Frames:
    """A movie in memory that keeps count of what is read."""

    def __init__(self, frames):
        self.frames, self.shape, self.reads = frames, frames.shape, []

    def read(self, first, last):
        assert 0 <= first < last <= len(self.frames)
        self.reads.append((first, last))
        return self.frames[first:last].copy()


class Sample:
    """A movie and its true table: frame from 0, x and y from the first pixel's centre."""

    def __init__(self, frames, frame, x, y, sigma=None, photons=None):
        self.frames, self.sigma, self.photons = frames, sigma, photons
        self.frame, self.x, self.y = np.asarray(frame, np.int64), np.asarray(x, float), np.asarray(y, float)

    def check(self, *, frame_off=0, swap=False, first_pixel_at=0.0, believed_at=0.0, **more):
        """Check the table with its frames too high, its columns exchanged, or its origin mistaken."""
        x, y = (self.y, self.x) if swap else (self.x, self.y)
        off = first_pixel_at - believed_at
        origin = {0.0: "first_pixel", 0.5: "pixel_corner"}[believed_at]
        self.movie = Frames(self.frames)
        settings = {"sigma_px": self.sigma, "photons": self.photons, "origin": origin} | more
        return check_placement(self.movie, self.frame + frame_off, x + off, y + off, **settings)


def picasso(data):
    frames = np.fromfile(data / "picasso/testdata.raw", "<u2").reshape(-1, 32, 32)
    with h5py.File(data / "picasso/testdata_locs.hdf5") as file:
        locs = file["locs"][:]
    return Sample(frames, locs["frame"], locs["x"], locs["y"], locs["sx"], locs["photons"])


def storm_analysis(data, name):
    frames = np.fromfile(data / f"storm-analysis/{name}.dax", ">u2").reshape(-1, 256, 256)
    raw = (data / f"storm-analysis/{name}_olist.bin").read_bytes()
    rows = np.frombuffer(raw, "<f4", int(np.frombuffer(raw, "<i4", 1, 12)[0]) * 18, 16).reshape(-1, 18)
    frame = rows[:, 13].copy().view("<i4")
    return Sample(frames, frame - 1, rows[:, 0] - 1.0, rows[:, 1] - 1.0)


def storm_analysis_reference(data):
    with h5py.File(data / "storm-analysis/test_ref.hdf5") as file:
        x, y = file["fr_0/x"][:], file["fr_0/y"][:]
    return Sample(storm_analysis(data, "test").frames, np.zeros(len(x)), x, y, 1.0)


def deep_storm(data):
    rows = np.genfromtxt(data / "deep-storm/positions_demo1.csv", delimiter=",", skip_header=1)
    frames = tifffile.imread(data / "deep-storm/ArtificialDataset_demo1.tif")
    return Sample(frames, rows[:, 1] - 1, rows[:, 2] / 100 - 0.5, rows[:, 3] / 100 - 0.5, rows[:, 4] / 100, rows[:, 5])


def single_molecules(data):
    frames = np.load(data / "sdt-python/pMHC_AF647_200k_000_.npz")["frames"]
    found = np.load(data / "sdt-python/cg_loc_orig.npz")
    rows = np.concatenate([np.column_stack([found[key][:, :2], np.full(len(found[key]), int(key))]) for key in found])
    return Sample(frames, rows[:, 2], rows[:, 0], rows[:, 1])


def single_molecules_of_two_frames(data):
    rows = loadmat(data / "sdt-python/pMHC_AF647_200k_000__positions.mat")["MT"]
    return Sample(single_molecules(data).frames, rows[:, 10] - 1, rows[:, 0] - 1, rows[:, 1] - 1)


def bead_image(data, fit):
    image = np.load(data / "sdt-python/bead_img.npz")["img"]
    peaks = np.load(data / f"sdt-python/beads_{fit}.npz")["peaks"]
    return Sample(image[None], np.zeros(len(peaks)), peaks[:, 1], peaks[:, 3], peaks[:, 2])


def bead_stack(data):
    y, x = np.transpose([(19, 25), (27, 93), (61, 123), (70, 43), (110, 91), (119, 29)])
    frames = tifffile.imread(data / "epfl-beads/Beads-AS-Exp.tif")
    return Sample(frames, np.arange(151).repeat(6), np.tile(x, 151), np.tile(y, 151))


SAMPLES = {
    "picasso": picasso,
    "storm-analysis": lambda data: storm_analysis(data, "test"),
    "storm-analysis reference": storm_analysis_reference,
    "double helix": lambda data: storm_analysis(data, "test_spliner"),
    "deep-storm": deep_storm,
    "single molecules": single_molecules,
    "single molecules of two frames": single_molecules_of_two_frames,
    "beads 2d": lambda data: bead_image(data, "2d"),
    "beads 2dfixed": lambda data: bead_image(data, "2dfixed"),
    "beads 3d": lambda data: bead_image(data, "3d"),
}
#: Positions on a grid that looks the same with x and y exchanged.
SYMMETRIC = {"double helix"}
#: Table's frames off by so many, where nothing in the movie contradicts: the table has two frames, most molecules live
#: on through the third, and four that end are too few.
UNDECIDABLE = {("single molecules of two frames", 1)}


@pytest.fixture(scope="module")
def loaded(data_folder):
    cache = {}

    def load(name):
        if name not in cache:
            cache[name] = SAMPLES[name](data_folder)
        return cache[name]

    return load


def assert_shift(check, due):
    assert check.shift_px == pytest.approx((due, due), abs=SHIFT_TOLERANCE), check
    assert max(check.shift_error_px) < SHIFT_TOLERANCE


def proposed(check):
    """The options that the warnings name."""
    return [warning.split("try ")[1] for warning in check.warnings if "try " in warning]


@pytest.mark.parametrize("name", SAMPLES)
def test_a_right_table_is_left_in_peace(loaded, name):
    check = loaded(name).check()
    assert check.warnings == ()
    assert (check.frame_shift, check.swapped) == (0, False)
    assert_shift(check, 0.0)
    json.dumps(check.evidence)


OTHER_ORIGINS = [(0.5, 0.0, "--origin pixel_corner"), (0.0, 0.5, "--origin first_pixel")]
FROM_ONE = [(1.0, 0.0, "--first-pixel-at 1"), (1.0, 0.5, "--first-pixel-at 1")]


@pytest.mark.parametrize(
    ("name", "first_pixel_at", "believed_at", "option"),
    [(name, *mistake) for name in SAMPLES for mistake in OTHER_ORIGINS]
    + [(name, *mistake) for name in ("picasso", "single molecules", "beads 3d") for mistake in FROM_ONE],
)
def test_a_wrong_origin_is_measured_and_the_right_one_proposed(loaded, name, first_pixel_at, believed_at, option):
    check = loaded(name).check(first_pixel_at=first_pixel_at, believed_at=believed_at)
    assert_shift(check, believed_at - first_pixel_at)
    assert proposed(check) == [option]
    assert (check.frame_shift, check.swapped) == (0, False)


@pytest.mark.parametrize("off", WRONG_FRAMES)
@pytest.mark.parametrize("name", SAMPLES)
def test_a_table_whose_frames_are_off_by_one_is_told(loaded, name, off):
    check = loaded(name).check(frame_off=off, first_frame=7)
    assert_shift(check, 0.0)
    if (name, off) in UNDECIDABLE:
        assert check.warnings == ()
        assert any(word.startswith("frame:") for word in check.evidence["undecided"])
    else:
        assert check.frame_shift == -off
        assert proposed(check) == [f"--first-frame {7 + off}"]


@pytest.mark.parametrize("name", SAMPLES)
def test_exchanged_columns_are_told(loaded, name):
    check = loaded(name).check(swap=True)
    assert check.swapped == (name not in SYMMETRIC)
    assert len(check.warnings) == (name not in SYMMETRIC)
    assert_shift(check, 0.0)


@pytest.mark.parametrize("name", sorted({*SAMPLES} - SYMMETRIC))
def test_three_mistakes_at_once_are_told_apart(loaded, name):
    check = loaded(name).check(frame_off=-1, swap=True, believed_at=0.5)
    assert (check.frame_shift, check.swapped) == (1, True)
    assert_shift(check, 0.5)
    assert proposed(check) == ["--swap-xy", "--first-frame -1", "--origin first_pixel"]


@pytest.mark.parametrize("off", [0, *WRONG_FRAMES])
def test_six_beads_at_whole_pixels_that_never_go_out_claim_nothing_but_an_exchange(data_folder, off):
    """Six rounded positions may all be 0.3 px off, and no frame differs from the next."""
    stack = bead_stack(data_folder)
    check = stack.check(frame_off=off)
    assert check.warnings == ()
    assert check.shift_px == pytest.approx((-0.3, 0.0), abs=0.15)
    assert off or stack.check(swap=True).swapped


def spots(shape, x, y, photons, sigma):
    """Expected photons of Gaussians averaged over pixels."""

    def profile(centre, length):
        edges = (np.arange(length + 1) - 0.5 - centre[:, None]) / (sigma * np.sqrt(2))
        return np.diff(0.5 * erf(edges), axis=1)

    return np.einsum("n,ny,nx->yx", photons, profile(np.atleast_1d(y), shape[0]), profile(np.atleast_1d(x), shape[1]))


def simulated(
    seed=0,
    n_frames=20,
    shape=(48, 64),
    alive=8,
    on=1.5,
    photons=800.0,
    background=20.0,
    sigma=1.2,
    false=0.1,
    linked=False,
):
    """Molecules that shine for a while, in parts of frames too, and a table as a careful program would make it."""
    random = np.random.default_rng(seed)
    frames = np.full((n_frames, *shape), float(background))
    rows = []
    for _ in range(max(4, int(alive * (n_frames + on) / (on + 1)))):
        begin, lives = random.uniform(-on, n_frames), random.exponential(on) + 0.2
        x, y = random.uniform(0, shape[1] - 1), random.uniform(0, shape[0] - 1)
        bright, own = photons * random.lognormal(0, 0.3), []
        for t in range(max(0, int(begin)), min(n_frames, int(begin + lives) + 1)):
            n = bright * max(0.0, min(t + 1, begin + lives) - max(t, begin))
            frames[t] += spots(shape, x, y, np.array([n]), sigma)
            noise = np.sqrt(n + 4 * np.pi * sigma**2 * background)
            if n > 6 * noise:
                own.append((t, *random.normal((x, y), sigma * noise / n), n))
        rows += own[:1] if linked else own
    for _ in range(int(false * len(rows))):
        rows.append((random.integers(n_frames), random.uniform(0, shape[1]), random.uniform(0, shape[0]), photons))
    frame, x, y, n = np.reshape(rows, (-1, 4))[random.permutation(len(rows))].T
    frames = random.poisson(frames).astype(np.uint16) + np.uint16(100)
    return Sample(frames, frame, x, y, sigma, n)


KINDS = {
    "usual": {},
    "bright": {"photons": 20000.0},
    "dim": {"photons": 250.0, "background": 5.0, "alive": 20},
    "sparse": {"alive": 1, "n_frames": 200, "shape": (40, 40)},
    "crowded": {"alive": 80, "n_frames": 10},
    "long-lived": {"on": 12.0, "alive": 25},
    "wide": {"sigma": 2.0, "photons": 2000.0},
    "narrow": {"sigma": 0.8},
    "many chance detections": {"false": 0.5, "alive": 15},
    "first frames only": {"linked": True, "on": 6.0, "alive": 30},
    "high": {"shape": (90, 30)},
}
WITH_FRAMES = [kind for kind in KINDS if kind != "first frames only"]


@pytest.mark.parametrize("kind", KINDS)
def test_simulated_tables_that_are_right_raise_no_alarm(kind):
    for seed, known in enumerate(({}, {"sigma_px": None, "photons": None})):
        check = simulated(seed, **KINDS[kind]).check(**known)
        assert check.warnings == (), f"seed {seed}"
        assert_shift(check, 0.0)


@pytest.mark.parametrize("kind", KINDS)
def test_simulated_tables_that_are_wrong_are_found_out(kind):
    sample = simulated(5, **KINDS[kind])
    assert proposed(sample.check(first_pixel_at=0.5)) == ["--origin pixel_corner"]
    assert sample.check(swap=True).swapped
    for off in WRONG_FRAMES if kind in WITH_FRAMES else ():
        assert sample.check(frame_off=off).frame_shift == -off


def test_a_table_of_first_frames_never_claims_that_the_light_is_later():
    """Molecules shine on, and more brightly than in the part of a frame in which they began."""
    for seed in range(3):
        check = simulated(seed, on=20.0, alive=60, linked=True).check()
        assert check.frame_shift == 0, f"seed {seed}"


def test_any_other_shift_is_told_without_a_proposal():
    sample = simulated()
    check = check_placement(Frames(sample.frames), sample.frame, sample.x - 0.7, sample.y + 1.2, sigma_px=1.2)
    assert check.shift_px == pytest.approx((0.7, -1.2), abs=SHIFT_TOLERANCE)
    (warning,) = check.warnings
    assert warning.startswith("positions look shifted by (+0.")
    assert "try" not in warning


def test_an_origin_may_be_a_number():
    sample = simulated()
    check = check_placement(Frames(sample.frames), sample.frame, sample.x - 1, sample.y - 1, sigma_px=1.2, origin=1.0)
    assert proposed(check) == ["--origin first_pixel"]


def hot_pixels(frames, random):
    for row, column in random.integers(0, frames.shape[1:], (12, 2)):
        frames[:, row, column] = 5000
    return frames


def gradient(frames, random):
    rows, columns = np.mgrid[: frames.shape[1], : frames.shape[2]]
    return frames + random.poisson(2.0 * columns + 500 * np.exp(-(((rows - 20) / 25) ** 2)), frames.shape)


def nearly_saturated(frames, random):
    return np.minimum(frames.astype(float) * 100 + 10000, 65535).astype(np.uint16)


def with_holes(frames, random):
    frames = frames.astype(np.float32)
    frames[:, 10:13, 20:23] = np.nan
    frames[3] = np.nan
    frames[5, 7, 7] = np.inf
    return frames


def beads(frames, random):
    x, y = random.uniform(5, 40, (2, 3))
    return frames + random.poisson(spots(frames.shape[1:], x, y, np.full(3, 50000.0), 1.2), frames.shape)


@pytest.mark.parametrize("spoil", [hot_pixels, gradient, nearly_saturated, with_holes, beads])
def test_spoilt_frames_neither_hide_nor_make_a_mistake(spoil):
    sample = simulated(3, alive=20)
    sample.frames = spoil(sample.frames, np.random.default_rng(1))
    assert sample.check().warnings == ()
    assert_shift(sample.check(), 0.0)
    assert proposed(sample.check(first_pixel_at=0.5)) == ["--origin pixel_corner"]
    assert sample.check(frame_off=1).frame_shift == -1


def test_frames_without_noise_or_background_are_frames():
    random = np.random.default_rng(0)
    x, y = random.uniform(5, 40, (2, 30))
    frame = spots((48, 48), x, y, np.full(30, 100.0), 0.7).round()[None]
    check = check_placement(Frames(frame), np.zeros(30, int), x + 0.5, y + 0.5, sigma_px=1.5)
    assert_shift(check, -0.5)


def test_positions_without_a_place_are_passed_over():
    sample = simulated(2, alive=20)
    sample.x[::7], sample.y[::11] = np.nan, np.inf
    sample.x[::13], sample.y[::17] = -30.0, 1e9
    sample.frame[::19], sample.frame[::23] = -1, 10**12
    assert sample.check().warnings == ()
    assert_shift(sample.check(), 0.0)


@pytest.mark.parametrize("shape", [(1, 1, 1), (1, 3, 5), (3, 8, 8), (40, 48, 64)])
@pytest.mark.parametrize("values", ["empty", "noise"])
@pytest.mark.parametrize("rows", [0, 1, 3, 300])
def test_movies_without_light_and_tables_of_chance_claim_no_shift(shape, values, rows):
    random = np.random.default_rng(rows)
    frames = random.poisson(50, shape).astype(np.uint16) if values == "noise" else np.full(shape, 7, np.uint16)
    frame, (y, x) = random.integers(0, shape[0], rows), random.uniform(0, 1, (2, rows)) * np.reshape(shape[1:], (2, 1))
    check = check_placement(Frames(frames), frame, x, y)
    assert (check.shift_px, check.frame_shift, check.swapped) == (None, 0, False)
    assert all("another movie" in warning for warning in check.warnings)
    if rows == 300 and len(frames) > 3:
        assert len(check.warnings) == 1


def test_the_table_of_another_movie_is_told():
    movie, other = simulated(1, alive=20), simulated(2, alive=20)
    check = check_placement(Frames(movie.frames), other.frame, other.x, other.y)
    assert check.shift_px is None
    assert "another movie" in check.warnings[0]


def test_positions_that_all_lie_outside_are_told():
    sample = simulated()
    check = check_placement(Frames(sample.frames), sample.frame, sample.x * 100 + 90, sample.y * 100 + 90)
    assert check.warnings[0].startswith("none of the table's")
    assert "pixel size" in check.warnings[0]


def test_three_rows_are_too_few_to_say_anything():
    sample = simulated(photons=20000.0)
    for offset, swap in itertools.product((0.0, 0.5), (False, True)):
        few = Sample(sample.frames, sample.frame[:3], sample.x[:3], sample.y[:3])
        check = few.check(first_pixel_at=offset, swap=swap)
        assert (check.shift_px, check.warnings) == (None, ())
        assert check.evidence["undecided"]


def test_only_some_frames_are_read_and_every_run_says_the_same():
    sample = simulated(1, n_frames=400, shape=(24, 24), alive=4)
    first, second = sample.check(), sample.check()
    assert first == second
    assert first.n_frames == len(set(sample.movie.reads)) <= 256
    assert len(sample.movie.reads) <= 4 * first.n_frames  # two filter widths, and x and y exchanged
    assert max(last - first for first, last in sample.movie.reads) <= 3


def test_large_frames_are_not_all_read():
    frames = np.broadcast_to(np.uint16(0), (500, 2000, 2000))
    random = np.random.default_rng(0)
    check = check_placement(Frames(frames), np.arange(500), *random.uniform(10, 1900, (2, 500)))
    assert check.n_frames <= 64
