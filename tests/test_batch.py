import csv
import datetime
import gzip
import io
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import tracemalloc
import unicodedata
from pathlib import Path
from types import SimpleNamespace

import joblib
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ctnlp import batch
from ctnlp.batch import COLUMNS, Summary, score
from ctnlp.classify import Classification, Label, Spec, loaded
from ctnlp.errors import RecordError

ROOT = Path(__file__).parents[1]
DAY = datetime.date(2026, 9, 12)
ROWS = [
    {"id": 1, "day": DAY, "tags": ["a", "b"], "title": "Tin", "text": "Cháy; lớn, “dữ”\ntại kho", "ok": True},
    {"id": 2, "day": None, "tags": [], "title": "", "text": "", "ok": None},
    {"id": 3, "day": DAY, "tags": ["c"], "title": 'Nói: "không"', "text": "Giá xăng?", "ok": False},
]
SCHEMA = pa.schema(
    [
        ("id", pa.int32()),
        ("day", pa.date32()),
        ("tags", pa.list_(pa.string())),
        ("title", pa.string()),
        ("text", pa.string()),
        ("ok", pa.bool_()),
    ]
)


def said(title, text):
    """What the fake classifier says of a row."""
    if not title and not text:
        return Classification((), (), None, False, {"topic": "1", "sentiment": "2"})
    topics = (Label("y_te", 0.912345), Label("giao_duc", 0.5)) if title else ()
    programme = (Label("truyen_thong_cua_bo", 0.25),)
    return Classification(topics, programme, Label("neutral", 2 / 3), "?" in text, {"topic": "1", "sentiment": "2"})


def fake(on_batch=lambda texts, titles: None):
    def classify_many(texts, *, titles):
        on_batch(texts, titles)
        return [said(title, text) for title, text in zip(titles, texts, strict=True)]

    return SimpleNamespace(classify_many=classify_many, spec=None)


def added(kind, title, text):
    """The columns that a row gets in a format, by the README."""
    result = said(title, text)

    def listed(labels):
        if kind in ("csv", "tsv"):
            return "|".join(label.name for label in labels)
        return [{"label": label.name, "score": round(label.score, 4)} for label in labels]

    values = {
        "topic": result.topic.name if result.topic else None,
        "topic_score": 0.9123 if result.topic else None,
        "topics": listed(result.topics),
        "programme": listed(result.programme),
        "sentiment": result.sentiment.name if result.sentiment else None,
        "sentiment_score": 0.6667 if result.sentiment else None,
        "needs_review": result.needs_review,
        "model": "topic@1 sentiment@2",
    }
    return {name: cell(value) for name, value in values.items()} if kind in ("csv", "tsv") else values


def cell(value):
    """A value as CSV holds it."""
    if isinstance(value, list):
        return "|".join(value)
    if isinstance(value, bool):
        return str(value).lower()
    return "" if value is None else str(value)


def write(path, rows=ROWS):
    """A table written without ctnlp; what the format can't hold is written as its text."""
    kind = kind_of(path)
    if kind == "parquet":
        pq.write_table(pa.Table.from_pylist(rows, SCHEMA), path)
    elif kind == "jsonl":
        lines = [row | {"day": cell(row["day"])} for row in rows]
        path.write_text("".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines), encoding="utf-8")
    else:
        with path.open("w", encoding="utf-8", newline="") as file:
            out = csv.DictWriter(file, SCHEMA.names, delimiter="\t" if kind == "tsv" else ",")
            out.writeheader()
            out.writerows({name: cell(value) for name, value in row.items()} for row in rows)
    return path


def read(path):
    """A table read without ctnlp."""
    kind = kind_of(path)
    if kind == "parquet":
        return pq.read_table(path).to_pylist()
    data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    if kind == "jsonl":
        return [json.loads(line) for line in data.decode().splitlines()]
    text = data.decode("utf-8-sig")
    return list(csv.DictReader(io.StringIO(text, newline=""), delimiter="\t" if kind == "tsv" else ","))


def kind_of(path):
    return next(suffix[1:] for suffix in path.suffixes if suffix in (".csv", ".tsv", ".jsonl", ".parquet"))


