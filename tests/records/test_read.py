import datetime
import gzip
import io
import sys
import unicodedata

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ctnlp.errors import RecordError
from ctnlp.records import Record, Rejected, open_table

GOOD = "title,body\nGiá điện,Tăng từ tháng 5\nY tế,Có 12 ca\n"
ROWS = [
    Record(2, {"title": "Giá điện", "body": "Tăng từ tháng 5"}),
    Record(3, {"title": "Y tế", "body": "Có 12 ca"}),
]


@pytest.fixture
def read(tmp_path):
    """Write these bytes under this name, read the table, and read it again."""

    def reader(data: bytes | str, name: str = "in.csv", **options) -> list[Record | Rejected]:
        path = tmp_path / name
        path.write_bytes(data.encode() if isinstance(data, str) else data)
        with open_table(path, **options) as table:
            rows = list(table)
            assert list(table) == rows
        return rows

    return reader


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("in.csv", GOOD.encode()),
        ("in.csv", GOOD.encode("utf-8-sig")),
        ("in.csv", GOOD.replace("\n", "\r\n").encode()),
        ("in.csv", GOOD.replace("\n", "\r").encode()),
        ("in.csv", GOOD.rstrip("\n").encode()),
        ("in.csv", GOOD.replace(",", ";").encode()),
        ("in.csv", GOOD.replace(",", "\t").encode()),
        ("in.txt", GOOD.replace(",", "|").encode()),
        ("in.tsv", GOOD.replace(",", "\t").encode("utf-8-sig")),
        ("in.csv", GOOD.replace("title", " title ").encode()),
        ("in.csv", GOOD.encode("utf-16")),
        ("in.csv", GOOD.encode("utf-16-le")),
        ("in.csv", GOOD.encode("utf-16-be")),
        ("in.csv.gz", gzip.compress(GOOD.encode())),
        ("in.csv.zst", pa.compress(GOOD.encode("utf-8-sig"), codec="zstd", asbytes=True)),
    ],
    ids=[
        "comma",
        "bom",
        "crlf",
        "cr",
        "no-last-line-end",
        "semicolon",
        "tab-in-csv",
        "bar-in-txt",
        "tsv",
        "spaces-around-names",
        "utf-16-bom",
        "utf-16-le",
        "utf-16-be",
        "gz",
        "zst",
    ],
)
def test_the_same_rows_come_out_of_every_kind_of_csv(read, name, data):
    assert read(data, name) == ROWS


def test_a_csv_in_code_page_1258_composes_to_the_same_text(read):
    apart = unicodedata.normalize("NFD", GOOD)
    for letter in "âêôăơưÂÊÔĂƠƯ":
        marks = unicodedata.normalize("NFD", letter)
        apart = apart.replace(f"{marks[0]}\u0323{marks[1]}", f"{marks}\u0323").replace(marks, letter)
    rows = read(apart.encode("cp1258"))
    assert [{key: unicodedata.normalize("NFC", value) for key, value in row.values.items()} for row in rows] == [
        row.values for row in ROWS
    ]


def test_a_named_encoding_overrules_what_is_found(read):
    assert read(b"title,body\nd\xe9j\xe0,vu\n", encoding="Latin1") == [Record(2, {"title": "déjà", "body": "vu"})]


@pytest.mark.parametrize("name", ["utf-8", "UTF8", "utf-8-sig"])
def test_utf_8_may_be_named_with_a_mark_at_the_start_and_stray_bytes(read, name):
    assert read(GOOD.encode("utf-8-sig") + b"3,\xff\n", encoding=name) == [
        *ROWS,
        Rejected(4, "the row has bytes that are not UTF-8", "3,\ufffd"),
    ]


@pytest.mark.parametrize(
    ("encoding", "message"),
    [
        ("ascii", r"not ascii after this line \(ordinal not in range\(128\)\); save the file as UTF-8"),
        ("utf-16", r"not utf-16 after this line \(UTF-16 stream does not start with BOM\)"),
        ("tcvn", "unknown encoding: tcvn"),
    ],
    ids=["ascii", "utf-16", "unknown"],
)
def test_a_wrong_name_of_the_encoding_is_told(read, encoding, message):
    with pytest.raises(RecordError, match=message):
        read(GOOD.encode(), encoding=encoding)


def test_quoted_cells_hold_delimiters_quotes_and_line_ends(read):
    assert read('a,b\n"x, ""y""\nz",1\n"\r\n",2\n') == [
        Record(2, {"a": 'x, "y"\nz', "b": "1"}),
        Record(4, {"a": "\r\n", "b": "2"}),
    ]


