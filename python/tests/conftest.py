"""Data that others made, found or visibly missed; and small things that several tests need."""

import os
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
DATA = Path(os.environ.get("LUMICROP_TEST_DATA") or REPOSITORY.parent / "shared" / "data")
ORACLE = Path(os.environ.get("LUMICROP_TEST_ORACLE") or DATA.parent / "oracle")


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