def kept(row, source, target):
    """A row of the source as it has to come out of the target."""
    if source in ("csv", "tsv"):
        return {name: cell(value) for name, value in row.items()}
    if target in ("csv", "tsv"):
        return {name: cell(value) for name, value in row.items()}
    if source == "jsonl":
        return row | {"day": cell(row["day"])} | ({"tags": cell(row["tags"])} if target == "parquet" else {})
    return row | ({"day": row["day"] and row["day"].isoformat()} if target == "jsonl" else {})


def rejected(target):
    return [json.loads(line) for line in Path(f"{target}.rejected.jsonl").read_text(encoding="utf-8").splitlines()]


def files(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.fixture
def table(tmp_path):
    """Write this text, or these bytes, as a file."""

    def put(data, name="in.csv"):
        path = tmp_path / name
        path.write_bytes(data.encode() if isinstance(data, str) else data)
        return path

    return put


@pytest.mark.parametrize("target", ["csv", "tsv", "jsonl", "parquet", "csv.gz"])
@pytest.mark.parametrize("source", ["csv", "tsv", "jsonl", "parquet"])
def test_every_row_and_column_is_kept_in_order_from_any_format_to_any(tmp_path, source, target):
    out = tmp_path / f"out.{target}"
    summary = score(write(tmp_path / f"in.{source}"), out, classifier=fake())
    kind = target.removesuffix(".gz")
    expected = [kept(row, source, kind) | added(kind, row["title"], row["text"]) for row in ROWS]
    rows = read(out)
    assert rows == expected
    assert all(list(row) == [*SCHEMA.names, *COLUMNS] for row in rows)
    assert summary == Summary(3, 0, None, {"y_te": 2, "-": 1}, {"neutral": 2, "-": 1})
    assert not Path(f"{out}.rejected.jsonl").exists()


def test_parquet_keeps_its_types_and_the_new_columns_have_theirs(tmp_path):
    score(write(tmp_path / "in.parquet"), tmp_path / "out.parquet", classifier=fake())
    schema = pq.read_schema(tmp_path / "out.parquet")
    assert pa.schema([schema.field(name) for name in SCHEMA.names]) == SCHEMA
    labels = pa.list_(pa.struct([("label", pa.string()), ("score", pa.float64())]))
    types = [pa.string(), pa.float64(), labels, labels, pa.string(), pa.float64(), pa.bool_(), pa.string()]
    assert [schema.field(name).type for name in COLUMNS] == types


def test_json_lines_with_other_fields_in_each_row_stay_as_they_are(table, tmp_path):
    lines = ['{"text": "a", "n": {"đ": [1]}}', '{"x": 1.5, "text": null}', '{"text": "c", "n": null}', '{"x": 2}']
    score(table("\n".join(lines), "in.jsonl"), tmp_path / "out.jsonl", classifier=fake())
    own = [{name: row[name] for name in row if name not in COLUMNS} for row in read(tmp_path / "out.jsonl")]
    assert own == [json.loads(line) for line in lines]


def test_a_spreadsheet_csv_with_broken_rows_keeps_the_good_and_names_the_bad(table, tmp_path):
    source = table(
        "\ufeffid;Tiêu đề;Nội dung\r\n"
        '1;Tin;"Một; hai\r\n""ba"""\r\n'
        "2;thiếu\r\n"
        "\r\n"
        "3;;\r\n"
        '4;Tin;"không đóng\r\n'
        "5;Tin;năm\r\n"
        "6;a;b;c\r\n"
        "7;Tin;".encode()
        + b"\xff\r\n"
        + "8;Tin;tám".encode()
    )
    heard = []
    summary = score(source, tmp_path / "out.csv", classifier=fake(), on_rows=heard.append)
    rows = read(tmp_path / "out.csv")
    assert [(row["id"], row["Tiêu đề"], row["Nội dung"], row["sentiment"]) for row in rows] == [
        ("1", "Tin", 'Một; hai\r\n"ba"', "neutral"),
        ("3", "", "", ""),
        ("5", "Tin", "năm", "neutral"),
        ("8", "Tin", "tám", "neutral"),
    ]
    bad = rejected(tmp_path / "out.csv")
    assert [(row["line"], row["raw"]) for row in bad] == [
        (4, "2;thiếu"),
        (7, '4;Tin;"không đóng'),
        (9, "6;a;b;c"),
        (10, "7;Tin;\ufffd"),
    ]
    reasons = ["2 fields, the header 3", "quot", "4 fields, the header 3", "not UTF-8"]
    assert all(reason in row["reason"] for reason, row in zip(reasons, bad, strict=True))
    assert (summary.rows, summary.rejected) == (4, 4)
    assert summary.rejected_path == tmp_path / "out.csv.rejected.jsonl"
    assert sum(heard) == 8


def test_a_text_that_is_no_text_is_rejected(table, tmp_path):
    lines = ['{"text": "a"}', '{"text": 5}', "{", '{"text": ["a"]}', '{"text": "b", "title": false}', '{"text": null}']
    summary = score(table("\n".join(lines), "in.jsonl"), tmp_path / "out.jsonl", classifier=fake())
    assert [row["text"] for row in read(tmp_path / "out.jsonl")] == ["a", None]
    bad = rejected(tmp_path / "out.jsonl")
    assert [(row["line"], row["raw"]) for row in bad] == [(number, lines[number - 1]) for number in (2, 3, 4, 5)]
    assert bad.pop(1)["reason"].startswith("not JSON")
    assert [row["reason"] for row in bad] == [
        "column 'text' is int, expected text",
        "column 'text' is list, expected text",
        "column 'title' is bool, expected text",
    ]
    assert (summary.rows, summary.rejected) == (2, 4)


def test_rejected_rows_keep_their_order_across_batches(table, tmp_path, monkeypatch):
    monkeypatch.setattr(batch, "BATCH", 3)
    source = table("text,n\n" + "".join(f"a,{n}\n" if n % 4 else f"{n}\n" for n in range(50)))
    heard = []
    summary = score(source, tmp_path / "out.csv", classifier=fake(), on_rows=heard.append)
    assert [row["n"] for row in read(tmp_path / "out.csv")] == [str(n) for n in range(50) if n % 4]
    assert [(row["line"], row["raw"]) for row in rejected(tmp_path / "out.csv")] == [
        (n + 2, str(n)) for n in range(0, 50, 4)
    ]
    assert (summary.rows, summary.rejected, sum(heard), max(heard)) == (37, 13, 50, 3)


def test_the_rejected_rows_of_an_earlier_run_go_when_there_are_none_now(table, tmp_path):
    target = tmp_path / "out.csv"
    assert score(table("text,n\na\n"), target, classifier=fake()).rejected == 1
    assert len(rejected(target)) == 1
    assert score(table("text,n\na,1\n"), target, classifier=fake()).rejected_path is None
    assert sorted(files(tmp_path)) == ["in.csv", "out.csv"]


@pytest.mark.parametrize(
    ("header", "text", "title"),
    [
        ("id,text,title", "text", "title"),
        ("Title, BODY ,x", "BODY", "Title"),
        ("noi_dung,tieu_de", "noi_dung", "tieu_de"),
        ("tiêu đề,sapo", "sapo", "tiêu đề"),
        ("sapo,nội dung,headline", "nội dung", "headline"),
        ("id,headline", "headline", None),
        ("whatever", "whatever", None),
        tuple(unicodedata.normalize("NFD", names) for names in ("tiêu đề,nội dung", "nội dung", "tiêu đề")),
    ],
    ids=["plain", "case-and-spaces", "no-accents", "accents", "best-first", "title-alone", "one-column", "decomposed"],
)
def test_the_usual_names_of_columns_are_found(table, tmp_path, header, text, title):
    names = [name.strip() for name in header.split(",")]
    seen = []
    source = table(f"{header}\n{','.join(f'{name}!' for name in names)}\n")
    score(source, tmp_path / "out.csv", classifier=fake(lambda *pair: seen.append(pair)))
    assert seen == [([f"{text}!"], [f"{title}!" if title else ""])]


def test_columns_of_a_file_in_code_page_1258_are_found(table, tmp_path):
    text = "tiêu đề,nội dung\n" + "Điện,Giá điện tăng từ tháng 5\n" * 3
    apart = unicodedata.normalize("NFD", text)
    for letter in "âêôăơưÂÊÔĂƠƯ":
        marks = unicodedata.normalize("NFD", letter)
        apart = apart.replace(f"{marks[0]}\u0323{marks[1]}", f"{marks}\u0323").replace(marks, letter)
    seen = []
    score(
        table(apart.encode("cp1258")), tmp_path / "out.csv", classifier=fake(lambda texts, titles: seen.extend(texts))
    )
    assert [unicodedata.normalize("NFC", text) for text in seen] == ["Giá điện tăng từ tháng 5"] * 3


def test_named_columns_come_before_the_usual_ones(table, tmp_path):
    seen = []
    score(
        table("text,title,x,y\na,b,c,d\n"),
        tmp_path / "out.csv",
        text_column="x",
        title_column="y",
        classifier=fake(lambda *pair: seen.append(pair)),
    )
    assert seen == [(["c"], ["d"])]


def test_a_headline_that_is_the_text_is_not_read_twice(table, tmp_path):
    seen = []
    source = table("title,text\na,b\n")
    score(source, tmp_path / "out.csv", text_column="title", classifier=fake(lambda *pair: seen.append(pair)))
    assert seen == [(["a"], [""])]


@pytest.mark.parametrize(
    ("header", "options", "message"),
    [
        ("a,b", {}, r"in\.csv: can't tell which column has the text: a, b; name it with --text-column"),
        ("a,text", {"text_column": "body"}, "no column 'body'; it has a, text"),
        ("a,text", {"title_column": "Title"}, "no column 'Title'; it has a, text"),
        ("text,topic", {}, "already has the column topic, which scoring adds; .*--prefix"),
        ("text,model,topic", {}, "already has the columns topic, model, which scoring adds; .*--prefix"),
        ("text,ct_topics", {"prefix": "ct_"}, "already has the column ct_topics"),
    ],
    ids=["no-usual-name", "no-such-text", "no-such-title", "clash", "two-clashes", "clash-with-prefix"],
)
def test_a_table_whose_columns_do_not_fit_is_refused_and_nothing_is_written(table, tmp_path, header, options, message):
    source = table(f"{header}\n")
    with pytest.raises(RecordError, match=message):
        score(source, tmp_path / "out.csv", classifier=fake(), **options)
    assert list(files(tmp_path)) == ["in.csv"]


def test_a_prefix_makes_room_for_a_second_scoring(table, tmp_path):
    first, second = tmp_path / "first.csv", tmp_path / "second.csv"
    score(table("text\na\n"), first, classifier=fake())
    score(first, second, prefix="new_", text_column="text", classifier=fake())
    (row,) = read(second)
    assert list(row) == ["text", *COLUMNS, *(f"new_{name}" for name in COLUMNS)]
    assert [row[f"new_{name}"] for name in COLUMNS] == [row[name] for name in COLUMNS]


@pytest.mark.parametrize("name", ["in.csv", "sub/../in.csv", "link.csv"])
def test_source_and_target_may_not_be_one_file(table, tmp_path, name):
    source = table("text\na\n")
    (tmp_path / "sub").mkdir()
    (tmp_path / "link.csv").symlink_to(source)
    with pytest.raises(RecordError, match="source and target are the same file; name another target"):
        score(source, tmp_path / name, classifier=fake())
    assert source.read_text() == "text\na\n"


def test_rejected_rows_that_are_scored_again_are_not_overwritten(table, tmp_path):
    source = table('{"line": 2, "reason": "r", "raw": "Giá điện"}\n', "out.csv.rejected.jsonl")
    with pytest.raises(RecordError, match="rejected rows would overwrite the source; name another target"):
        score(source, tmp_path / "out.csv", text_column="raw", classifier=fake())
    assert list(files(tmp_path)) == ["out.csv.rejected.jsonl"]


@pytest.mark.parametrize("n_jobs", [1, 2])
@pytest.mark.parametrize("earlier", [{}, {"out.csv": b"old", "out.csv.rejected.jsonl": b"old"}], ids=["new", "again"])
def test_a_run_that_fails_leaves_what_was_there_before(table, tmp_path, monkeypatch, n_jobs, earlier):
    monkeypatch.setattr(batch, "BATCH", 2)
    monkeypatch.setattr(batch, "classify_chunk", lambda spec, pairs: [said(*reversed(pair)) for pair in pairs])
    source = table("text,n\n" + "a,1\nb\n" * 20)
    for name, data in earlier.items():
        (tmp_path / name).write_bytes(data)
    before = files(tmp_path)
    during = []

    def fail(rows):
        during.append({name: data for name, data in files(tmp_path).items() if not name.endswith(".part")})
        if len(during) == 3:
            raise KeyboardInterrupt

    with joblib.parallel_config(backend="threading"), pytest.raises(KeyboardInterrupt):
        score(source, tmp_path / "out.csv", classifier=fake(), on_rows=fail, n_jobs=n_jobs)
    assert during == [before] * 3
    assert files(tmp_path) == before


def test_a_source_that_breaks_off_leaves_no_target(table, tmp_path):
    packed = gzip.compress(("text\n" + "".join(f"{n * n} " * 100 + "\n" for n in range(5_000))).encode())
    heard = []
    with pytest.raises(RecordError, match=r"in\.csv\.gz.*ends early"):
        source = table(packed[: len(packed) * 3 // 4], "in.csv.gz")
        score(source, tmp_path / "out.csv", classifier=fake(), on_rows=heard.append)
    assert sum(heard) > 1000
    assert list(files(tmp_path)) == ["in.csv.gz"]


def test_two_processes_write_the_same_bytes_as_one(tmp_path, monkeypatch):
    monkeypatch.setattr(batch, "BATCH", 15)
    source = ROOT / "data" / "demo" / "articles.csv"
    classifier = loaded(Spec("current", "current", "current", None))
    one = score(source, tmp_path / "one.csv", classifier=classifier)
    two = score(source, tmp_path / "two.csv", classifier=classifier, n_jobs=2)
    assert (tmp_path / "one.csv").read_bytes() == (tmp_path / "two.csv").read_bytes()
    assert one == two
    assert one.rows == sum(one.topics.values()) == sum(one.sentiments.values()) == 81


@pytest.mark.parametrize("n_jobs", [1, 2])
@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_a_table_without_rows_gives_a_table_without_rows(tmp_path, monkeypatch, suffix, n_jobs):
    monkeypatch.setattr(batch, "classify_chunk", lambda spec, pairs: [said(*pair) for pair in pairs])
    source = write(tmp_path / f"in.{suffix}", [])
    with joblib.parallel_config(backend="threading"):
        summary = score(source, tmp_path / "out.csv", classifier=fake(), n_jobs=n_jobs)
    assert (tmp_path / "out.csv").read_text(encoding="utf-8-sig").strip() == ",".join([*SCHEMA.names, *COLUMNS])
    assert summary == Summary(0, 0, None, {}, {})


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ("text\nGiá điện\n".encode() + b"\xff\n", "text,topic,"),
        (b'{"text": "a"}\n[]\n', '{"text": "a", "topic": null'),
    ],
    ids=["csv", "jsonl"],
)
def test_standard_input_and_output_take_the_places_of_files(monkeypatch, capsys, data, expected):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))
    summary = score("-", "-", classifier=fake())
    out, err = capsys.readouterr()
    assert out.startswith(expected)
    assert [json.loads(line)["line"] for line in err.splitlines()] == [3 if expected.startswith("text") else 2]
    assert (summary.rows, summary.rejected, summary.rejected_path) == (1, 1, None)


