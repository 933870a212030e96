import json
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ctnlp import sources
from ctnlp.corpus import load, near_duplicate_groups
from ctnlp.errors import CorpusError
from ctnlp.sources import SOURCES, annotations, news_2026, read
from ctnlp.taxonomy import default

TOPICS = set(default().head("topic").label_ids)
SECTIONS = ("Chinh tri Xa hoi", "Doi song", "Khoa hoc", "Kinh doanh", "Phap luat")
SECTIONS += ("Suc khoe", "The gioi", "The thao", "Van hoa", "Vi tinh")
CORPORA = Path(__file__).parents[2] / "shared" / "corpora"
LAW = {"title": "Điều 1", "body": "Phạm vi", "topic": "bao-hiem", "subtopic": "Bảo hiểm xã hội", "code": "2.1"}


def article(number, label, text="một hai ba bốn năm"):
    return {"id": f"train/{label}/{number}.txt", "text": f"{text} {number}", "label": label}


@pytest.fixture
def corpora(tmp_path):
    """Write rows as the Parquet file of a corpus; there are no annotations."""

    def put(rows, name="corpus.parquet"):
        pq.write_table(pa.Table.from_pylist(rows), tmp_path / name)
        return {"path": tmp_path / name, "data": tmp_path / "data"}

    return put


@pytest.fixture
def annotate(tmp_path):
    """Write annotations into the data folder of `corpora`."""

    def put(*rows, source="vntc"):
        folder = tmp_path / "data" / f"{source}_annotations"
        folder.mkdir(parents=True)
        text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
        (folder / "annotations.jsonl").write_text(text, encoding="utf-8")

    return put


def annotation(row, **changes):
    return {"id": row["id"], "topics": ["y_te"], "programme": [], "sentiment": "positive", "words_read": 3} | changes


def real(name):
    """A file of the corpora for development, or a skip with the reason."""
    path = CORPORA / name
    if not path.is_file():
        pytest.skip(f"needs {name} in ../shared/corpora")
    return path


def test_sections_are_mapped_to_labels_that_exist():
    assert set(sources._VNTC) == set(SECTIONS) - {"Chinh tri Xa hoi", "Doi song"}
    for section, (topics, unknown) in sources._VNTC.items():
        assert set(topics) | set(unknown) <= TOPICS, section
        assert not set(topics) & set(unknown), section
        assert len(set(unknown)) == len(unknown), section


def test_every_source_says_what_it_is():
    for name, source in SOURCES.items():
        assert source.id == name
        assert source.home.startswith("https://")
        assert source.license and source.revision
        assert 0 < source.weight <= 1
        assert source.per_class > 0 and source.syllables > 0


def test_a_section_tells_its_topic_and_what_it_leaves_open(corpora):
    samples = read("vntc", **corpora([article(1, section) for section in SECTIONS]))
    by_section = {row["id"].split("/")[1]: row for row in samples}
    assert set(by_section) == set(SECTIONS) - {"Chinh tri Xa hoi", "Doi song"}
    assert by_section["Suc khoe"]["topics"] == ["y_te"]
    assert by_section["The thao"]["unknown"] == []
    assert by_section["Kinh doanh"]["topics"] == []
    assert {"tai_chinh_ngan_hang", "cong_thuong"} <= set(by_section["Kinh doanh"]["unknown"])
    assert not {"y_te", "giao_duc", "van_hoa_the_thao_du_lich"} & set(by_section["Kinh doanh"]["unknown"])
    for row in samples:
        assert row["programme"] == (None if "thong_tin_truyen_thong" in row["unknown"] else [])
        assert row["sentiment"] is None
        assert (row["source"], row["license"], row["split"]) == ("vntc", "MIT", "train")
        assert row["weight"] == SOURCES["vntc"].weight
        assert row["text"] == "một hai ba bốn năm 1"


def test_statutes_are_mapped_by_topic_and_subtopic(corpora):
    rows = [
        LAW,
        LAW | {"subtopic": "Bảo hiểm y tế", "code": "2.2"},
        LAW | {"topic": "buu-chinh-vien-thong", "subtopic": "Tần số", "code": "3.1", "body": "a " * 500},
    ]
    samples = {row["id"]: row for row in read("phap_dien", **corpora(rows))}
    assert {id_: row["topics"] for id_, row in samples.items()} == {
        "phap_dien:2.1": ["lao_dong_an_sinh"],
        "phap_dien:2.2": ["y_te"],
        "phap_dien:3.1": ["thong_tin_truyen_thong"],
    }
    assert [samples[f"phap_dien:{code}"]["programme"] for code in ("2.1", "3.1")] == [[], None]
    assert (samples["phap_dien:2.1"]["title"], samples["phap_dien:2.1"]["text"]) == ("Điều 1", "Phạm vi")
    assert len(samples["phap_dien:3.1"]["text"].split()) == SOURCES["phap_dien"].syllables


