"""Output appears whole or not at all."""

import os
import stat

import pytest
from movie_files import folder_content

from lumicrop.input_error import InputError
from lumicrop.output_files import OutputFiles


def write(files, target, text):
    files.path(target).write_text(text)


def test_nothing_is_at_the_targets_until_all_is_written(tmp_path):
    first, second = tmp_path / "a.csv", tmp_path / "b.png"
    with OutputFiles([first, second]) as files:
        write(files, first, "one")
        assert not first.exists() and files.path(first).parent == tmp_path and files.path(first).suffix == ".csv"
        write(files, second, "two")
        assert not second.exists()
    assert folder_content(tmp_path) == {"a.csv": b"one", "b.png": b"two"}


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt, SystemExit])
def test_nothing_remains_after_a_failure(tmp_path, error):
    target = tmp_path / "a.csv"
    target.write_text("before")
    with pytest.raises(error), OutputFiles([target, tmp_path / "b.csv"], overwrite=True) as files:
        write(files, target, "half")
        raise error
    assert folder_content(tmp_path) == {"a.csv": b"before"}


def test_what_exists_is_not_replaced_unless_asked(tmp_path):
    target = tmp_path / "a.csv"
    target.write_text("before")
    with pytest.raises(InputError, match="a.csv exists already: --overwrite replaces it"):
        OutputFiles([tmp_path / "new.csv", target])
    assert folder_content(tmp_path) == {"a.csv": b"before"}
    with OutputFiles([target], overwrite=True) as files:
        write(files, target, "after")
    assert folder_content(tmp_path) == {"a.csv": b"after"}


def test_what_appeared_meanwhile_is_not_replaced_either(tmp_path):
    target = tmp_path / "a.csv"
    with pytest.raises(InputError, match="exists already"), OutputFiles([target]) as files:
        write(files, target, "mine")
        target.write_text("another's")
    assert folder_content(tmp_path) == {"a.csv": b"another's"}


def test_when_one_file_cannot_be_put_in_place_none_is(tmp_path, monkeypatch):
    first, second = tmp_path / "a.csv", tmp_path / "b.csv"
    replace = os.replace

    def fail_for_second(source, target):
        if target == second:
            raise OSError(28, "No space left on device", str(target))
        replace(source, target)

    monkeypatch.setattr(os, "replace", fail_for_second)
    with pytest.raises(OSError, match="No space left"), OutputFiles([first, second]):
        pass
    assert folder_content(tmp_path) == {}


def test_a_folder_that_is_missing_or_taken_is_named(tmp_path):
    with pytest.raises(InputError, match="nowhere: this folder does not exist"):
        OutputFiles([tmp_path / "nowhere" / "a.csv"])
    (tmp_path / "a.csv").mkdir()
    with pytest.raises(InputError, match="this is a folder"):
        OutputFiles([tmp_path / "a.csv"], overwrite=True)


def test_others_may_read_what_they_may_read_of_any_new_file(tmp_path):
    umask = os.umask(0o027)
    try:
        with OutputFiles([tmp_path / "a.csv"]):
            pass
    finally:
        os.umask(umask)
    assert stat.S_IMODE((tmp_path / "a.csv").stat().st_mode) == 0o640