def test_parquet_goes_to_standard_output_as_csv(tmp_path, capsys):
    score(write(tmp_path / "in.parquet"), "-", classifier=fake())
    out = capsys.readouterr().out
    assert out.startswith(",".join([*SCHEMA.names, *COLUMNS]))
    assert "1,2026-09-12,a|b,Tin," in out


def test_a_large_table_is_never_in_memory_as_a_whole(table, tmp_path):
    size, count = 2_000, 20_000
    source = table("id,text\n" + "".join(f"{n},{'giá ' * (size // 4)}\n" for n in range(count)))
    handed_out, written, apart = 0, 0, 0

    def on_batch(texts, titles):
        nonlocal handed_out, apart
        handed_out += len(texts)
        apart = max(apart, handed_out - written)

    def on_rows(rows):
        nonlocal written
        written += rows

    tracemalloc.start()
    try:
        score(source, tmp_path / "out.csv", classifier=fake(on_batch), on_rows=on_rows)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert (handed_out, written) == (count, count)
    assert apart == batch.CHARACTERS // size < batch.BATCH
    assert peak < 0.25 * size * count


def test_many_processes_do_not_run_ahead_of_a_slow_reader(table, tmp_path, monkeypatch):
    handed_out, written, apart = 0, 0, 0
    monkeypatch.setattr(batch, "BATCH", 10)

    def classify_chunk(spec, pairs):
        nonlocal handed_out, apart
        handed_out += len(pairs)
        apart = max(apart, handed_out - written)
        return [said(*pair) for pair in pairs]

    def on_rows(rows):
        nonlocal written
        time.sleep(0.002)
        written += rows

    monkeypatch.setattr(batch, "classify_chunk", classify_chunk)
    source = table("text\n" + "".join(f"{n}\n" for n in range(3000)))
    with joblib.parallel_config(backend="threading"):
        summary = score(source, tmp_path / "out.csv", classifier=fake(), on_rows=on_rows, n_jobs=2)
    assert summary.rows == handed_out == written == 3000
    assert [row["text"] for row in read(tmp_path / "out.csv")] == [str(n) for n in range(3000)]
    assert apart <= 2 * batch.AHEAD * batch.BATCH


