import datetime
import decimal
import gzip
import json
import math
import os
import stat
import sys

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from ctnlp.errors import RecordError
from ctnlp.records import Record, atomic_file, open_table, write_table

TEXTS = pa.schema([("tiêu đề", pa.string()), ("b", pa.string())])
ROWS = [{"tiêu đề": "Giá điện", "b": "Tăng,\n“5%”"}, {"tiêu đề": 'nói: "không"', "b": "a\tb"}]
CELLS = st.text(
    st.one_of(
        st.sampled_from("ạắềổữỵđĐ \"',;\t|\n\r\\"),
        st.characters(exclude_categories=["Cs"], exclude_characters="\0"),
    ),
    max_size=12,
)


@pytest.fixture
def put(tmp_path):
    """Write rows under this name."""

    def writer(name, rows, schema=TEXTS):
        path = tmp_path / name
        with write_table(path, schema) as out:
            out.write(rows)
        assert out.rows == len(rows)
        return path

    return writer


@pytest.mark.parametrize("suffix", [".gz", ".zst", ""])
@pytest.mark.parametrize("kind", ["csv", "tsv", "jsonl"])
def test_what_is_written_is_read_again(put, kind, suffix):
    path = put(f"out.{kind}{suffix}", ROWS)
    with open_table(path) as table:
        assert table.columns == ("tiêu đề", "b")
        assert [row.values for row in table] == ROWS
    assert path.read_bytes().startswith({".gz": b"\x1f\x8b", ".zst": b"\x28\xb5\x2f\xfd", "": b""}[suffix])


@pytest.mark.parametrize("kind", ["csv", "tsv", "jsonl"])
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.lists(st.fixed_dictionaries({"tiêu đề": CELLS, "b": CELLS}), max_size=4))
@example(rows=[{"tiêu đề": "", "b": ""}, {"tiêu đề": "\r", "b": "a\rb"}, {"tiêu đề": '"', "b": "\n"}])
@example(rows=[{"tiêu đề": "\ufeff", "b": "\x85\u2028"}, {"tiêu đề": " ", "b": "\\"}])
def test_any_text_survives_the_round_trip(put, kind, rows):
    first = {"tiêu đề": "a", "b": "b"}
    with open_table(put(f"out.{kind}", [first, *rows])) as table:
        assert [row.values if isinstance(row, Record) else row for row in table] == [first, *rows]


def test_a_cell_of_three_megabytes_survives(put):
    rows = [{"tiêu đề": 'Giá "điện"\n' * 300_000, "b": "x"}]
    with open_table(put("out.csv.gz", rows)) as table:
        assert [row.values for row in table] == rows


def test_the_bytes_of_csv_tsv_and_json_lines(put):
    rows = [{"tiêu đề": 'ế"', "b": None}, {"b": "x"}]
    assert put("out.csv", rows).read_bytes() == '\ufefftiêu đề,b\r\n"ế""",\r\n,x\r\n'.encode()
    assert put("out.tsv", rows).read_bytes() == '\ufefftiêu đề\tb\n"ế"""\t\n\tx\n'.encode()
    assert put("out.jsonl", rows).read_bytes() == '{"tiêu đề": "ế\\"", "b": null}\n{"b": "x"}\n'.encode()


def test_packed_output_is_what_other_programs_read(put):
    assert gzip.decompress(put("out.jsonl.gz", [{"b": "điện"}]).read_bytes()) == '{"b": "điện"}\n'.encode()


VALUES = {
    "labels": ["y_te", "giao_duc"],
    "none": [],
    "pairs": [{"label": "y_te", "score": 0.5}],
    "object": {"đ": 1},
    "yes": True,
    "number": 0.25,
    "day": datetime.date(2026, 9, 12),
    "price": decimal.Decimal("1.10"),
}