def test_blank_lines_are_no_rows_but_count_as_lines(read):
    assert read("\n\na,b\n\n1,2\n\r\n3,4\n\n") == [Record(5, {"a": "1", "b": "2"}), Record(7, {"a": "3", "b": "4"})]


def test_rows_with_too_few_or_too_many_fields_are_set_aside(read):
    assert read("a,b\n1\n1,2\n1,2,3\n4,5\n") == [
        Rejected(2, "the row has 1 field, the header 2", "1"),
        Record(3, {"a": "1", "b": "2"}),
        Rejected(4, "the row has 3 fields, the header 2", "1,2,3"),
        Record(5, {"a": "4", "b": "5"}),
    ]


@pytest.mark.parametrize(
    ("bad", "end"),
    [('1,"open', ""), ('1,"open', '3,"closed"\n'), ('1,"shut"x', ""), ('"', "")],
    ids=["never-closed", "closed-by-a-later-quote", "text-after-the-quote", "only-a-quote"],
)
def test_rows_after_a_broken_quote_survive(read, bad, end):
    rows = read(f'a,b\n0,"two\nlines"\n{bad}\n2,x\n{end}4,y\n')
    assert rows[0] == Record(2, {"a": "0", "b": "two\nlines"})
    assert isinstance(rows[1], Rejected)
    assert (rows[1].line, rows[1].raw) == (4, bad)
    assert "quot" in rows[1].reason
    after = [(5, "2", "x"), *([(6, "3", "closed")] if end else []), (7 if end else 6, "4", "y")]
    assert rows[2:] == [Record(line, {"a": a, "b": b}) for line, a, b in after]


@pytest.mark.parametrize("end", ["", "\n"], ids=["no-line-end", "line-end"])
def test_a_quote_left_open_at_the_end_costs_the_last_row_only(read, end):
    rows = read(f'a,b\n1,2\n3,"open{end}')
    assert rows[0] == Record(2, {"a": "1", "b": "2"})
    assert [(row.line, row.raw) for row in rows[1:]] == [(3, '3,"open')]
    assert isinstance(rows[1], Rejected)


def test_two_open_quotes_cost_two_rows(read):
    rows = read('a,b\n1,"open\n2,x\n3,"open\n4,y\n')
    assert [(type(row).__name__, row.line) for row in rows] == [
        ("Rejected", 2),
        ("Record", 3),
        ("Rejected", 4),
        ("Record", 5),
    ]


def test_a_quote_that_runs_on_past_the_longest_cell_is_taken_for_open(read, monkeypatch):
    monkeypatch.setattr("ctnlp.records.read.LONGEST_CELL", 1000)
    rows = read('a,b\n1,"open\n' + "2,x\n" * 500 + '3,"\n')
    assert [type(row).__name__ for row in rows] == ["Rejected", *["Record"] * 500, "Rejected"]


def test_bytes_that_are_not_utf_8_cost_their_row_only(read):
    assert read((GOOD + "3,").encode() + b"\xff\xe1\n4,x\n") == [
        *ROWS,
        Rejected(4, "the row has bytes that are not UTF-8", "3,\ufffd\ufffd"),
        Record(5, {"title": "4", "body": "x"}),
    ]


def test_only_the_beginning_of_a_bad_row_is_kept(read):
    (row,) = read("a,b\n" + "x" * 10_000 + "\n")
    assert row == Rejected(2, "the row has 1 field, the header 2", "x" * 500)


def test_a_cell_of_three_megabytes_is_read(read):
    cell = "Giá điện, " * 300_000
    assert read(f'a,b\n"{cell}",x\n')[0] == Record(2, {"a": cell, "b": "x"})