def test_the_readme_names_the_columns_in_their_order():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    english = re.search(r"keeps every\s+column, and adds (.*?)\. Bad\s+rows", text, re.DOTALL)
    vietnamese = re.search(r"thêm các cột (.*?)\. Dòng hỏng", text, re.DOTALL)
    for found in (english, vietnamese):
        assert re.findall(r"`(\w+)`", found[1]) == list(COLUMNS)


@pytest.mark.skipif(not hasattr(os, "killpg") or not shutil.which("ps"), reason="needs process groups and ps")
def test_an_interrupt_ends_all_processes_and_leaves_no_file(tmp_path):
    rows = "\n".join(f"{k},Giá xăng tăng {k} đồng trong kỳ điều hành chiều nay" for k in range(300_000))
    (tmp_path / "big.csv").write_text(f"id,text\n{rows}\n", encoding="utf-8")
    command = [sys.executable, "-m", "ctnlp", "score", str(tmp_path / "big.csv"), "-o", str(tmp_path / "out.csv")]
    running = subprocess.Popen(
        [*command, "--jobs", "2"],
        stderr=subprocess.PIPE,
        start_new_session=True,
        text=True,
        # What a shell runs in the background ignores the signal, and so would its children.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    try:
        deadline = time.monotonic() + 120
        while not any(path.stat().st_size for path in tmp_path.glob(".*out.csv*")) and time.monotonic() < deadline:
            time.sleep(0.1)
        assert len(group(running.pid)) >= 3, "two workers are at it"
        os.killpg(running.pid, signal.SIGINT)
        _, said = running.communicate(timeout=60)
        assert running.returncode == 130
        assert said.strip().endswith("ctnlp: stopped")
        deadline = time.monotonic() + 20
        while group(running.pid) and time.monotonic() < deadline:
            time.sleep(0.1)
        assert not group(running.pid)
        assert sorted(path.name for path in tmp_path.iterdir()) == ["big.csv"]
    finally:
        if group(running.pid):
            os.killpg(running.pid, signal.SIGKILL)
        running.communicate()


def group(leader):
    """The processes of a group that still run."""
    listed = subprocess.run(["ps", "-e", "-o", "pgid=,stat="], capture_output=True, text=True, check=True).stdout
    pairs = (line.split() for line in listed.splitlines())
    return [state for pgid, state in pairs if int(pgid) == leader and not state.startswith("Z")]