def test_annotations_overrule_the_section_and_speak_of_the_words_read(corpora, annotate):
    politics, health, sport = article(1, "Chinh tri Xa hoi"), article(2, "Suc khoe"), article(3, "The thao")
    annotate(
        annotation(politics, topics=["noi_vu"], programme=["truyen_thong_cua_bo"], sentiment="negative"),
        annotation(health, topics=[], words_read=10_000),
    )
    rows = {row["id"].split("/")[1]: row for row in read("vntc", **corpora([politics, health, sport]))}
    one = rows["Chinh tri Xa hoi"]
    assert one["text"] == "một hai ba"
    assert (one["topics"], one["programme"], one["sentiment"]) == (["noi_vu"], ["truyen_thong_cua_bo"], "negative")
    assert (rows["Suc khoe"]["topics"], rows["Suc khoe"]["unknown"]) == ([], [])
    assert rows["Suc khoe"]["text"] == health["text"]
    assert rows["The thao"]["topics"] == ["van_hoa_the_thao_du_lich"]
    assert one["weight"] == rows["Suc khoe"]["weight"] > rows["The thao"]["weight"]
    assert {row["split"] for row in rows.values()} == {"train"}


def test_annotated_texts_are_all_taken_however_many_there_are(corpora, annotate, monkeypatch):
    monkeypatch.setitem(SOURCES, "vntc", replace(SOURCES["vntc"], per_class=2))
    rows = [article(number, "Suc khoe") for number in range(20)]
    annotate(*(annotation(row) for row in rows[:8]))
    samples = read("vntc", **corpora(rows))
    assert Counter(row["sentiment"] for row in samples) == {"positive": 8, None: 2}
    assert len(set(samples["id"])) == 10


def test_a_long_text_is_cut_to_its_beginning(corpora, annotate):
    row = article(1, "Suc khoe", text="từ " * 5000)
    (sample,) = read("vntc", **corpora([row]))
    assert sample["text"] == " ".join(["từ"] * SOURCES["vntc"].syllables)


def test_every_class_gives_so_many_samples_drawn_by_the_seed(corpora, monkeypatch):
    monkeypatch.setitem(SOURCES, "vntc", replace(SOURCES["vntc"], per_class=10))
    rows = [article(number, section) for number in range(40) for section in ("The thao", "Suc khoe", "Doi song")]
    rows += [article(0, "Vi tinh")]
    given = corpora(rows)
    first = read("vntc", **given)
    assert Counter(id_.split("/")[1] for id_ in first["id"]) == {"The thao": 10, "Suc khoe": 10, "Vi tinh": 1}
    assert read("vntc", **given).to_list() == first.to_list()
    assert set(read("vntc", **given, seed=1)["id"]) != set(first["id"])


def test_classes_of_statutes_are_their_subtopics(corpora, monkeypatch):
    monkeypatch.setitem(SOURCES, "phap_dien", replace(SOURCES["phap_dien"], per_class=1))
    rows = [LAW | {"subtopic": f"Mục {number % 3}", "code": f"2.{number}"} for number in range(9)]
    assert len(read("phap_dien", **corpora(rows))) == 3


def item(number, half="report", **differ):
    """A labelled news item; the two labellings differ on the heads that are named."""
    agreement = {"topics": True, "programme": True, "sentiment": True} | dict.fromkeys(differ, False)
    own = annotation({"id": f"https://bao.vn/{number}"}, half=half, agreement=agreement)
    return own, {
        "url": own["id"],
        "title": f"Tin {number}",
        "body": None if number == 2 else "Sapo",
        "source": "bao.vn",
    }


