from pathlib import Path

import pytest

from ctnlp.errors import RecordError
from ctnlp.records import format_of


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a.csv", ("csv", None)),
        ("a.txt", ("csv", None)),
        ("a.tsv.gz", ("tsv", "gzip")),
        ("a.JSONL.ZST", ("jsonl", "zstd")),
        ("a.ndjson", ("jsonl", None)),
        ("2026.09.12.parquet", ("parquet", None)),
        (Path("folder.csv") / "a.tsv", ("tsv", None)),
    ],
    ids=str,
)
def test_the_name_tells_format_and_compression(name, expected):
    assert format_of(name) == expected


@pytest.mark.parametrize("name", ["a", "a.xlsx", "a.gz", "a.csv.bz2", "a.parquet.gz", ".csv", "folder.csv/a", "csv"])
def test_a_name_that_tells_nothing_is_refused(name):
    with pytest.raises(RecordError, match=r"can't tell the format; expected a name ending in \.csv, .*\.gz or \.zst"):
        format_of(name)