def test_values_that_are_no_text_in_csv(put):
    with open_table(put("out.csv", [VALUES], pa.schema([(name, pa.string()) for name in VALUES]))) as table:
        (row,) = table
    assert row.values == {
        "labels": "y_te|giao_duc",
        "none": "",
        "pairs": '[{"label": "y_te", "score": 0.5}]',
        "object": '{"đ": 1}',
        "yes": "true",
        "number": "0.25",
        "day": "2026-09-12",
        "price": "1.10",
    }


def test_values_that_are_no_text_in_json_lines(put):
    path = put("out.jsonl", [VALUES], pa.schema([(name, pa.string()) for name in VALUES]))
    assert json.loads(path.read_text(encoding="utf-8")) == VALUES | {"day": "2026-09-12", "price": "1.10"}


def test_parquet_keeps_every_type_on_the_round_trip(put, tmp_path):
    moment = datetime.datetime(2026, 9, 12, 7, 30, tzinfo=datetime.UTC)
    columns = {
        "text": pa.array(["Giá", None]),
        "large": pa.array(["a", "b"], pa.large_string()),
        "small": pa.array([-1, None], pa.int8()),
        "unsigned": pa.array([2**64 - 1, 0], pa.uint64()),
        "single": pa.array([0.5, math.inf], pa.float32()),
        "flag": pa.array([True, None]),
        "day": pa.array([moment.date(), None]),
        "moment": pa.array([moment, None], pa.timestamp("us", tz="Asia/Ho_Chi_Minh")),
        "nanos": pa.array([1, None], pa.timestamp("ns")),
        "price": pa.array([decimal.Decimal("1.10"), None]),
        "bytes": pa.array([b"\xff\x00", None]),
        "category": pa.array(["a", None], pa.dictionary(pa.int32(), pa.string())),
        "list": pa.array([["a", None], []]),
        "object": pa.array([{"x": 1, "y": ["z"]}, None]),
        "nothing": pa.nulls(2),
    }
    before = pa.table(columns)
    pq.write_table(before, tmp_path / "in.parquet")
    with open_table(tmp_path / "in.parquet") as table:
        path = put("out.parquet", [row.values for row in table], table.schema)
    after = pq.read_table(path)
    assert after.schema == before.schema
    assert after.equals(before)


def test_values_of_mixed_columns_become_text_in_parquet(put):
    schema = pa.schema([("mixed", pa.string())])
    values = ["a", 1, 2.5, True, ["x", "y"], {"k": ["v"]}, None, 2**70]
    rows = pq.read_table(put("out.parquet", [{"mixed": value} for value in values], schema)).column("mixed").to_pylist()
    assert rows == ["a", "1", "2.5", "true", "x|y", '{"k": ["v"]}', None, str(2**70)]


def test_json_lines_become_parquet_whatever_they_hold(tmp_path, put):
    lines = [{"n": 1, "m": 1, "big": 1}, {"n": None, "m": "a", "big": 2**64}, {"n": 2, "l": ["a"]}]
    source = tmp_path / "in.jsonl"
    source.write_text("".join(json.dumps(line) + "\n" for line in lines))
    with open_table(source) as table:
        path = put("out.parquet", [row.values for row in table], table.schema)
    assert pq.read_table(path).to_pydict() == {
        "n": [1, None, 2],
        "m": ["1", "a", None],
        "big": ["1", str(2**64), None],
        "l": [None, None, "a"],
    }


@pytest.mark.parametrize(("kind", "value"), [(pa.int64(), "x"), (pa.int8(), 2**40), (pa.bool_(), "no")], ids=str)
def test_a_value_that_a_parquet_column_can_not_hold_is_told_with_the_target(put, tmp_path, kind, value):
    with pytest.raises(RecordError, match="column 'c' can't hold a value") as caught:
        put("out.parquet", [{"c": value}], pa.schema([("c", kind)]))
    assert caught.value.path == tmp_path / "out.parquet"
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["out.csv", "out.tsv", "out.jsonl", "out.parquet"])
def test_a_key_that_is_not_in_the_schema_is_an_error(put, tmp_path, name):
    with pytest.raises(RecordError, match="no column 'stray' in the schema") as caught:
        put(name, [ROWS[0], {"b": "x", "stray": "y"}])
    assert caught.value.path == tmp_path / name
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["out.csv", "out.jsonl", "out.parquet"])
def test_a_table_without_rows_is_whole(put, name):
    path = put(name, [])
    if name == "out.jsonl":
        assert path.read_bytes() == b""
        return
    with open_table(path) as table:
        assert table.columns == ("tiêu đề", "b")
        assert list(table) == []


