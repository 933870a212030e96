import io
import re
import tarfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from test_download import server  # noqa: F401 - the fixture

from ctnlp import sources
from ctnlp.errors import CorpusError, FetchError
from ctnlp.fetch import fetch, fetched, fingerprint
from ctnlp.sources import SOURCES

CORPORA = Path(__file__).parents[2] / "shared" / "corpora"
TEXTS = {
    "Doi song/DS_ (1).txt": "Hoa\u0300 bi\u0300nh va\u0300 thuỷ lợi",
    "Phap luat/PL_ (2).txt": "Tòa án xử vụ án đất đai",
}
ROWS = [
    {"id": "train/Doi song/DS_ (1).txt", "text": "Hòa bình và thủy lợi", "label": "Doi song"},
    {"id": "train/Phap luat/PL_ (2).txt", "text": "Tòa án xử vụ án đất đai", "label": "Phap luat"},
]
STATUTES = """---
layout: page
title: An ninh mạng
---
## VĂN BẢN
# An ninh mạng

Chương I

Điều 1.11.LQ.1. Phạm vi điều chỉnh

(Điều 1 Luật số 24/2018/QH14 An ninh mạng, có hiệu lực thi hành kể từ ngày 01/01/2019)

 Luật này quy định về *an ninh mạng*.(Điều này có nội dung liên quan đến Điều 1.1.LQ.1. Phạm vi điều chỉnh của luật)

Điều 1.11.NĐ.1.1. Giải thích từ ngữ

(Điều 2 Nghị định số 13/2023/NĐ-CP)

1. Dữ liệu là ký hiệu.

2. Chữ viết.Điều 1.11.LQ.3. Chính sách của Nhà nước

(Điều 3 Luật số 24/2018/QH14)

Ưu tiên bảo vệ.
"""


@pytest.fixture
def small_vntc(monkeypatch):
    """VNTC as if it had but two texts."""
    import dataclasses

    print_ = fingerprint([row | {"text": row["text"]} for row in raw_rows()], ("id", "text", "label"))
    small = dataclasses.replace(SOURCES["vntc"], least_rows=2, fingerprint=print_)
    monkeypatch.setitem(SOURCES, "vntc", small)
    return small


def raw_rows():
    return [row | {"text": text} for row, text in zip(ROWS, TEXTS.values(), strict=True)]


def tarball(texts=TEXTS, commit="1ba8d0371fae39c37c7fb7b9a84e5cb836235d69"):
    stream = io.BytesIO()
    headers = {"comment": commit}
    with tarfile.open(fileobj=stream, mode="w:gz", format=tarfile.PAX_FORMAT, pax_headers=headers) as archive:
        for name, text in texts.items():
            content = text.encode()
            for part in ("train", "test"):
                entry = tarfile.TarInfo(f"classification-{commit}/data/VNTC/corpus/{part}/{name}")
                entry.size = len(content)
                archive.addfile(entry, io.BytesIO(content))
    return stream.getvalue()


def test_a_corpus_is_downloaded_verified_normalised_and_kept(small_vntc, server, tmp_path):  # noqa: F811
    server.content = tarball()
    steps = []
    path = fetch("vntc", homes=[server.url], cache=tmp_path, wait=0, on_step=steps.append)
    assert pq.read_table(path).to_pylist() == ROWS
    assert [step.split()[0] for step in steps] == ["downloading", "reading", "verifying", "normalising"]
    assert [each.name for each in tmp_path.iterdir()] == ["vntc.parquet"]
    server.behaviours = ["404"]
    assert fetch("vntc", homes=[server.url], cache=tmp_path) == path


def test_a_broken_download_goes_on_at_the_next_call(small_vntc, server, tmp_path):  # noqa: F811
    server.content = tarball()
    server.behaviours = ["drops"]
    with pytest.raises(FetchError, match=r"VNTC.* could not be fetched: .*bytes are kept.*; fetch it by hand and give"):
        fetch("vntc", homes=[server.url], cache=tmp_path, wait=0)
    kept = next(tmp_path.glob("*.part")).stat().st_size
    server.behaviours, server.ranges = ["well"], []
    assert pq.read_table(fetch("vntc", homes=[server.url], cache=tmp_path, wait=0)).to_pylist() == ROWS
    assert server.ranges == [f"bytes={kept}-"]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"<html>sign in first</html>", "cut short, damaged or no such archive"),
        (tarball()[:-40], "cut short, damaged or no such archive"),
        (tarball({"Doi song/DS_ (1).txt": "một"}), "1 texts, VNTC.* has at least 2"),
        (tarball(TEXTS | {"Phap luat/PL_ (2).txt": "khác"}), "its texts are not those of VNTC.*; they were changed"),
        (tarball(commit="f" * 40), "made from commit ffffffffffff, expected 1ba8d0371fae"),
    ],
    ids=["page", "cut", "too-few", "changed", "another-commit"],
)
def test_wrong_bytes_are_refused_and_nothing_is_kept(small_vntc, server, tmp_path, content, reason):  # noqa: F811
    server.content = content
    with pytest.raises(FetchError, match=reason):
        fetch("vntc", homes=[server.url], cache=tmp_path, wait=0)
    assert list(tmp_path.iterdir()) == []