@pytest.mark.parametrize(
    ("data", "name", "message"),
    [
        (b"", "in.csv", r"in\.csv, line 1: the file is empty; expected a first row of column names"),
        (b"\n\n", "in.csv", "the file is empty"),
        (gzip.compress(b""), "in.csv.gz", "the file is empty"),
        (b"", "in.csv.gz", "the file is empty"),
        (b"\xef\xbb\xbf", "in.tsv", "the file is empty"),
        (b"a,b,a\n1,2,3\n", "in.csv", "line 1: the header names 'a' twice; give every column its own name"),
        (b"\n\na, a\n1,2\n", "in.csv", "line 3: the header names 'a' twice"),
        (b'"a,b\n1,2\n', "in.csv", "line 1: the header can't be read: broken quoting"),
        ("à,b\xff\nế\n".encode() + b"1\xff,2\n", "in.csv", None),
        (b"a\xff,b\n" + "ế,đ\n".encode(), "in.csv", "line 1: the header is not UTF-8"),
        (b"ti\xaau \xae\xd2,n\xe9i dung\nGi\xb8 \xaei\xd6n,t\xa8ng\n", "in.csv", "it may be TCVN3 or VNI"),
        (b"", "in.jsonl", "no line holds a JSON object"),
        (b"1\n[]\n{}\n", "in.jsonl", "no line holds a JSON object"),
        (b"a,b\n", "in.xlsx", "can't tell the format"),
        (b"", "in.parquet", r"in\.parquet: not a readable Parquet file"),
        (b"PAR1 no such luck PAR1", "in.parquet", r"in\.parquet: not a readable Parquet file"),
    ],
    ids=[
        "empty",
        "blank-lines",
        "empty-in-gz",
        "empty-gz",
        "only-a-bom",
        "name-twice",
        "name-twice-below-blank-lines",
        "open-quote-in-header",
        "bad-byte-below-header",
        "bad-byte-in-header",
        "tcvn3",
        "empty-jsonl",
        "no-object",
        "suffix",
        "empty-parquet",
        "no-parquet",
    ],
)
def test_a_table_without_use_is_refused_with_the_reason(read, data, name, message):
    if message is None:
        assert isinstance(read(data, name)[-1], Rejected)
        return
    with pytest.raises(RecordError, match=message):
        read(data, name)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(RecordError, match=r"gone\.csv: no such file"), open_table(tmp_path / "gone.csv"):
        pass
    with pytest.raises(RecordError, match="no such file"), open_table(tmp_path):
        pass
    with pytest.raises(RecordError, match="can't be read"), open_table(tmp_path / f"{'x' * 300}.csv"):
        pass


@pytest.mark.parametrize("share", [0.3, 0.5, 0.7, 0.99])
@pytest.mark.parametrize("suffix", [".csv.gz", ".csv.zst"])
def test_a_packed_file_that_breaks_off_is_told_wherever_it_breaks(tmp_path, suffix, share):
    text = "id,body\n" + "".join(f"{number},Giá điện số {number * number} tăng\n" for number in range(60_000))
    packed = (
        gzip.compress(text.encode(), 1) if suffix.endswith("gz") else pa.compress(text.encode(), "zstd", asbytes=True)
    )
    path = tmp_path / f"in{suffix}"
    path.write_bytes(packed[: int(len(packed) * share)])
    rows = []
    with pytest.raises(RecordError, match=r"ends early|can't be read") as caught, open_table(path) as table:
        for row in table:
            rows.append(row)
    assert caught.value.path == path
    assert all(isinstance(row, Record) for row in rows)
    assert caught.value.line in (None, len(rows) + 1)


def test_json_lines_keep_types_and_bad_lines_are_set_aside(read):
    lines = [
        '{"t": "Giá điện", "n": 1, "l": ["a"], "x": null}',
        "",
        '{"t": "cut',
        "[1, 2]",
        '"text"',
        "null",
        '{"t": "b", "n": true}',
        '{"t": "\\ud83d\\ude00"}',
        '{"t": "\\ud83d"}',
        '{"n": ' + "1" * 5000 + "}",
        "[" * 100_000,
        '{"t": "end"}',
    ]
    rows = read("\n".join(lines), "in.jsonl")
    assert [row for row in rows if isinstance(row, Record)] == [
        Record(1, {"t": "Giá điện", "n": 1, "l": ["a"], "x": None}),
        Record(7, {"t": "b", "n": True}),
        Record(8, {"t": "😀"}),
        Record(12, {"t": "end"}),
    ]
    bad = [row for row in rows if isinstance(row, Rejected)]
    assert [row.line for row in bad] == [3, 4, 5, 6, 9, 10, 11]
    assert [row.raw for row in bad] == [lines[row.line - 1][:500] for row in bad]
    for row, reason in zip(
        bad, ["not JSON (", "got list", "got str", "got NoneType", "surrogate", "not JSON (", "not JSON ("], strict=True
    ):
        assert reason in row.reason