@pytest.mark.parametrize("name", ["out.csv", "out.tsv.gz", "out.jsonl.zst", "out.parquet"])
@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt], ids=lambda error: error.__name__)
@pytest.mark.parametrize("old", [None, b"old"], ids=["new", "old"])
def test_a_failure_leaves_nothing_new_behind(tmp_path, name, error, old):
    path = tmp_path / name
    if old is not None:
        path.write_bytes(old)
    with pytest.raises(error), write_table(path, TEXTS) as out:
        out.write(ROWS * 1000)
        assert (path.read_bytes() if path.exists() else None) == old
        raise error
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == ({name: old} if old else {})


@pytest.mark.parametrize("name", ["out.csv", "out.jsonl.zst", "out.parquet"])
def test_the_target_appears_at_the_end_and_replaces_the_old_one(tmp_path, name):
    path = tmp_path / name
    path.write_bytes(b"old")
    with write_table(path, TEXTS) as out:
        out.write(ROWS)
        assert path.read_bytes() == b"old"
        assert [file.name for file in tmp_path.iterdir() if file.match(".*.part")]
    assert [file.name for file in tmp_path.iterdir()] == [name]
    with open_table(path) as table:
        assert [row.values for row in table] == ROWS


@pytest.mark.skipif(os.name == "nt", reason="Windows has no umask")
@pytest.mark.parametrize(("umask", "mode"), [(0o022, 0o644), (0o027, 0o640), (0o077, 0o600), (0o002, 0o664)], ids=oct)
def test_the_mode_of_the_file_follows_the_umask(tmp_path, umask, mode):
    before = os.umask(umask)
    try:
        with atomic_file(tmp_path / "out.csv") as temporary:
            temporary.write_text("x")
        assert os.umask(umask) == umask
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "out.csv").stat().st_mode) == mode


def test_a_target_that_can_not_be_written_is_told_first(tmp_path):
    (tmp_path / "folder.csv").mkdir()
    for path, message in [
        (tmp_path / "folder.csv", "is a folder; name a file"),
        (tmp_path / "gone" / "out.csv", r"the folder .*gone does not exist; make it first"),
        (tmp_path / "out.xlsx", "can't tell the format"),
        (tmp_path / f"{'x' * 300}.csv", "can't be written"),
    ]:
        with pytest.raises(RecordError, match=message), write_table(path, TEXTS):
            pytest.fail("the block was entered")
    assert [file.name for file in tmp_path.iterdir()] == ["folder.csv"]


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("csv", 'tiêu đề,b\r\nGiá,"a\nb"\r\n'),
        ("tsv", 'tiêu đề\tb\nGiá\t"a\nb"\n'),
        ("jsonl", '{"tiêu đề": "Giá", "b": "a\\nb"}\n'),
    ],
)
def test_standard_output_takes_text(capfdbinary, kind, text):
    with write_table("-", TEXTS, kind=kind) as out:
        out.write([{"tiêu đề": "Giá", "b": "a\nb"}])
    assert capfdbinary.readouterr().out.decode() == text
    assert not sys.stdout.closed


@pytest.mark.parametrize("kind", ["parquet", None])
def test_standard_output_takes_no_parquet(kind, capsys):
    with pytest.raises(RecordError, match="standard output takes CSV, TSV or JSON Lines; name a file for Parquet"):
        with write_table("-", TEXTS, kind=kind):
            pytest.fail("the block was entered")
    assert capsys.readouterr().out == ""
