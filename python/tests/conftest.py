"""Data that others made, found or visibly missed; and small things that several tests need."""

import os
from pathlib import Path

import pytest

# Contexts that nobody chooses a backend for are the CPU's here; LUMICROP_BACKEND=auto leaves the choice to the library, as a
# user would, and runs these tests on a GPU.
os.environ.setdefault("LUMICROP_BACKEND", "cpu")

from movie_files import Sample

import lumicrop

REPOSITORY = Path(__file__).resolve().parents[2]
DATA = Path(os.environ.get("LUMICROP_TEST_DATA") or REPOSITORY.parent / "shared" / "data")
ORACLE = Path(os.environ.get("LUMICROP_TEST_ORACLE") or DATA.parent / "oracle")


def pytest_configure(config):
    config.addinivalue_line("markers", "cuda: needs a GPU, or an emulated one, that the library can use; else skipped")
    config.addinivalue_line("markers", "alone: measures time, which tests running beside it would take")


def pytest_runtest_setup(item):
    cuda = lumicrop.backends()[1]
    if not cuda.usable and item.get_closest_marker("cuda"):
        pytest.skip(cuda.reason)


def _folder(path, variable):
    if not path.is_dir():
        pytest.skip(f"{path} is not there; name the folder in {variable}")
    return path


@pytest.fixture(scope="session")
def data_folder():
    """Movies and tables that other projects publish."""
    return _folder(DATA, "LUMICROP_TEST_DATA")


@pytest.fixture(scope="session")
def oracle_folder():
    """What the seed computed."""
    return _folder(ORACLE, "LUMICROP_TEST_ORACLE")


@pytest.fixture
def sample(tmp_path):
    """A movie and its table in a folder of their own."""
    return Sample(tmp_path)


@pytest.fixture
def files(sample):
    return sample.movie_path, sample.table_path
