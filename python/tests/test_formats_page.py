"""docs/formats.md says of every reader what the reader itself does."""

import re

from movie_files import REPOSITORY

from lumicrop import movies, tables

PAGE = (REPOSITORY / "docs" / "formats.md").read_text(encoding="utf-8")


def rows(heading):
    """Cells of the first table under a heading."""
    text = PAGE.split(f"## {heading}\n")[1].split("\n## ")[0]
    lines = [line for line in text.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def test_every_table_format_stands_there_with_its_unit_origin_and_first_frame():
    stated = {name: (unit, origin, first) for name, _, unit, origin, first, *_ in rows("Tables")}
    for reader in tables.READERS:
        origin = f"{reader.origin} (assumed)" if "origin" in reader.assumed else reader.origin
        assert stated.pop(reader.format) == (reader.length_unit, origin, str(reader.first_frame)), reader.format
    assert len(stated) == 1 and "--columns" in next(iter(stated))


def test_every_ending_of_a_movie_stands_there():
    endings = set(re.findall(r"`(\.\w+)`", " ".join(row[1] for row in rows("Movies"))))
    known = {suffix for reader in movies.READERS for suffix in reader.suffixes}
    assert known - endings <= {".zip"} and endings - {".yaml", ".inf"} <= known