def test_a_json_line_that_is_not_utf_8_is_set_aside(read):
    rows = read('{"t": "Giá điện tăng"}\n'.encode() + b'{"t": "\xff"}\n{"t": "b"}', "in.jsonl")
    assert rows[1:] == [
        Rejected(2, "the row has bytes that are not UTF-8", '{"t": "\ufffd"}'),
        Record(3, {"t": "b"}),
    ]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_json_lines_are_read_in_any_unicode(read, encoding):
    assert read('{"t": "điện"}\r\n{"t": "nước"}'.encode(encoding), "in.ndjson")[1] == Record(2, {"t": "nước"})


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (["1", "2", "null"], pa.int64()),
        (["1", "2.5"], pa.float64()),
        (["true", "null"], pa.bool_()),
        (['"a"'], pa.string()),
        (["1", '"a"'], pa.string()),
        (["true", "1"], pa.string()),
        (['["a"]'], pa.string()),
        (['{"b": 1}'], pa.string()),
        (["null"], pa.string()),
        (["9223372036854775807"], pa.int64()),
        (["1", "9223372036854775808"], pa.string()),
    ],
    ids=lambda value: ",".join(value) if isinstance(value, list) else str(value),
)
def test_columns_of_json_lines_have_the_type_that_holds_all_values(tmp_path, values, kind):
    path = tmp_path / "in.jsonl"
    path.write_text("".join(f'{{"c": {value}}}\n' for value in values))
    with open_table(path) as table:
        assert table.schema == pa.schema([("c", kind)])


def test_columns_of_json_lines_come_in_the_order_they_appear(tmp_path):
    path = tmp_path / "in.jsonl"
    path.write_text('{"b": 1}\n{"a": 1, "b": 2}\n')
    with open_table(path) as table:
        assert (table.format, table.columns, table.source) == ("jsonl", ("b", "a"), path)


def test_parquet_keeps_types_and_numbers_its_rows(tmp_path):
    path = tmp_path / "in.parquet"
    day = datetime.date(2026, 9, 12)
    pq.write_table(
        pa.table({"t": ["a", None], "d": [day, day], "l": [["x"], []]}).replace_schema_metadata({"k": "v"}), path
    )
    with open_table(path) as table:
        assert (table.format, table.columns) == ("parquet", ("t", "d", "l"))
        assert table.schema == pa.schema([("t", pa.string()), ("d", pa.date32()), ("l", pa.list_(pa.string()))])
        assert table.schema.metadata is None
        assert list(table) == [Record(1, {"t": "a", "d": day, "l": ["x"]}), Record(2, {"t": None, "d": day, "l": []})]


def test_a_parquet_value_that_python_can_not_hold_costs_its_row_only(tmp_path):
    path = tmp_path / "in.parquet"
    raw = pa.array([b"a", b"\xff", b"b"] * 1000, pa.binary())
    pq.write_table(pa.table({"t": pa.Array.from_buffers(pa.string(), len(raw), raw.buffers())}), path)
    with open_table(path) as table:
        rows = list(table)
    assert [row.line for row in rows] == list(range(1, 3001))
    assert rows[3:5] == [Record(4, {"t": "a"}), rows[4]]
    assert isinstance(rows[4], Rejected) and "utf-8" in rows[4].reason
    assert sum(isinstance(row, Rejected) for row in rows) == 1000


def test_a_parquet_file_damaged_inside_tells_how_far_it_is_good(tmp_path):
    path = tmp_path / "in.parquet"
    pq.write_table(pa.table({"n": list(range(20_000))}), path, row_group_size=1000)
    data = bytearray(path.read_bytes())
    data[len(data) // 2 : len(data) // 2 + 2000] = b"\xff" * 2000
    path.write_bytes(data)
    rows = []
    with pytest.raises(RecordError, match="damaged after this row") as caught, open_table(path) as table:
        for row in table:
            rows.append(row)
    assert 0 < caught.value.line == len(rows) < 20_000


def test_parquet_with_a_column_name_twice_is_refused(tmp_path):
    path = tmp_path / "in.parquet"
    pq.write_table(pa.Table.from_arrays([pa.array([1]), pa.array([2])], names=["a", "a"]), path)
    with pytest.raises(RecordError, match="names 'a' twice"), open_table(path):
        pass


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (GOOD.encode(), "csv"),
        (GOOD.replace(",", "\t").encode("utf-8-sig"), "csv"),
        (b'\xef\xbb\xbf \n{"title": "Y", "body": "b"}\n', "jsonl"),
        (None, "parquet"),
    ],
    ids=["csv", "tab", "jsonl", "parquet"],
)
def test_standard_input_tells_its_format_by_its_start(monkeypatch, data, kind):
    if data is None:
        sink = io.BytesIO()
        pq.write_table(pa.table({"title": ["Y"], "body": ["b"]}), sink)
        data = sink.getvalue()
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))
    with open_table("-") as table:
        assert table.format == kind
        rows = list(table)
        assert list(table) == rows
        spooled = table.source
    assert rows[-1].values["title"].startswith("Y")
    assert not spooled.exists() and not spooled.parent.exists()


def test_a_failure_on_standard_input_leaves_no_copy(monkeypatch, tmp_path):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"")))
    with pytest.raises(RecordError, match="the file is empty"), open_table("-"):
        pass
    assert not list(tmp_path.iterdir())