def test_the_next_home_is_tried_and_each_failure_told(small_vntc, server, tmp_path):  # noqa: F811
    server.content = tarball()
    server.behaviours = ["404", "well"]
    steps = []
    path = fetch("vntc", homes=[server.url + "?a", server.url + "?b"], cache=tmp_path, on_step=steps.append)
    assert pq.read_table(path).num_rows == 2
    assert any("the server answered 404" in step for step in steps)


@pytest.mark.parametrize("kind", ["parquet", "csv", "jsonl", "tar.gz", "folder"])
def test_a_local_copy_is_taken_in_place_of_the_web(small_vntc, tmp_path, kind):
    path = tmp_path / f"copy.{kind}"
    if kind == "parquet":
        pq.write_table(pa.Table.from_pylist(raw_rows()), path)
    elif kind == "csv":
        path.write_text("id,text,label\n" + "".join(",".join(row.values()) + "\n" for row in raw_rows()))
    elif kind == "jsonl":
        import json

        path.write_text("".join(json.dumps(row) + "\n" for row in raw_rows()))
    elif kind == "tar.gz":
        path.write_bytes(tarball())
    else:
        path = tmp_path / "Train_Full"
        for name, text in TEXTS.items():
            (path / name).parent.mkdir(parents=True)
            (path / name).write_text(text, encoding="utf-16")
    found = fetch("vntc", local=path, cache=tmp_path / "cache")
    assert sorted(pq.read_table(found).to_pylist(), key=lambda row: row["id"]) == ROWS


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("gone.parquet", None, "no such file or folder"),
        ("other.csv", "id,body\n1,a\n", "not a table of vntc, it lacks the columns text, label"),
        ("broken.csv", "id,text,label\n1,a\n", "line 2: the row has 2 fields, the header 3"),
        ("notes.docx", "", "expected a table, a folder or an archive"),
    ],
)
def test_a_local_copy_that_is_none_is_told(small_vntc, tmp_path, name, content, reason):
    if content is not None:
        (tmp_path / name).write_text(content)
    with pytest.raises(FetchError, match=rf"{re.escape(name)}(:|,) {reason}"):
        fetch("vntc", local=tmp_path / name, cache=tmp_path / "cache")
    assert not (tmp_path / "cache").exists()


def test_statutes_are_cut_into_articles(monkeypatch, tmp_path):
    import dataclasses

    monkeypatch.setitem(SOURCES, "phap_dien", dataclasses.replace(SOURCES["phap_dien"], least_rows=3))
    folder = tmp_path / "van-ban" / "an-ninh-quoc-gia"
    folder.mkdir(parents=True)
    (folder / "an-ninh-mang.md").write_text(STATUTES, encoding="utf-8")
    rows = pq.read_table(fetch("phap_dien", local=tmp_path / "van-ban", cache=tmp_path / "cache")).to_pylist()
    assert {(row["topic"], row["subtopic"]) for row in rows} == {("an-ninh-quoc-gia", "An ninh mạng")}
    assert [(row["code"], row["title"], row["body"]) for row in rows] == [
        ("Điều 1.11.LQ.1.", "Phạm vi điều chỉnh", "Luật này quy định về an ninh mạng."),
        ("Điều 1.11.NĐ.1.1.", "Giải thích từ ngữ", "1. Dữ liệu là ký hiệu. 2. Chữ viết."),
        ("Điều 1.11.LQ.3.", "Chính sách của Nhà nước", "Ưu tiên bảo vệ."),
    ]


def test_an_unknown_corpus_is_named():
    for ask in (fetch, fetched):
        with pytest.raises(CorpusError, match="unknown corpus 'wiki'; expected one of vntc, phap_dien"):
            ask("wiki")


def test_what_was_fetched_is_found_by_its_name(small_vntc, monkeypatch, tmp_path):
    monkeypatch.setenv("CTNLP_CACHE", str(tmp_path))
    with pytest.raises(FetchError, match="vntc was not fetched yet; run: ctnlp data fetch vntc, or name a file"):
        fetched("vntc")
    (tmp_path / "copy.tar.gz").write_bytes(tarball())
    assert fetch("vntc", local=tmp_path / "copy.tar.gz") == fetched("vntc") == tmp_path / "corpora" / "vntc.parquet"


def test_homes_name_the_commits_that_are_checked():
    assert sources.SOURCES["vntc"].homes[0].endswith("/1ba8d0371fae39c37c7fb7b9a84e5cb836235d69")
    assert sources.SOURCES["phap_dien"].homes[0].endswith("/fbaa690e")
    assert all(home.startswith("https://") for source in SOURCES.values() for home in source.homes)


def test_benchmarks_map_tones_to_ours_and_nothing_else():
    for benchmark in sources.BENCHMARKS.values():
        assert benchmark.license and benchmark.home.startswith("https://")
        assert bool(benchmark.labels) == (benchmark.head == "sentiment")


@pytest.mark.corpora
@pytest.mark.skipif(not CORPORA.is_dir(), reason="needs ../shared/corpora")
@pytest.mark.parametrize("source", ["vntc", "phap_dien"])
def test_the_real_corpora_pass(source, tmp_path):
    path = fetch(
        source, local=CORPORA / {"vntc": "vntc_train.parquet"}.get(source, f"{source}.parquet"), cache=tmp_path
    )
    assert pq.read_metadata(path).num_rows >= SOURCES[source].least_rows