def test_real_news_comes_by_halves(corpora, annotate):
    items = [item(1), item(2, topics=False, sentiment=False), item(3, half="tune")]
    annotate(*(own for own, _ in items), source="news_2026")
    table = corpora([row for _, row in items] + [item(9)[1]])
    samples = news_2026(**table)
    assert [(row["id"], row["title"], row["text"]) for row in samples] == [
        ("https://bao.vn/1", "Tin 1", "Sapo"),
        ("https://bao.vn/2", "Tin 2", ""),
    ]
    assert [(row["topics"], row["programme"], row["sentiment"]) for row in samples] == [
        (["y_te"], [], "positive"),
        (["y_te"], [], "positive"),
    ]
    assert set(samples["split"]) == {"test"}
    assert news_2026(**table, half="tune")["title"] == ["Tin 3"]


def test_a_table_without_the_labelled_news_is_told(corpora, annotate):
    own, row = item(1)
    annotate(own, source="news_2026")
    with pytest.raises(CorpusError, match="none of the 1 labelled news items is in this table"):
        news_2026(**corpora([item(9)[1]]))
    with pytest.raises(CorpusError, match="not a table of news_2026, it lacks the columns title, body"):
        news_2026(**corpora([{"url": row["url"]}]))


def test_an_unknown_source_is_told(tmp_path):
    with pytest.raises(CorpusError, match="unknown source 'wiki'; expected one of vntc, phap_dien"):
        read("wiki", tmp_path / "wiki.parquet")


@pytest.mark.parametrize(
    ("source", "row", "message"),
    [
        ("vntc", {"id": "1", "text": "a"}, "not a table of vntc, it lacks the columns label"),
        ("phap_dien", {"title": "a", "body": "b"}, "not a table of phap_dien, .* topic, subtopic, code"),
    ],
    ids=["vntc", "phap_dien"],
)
def test_a_table_of_something_else_is_refused(corpora, source, row, message):
    with pytest.raises(CorpusError, match=rf"corpus\.parquet: {message}"):
        read(source, **corpora([row]))


def test_no_annotations_are_no_error(tmp_path):
    assert annotations("vntc", tmp_path) == {}


def test_the_shipped_annotations_have_labels_that_exist():
    rows = annotations("vntc")
    assert len(rows) > 1000
    programme, tones = (set(default().head(head).label_ids) for head in ("programme", "sentiment"))
    for id_, row in rows.items():
        assert set(row["topics"]) <= TOPICS and set(row["programme"]) <= programme, id_
        assert row["sentiment"] in tones and row["words_read"] > 0, id_
        assert max(len(str(value)) for value in row.values()) < 200, f"{id_} holds a text of the corpus"


@pytest.mark.corpora
def test_the_real_vntc_has_every_annotated_text_and_enough_of_each_section():
    samples = read("vntc", real("vntc_train.parquet"))
    ids = [id_.removeprefix("vntc:") for id_ in samples["id"]]
    own = annotations("vntc")
    assert own.keys() <= set(ids)
    assert len(set(ids)) == len(ids)
    classes = Counter(id_.split("/")[1] for id_ in ids if id_ not in own)
    assert set(classes) == set(SECTIONS) - {"Chinh tri Xa hoi", "Doi song"}
    # Where most articles of a section were read one by one, fewer are left to take with what their section says.
    assert 300 < min(classes.values()) <= max(classes.values()) == SOURCES["vntc"].per_class
    assert max(len(text.split()) for text in samples["text"]) == SOURCES["vntc"].syllables
    assert all(samples["text"])


@pytest.mark.corpora
def test_the_real_news_has_every_labelled_item():
    path = real("news_2025_26_unlabelled.parquet")
    found = {half: set(news_2026(path, half=half)["id"]) for half in ("tune", "report")}
    own = annotations("news_2026")
    assert found == {half: {id_ for id_, row in own.items() if row["half"] == half} for half in found}


@pytest.mark.corpora
def test_the_real_codification_has_statutes_of_every_topic():
    samples = read("phap_dien", real("phap_dien.parquet"))
    assert {topic for topics in samples["topics"] for topic in topics} == TOPICS
    assert set(samples["weight"]) == {SOURCES["phap_dien"].weight}
    assert all(samples["title"])


@pytest.mark.corpora
def test_no_test_sample_is_copied_from_the_real_news_that_training_reads():
    news = pq.read_table(real("vntc_train.parquet"), columns=["text"]).column("text").to_pylist()[::20]
    test = [row["text"] for row in load() if row["split"] == "test"]
    groups = near_duplicate_groups([" ".join(text.split()[:60]) for text in test + news]).tolist()
    assert not set(groups[: len(test)]) & set(groups[len(test) :])
