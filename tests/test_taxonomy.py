import tomllib
from collections import Counter
from pathlib import Path

import pytest

import ctnlp.taxonomy
from ctnlp.errors import TaxonomyError
from ctnlp.taxonomy import default, load

LABELS = [(head, label) for head in default().heads for label in head.labels]
SMALL = """
name = "mine"
version = 2
[[head]]
id = "tone"
vi = "Sắc thái"
en = "Tone"
kind = "multiclass"
[[head.label]]
id = "good"
vi = "tốt"
en = "good"
definition = "d"
definition_vi = "d"
includes = ["a"]
excludes = []
origin = "here"
[[head.label]]
id = "bad"
vi = "xấu"
en = "bad"
definition = "d"
definition_vi = "d"
includes = []
excludes = ["b"]
origin = "here"
"""
TOPIC = SMALL.replace('id = "tone"', 'id = "topic"')
ENTRY = '[[phap_dien]]\nno = 1\nslug = "x-y"\nvi = "X"\ntopic = "good"\n'


@pytest.fixture
def write(tmp_path):
    def writer(text: str) -> Path:
        path = tmp_path / "mine.toml"
        path.write_text(text, encoding="utf-8")
        return path

    return writer


def test_the_heads_have_their_labels():
    assert {head.id: (head.kind, len(head.labels)) for head in default().heads} == {
        "topic": ("multilabel", 16),
        "programme": ("multilabel", 6),
        "sentiment": ("multiclass", 3),
    }
    assert default().head("topic").label_ids[:2] == ("thong_tin_truyen_thong", "khoa_hoc_cong_nghe")


@pytest.mark.parametrize(("head", "label"), LABELS, ids=[f"{head.id}-{label.id}" for head, label in LABELS])
def test_every_label_is_defined_in_full(head, label):
    for name in ("vi", "en", "definition", "definition_vi", "includes", "excludes", "origin"):
        assert getattr(label, name), name
    for name in ("vi", "definition_vi"):
        assert not getattr(label, name).isascii(), name
    assert all(isinstance(line, str) and len(line) > 3 for line in (*label.includes, *label.excludes))
    assert head.label(label.id) is label


def test_names_of_labels_are_their_own():
    for head in default().heads:
        for name in ("vi", "en", "definition", "definition_vi"):
            assert max(Counter(getattr(label, name) for label in head.labels).values()) == 1


def test_excludes_name_only_labels_that_exist():
    raw = tomllib.loads(Path(ctnlp.taxonomy.__file__).with_name("taxonomy.toml").read_text(encoding="utf-8"))
    ids = {label.id for _, label in LABELS}
    for head in raw["head"]:
        for label in head["label"]:
            for line in label["excludes"]:
                named = {word.strip("(),.;:") for word in line.split() if "_" in word}
                assert named <= ids, (label["id"], named - ids)


def test_the_45_topics_of_the_codification_are_mapped_once_each():
    entries = default().phap_dien
    topics = set(default().head("topic").label_ids)
    assert sorted(entry.no for entry in entries) == list(range(1, 46))
    assert len({entry.slug for entry in entries}) == 45
    assert all({entry.topic, *entry.subtopics.values()} <= topics for entry in entries)


def test_a_subtopic_may_belong_to_another_field():
    assert default().phap_dien_field("bao-hiem") == "lao_dong_an_sinh"
    assert default().phap_dien_field("bao-hiem", "Bảo hiểm y tế") == "y_te"
    assert default().phap_dien_field("bao-hiem", "no such subtopic") == "lao_dong_an_sinh"


@pytest.mark.parametrize(
    ("look_up", "message"),
    [
        (lambda: default().head("mood"), "no head 'mood'; it has topic, programme, sentiment"),
        (lambda: default().head("sentiment").label("sad"), "no label 'sad'; it has negative, neutral, positive"),
        (lambda: default().phap_dien_field("nope"), "no topic 'nope' in the codification"),
    ],
    ids=["head", "label", "codification"],
)
def test_unknown_names_are_told_with_what_there_is(look_up, message):
    with pytest.raises(TaxonomyError, match=message):
        look_up()


def test_a_file_of_ones_own_is_read(write):
    mine = load(str(write(SMALL)))
    assert (mine.name, mine.version, mine.phap_dien) == ("mine", "2", ())
    assert mine.head("tone").label("good").includes == ("a",)
    assert mine.head("tone").label("bad").excludes == ("b",)


def test_the_default_is_read_once():
    assert default() is default()
    assert load() == default()


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(TaxonomyError, match=r"gone\.toml: can't be read as a taxonomy .*expected a UTF-8 TOML file"):
        load(tmp_path / "gone.toml")


def test_a_file_that_is_not_utf_8_is_named(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_bytes(b'name = "\xff"')
    with pytest.raises(TaxonomyError, match=r"mine\.toml: can't be read as a taxonomy"):
        load(path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name = ", "can't be read as a taxonomy"),
        (SMALL.replace('name = "mine"\n', ""), "the key 'name' is missing"),
        ('name = "x"\nversion = "1"\n', "the key 'head' is missing"),
        (SMALL.replace('kind = "multiclass"\n', ""), "the key 'kind' is missing"),
        (SMALL.replace('origin = "here"\n', "", 1), "the key 'origin' is missing"),
        (SMALL.replace('id = "bad"', 'id = "good"'), "label of tone 'good' stands twice"),
        (SMALL + SMALL[SMALL.index("[[head]]") :], "head 'tone' stands twice"),
        (SMALL.replace("multiclass", "multi"), "kind 'multi'; expected one of multilabel, multiclass"),
        (SMALL.replace('id = "tone"', 'id = "Tone"'), "head 'Tone' is not a lower-case ASCII name"),
        (SMALL.replace('id = "good"', 'id = "tốt"'), "label of tone 'tốt' is not a lower-case ASCII name"),
        (SMALL.replace('id = "good"', 'id = "9good"'), "label of tone '9good' is not a lower-case ASCII name"),
        (SMALL.replace('id = "good"', 'id = "a b"'), "label of tone 'a b' is not a lower-case ASCII name"),
        (SMALL.replace('id = "good"', "id = 5"), "a value has the wrong type"),
        (SMALL.replace('includes = ["a"]', "includes = 5"), "a value has the wrong type"),
        (SMALL.replace('includes = ["a"]', 'includes = "a"'), "expected a list of texts, got 'a'"),
        ('name = "x"\nversion = "1"\nhead = "topic"\n', "a value has the wrong type"),
        (SMALL[: SMALL.rindex("[[head.label]]")], "head 'tone' has 1 labels, too few to choose from"),
        (TOPIC + ENTRY.replace("good", "worse"), "phap_dien 'x-y' names unknown topics: worse"),
        (TOPIC + ENTRY + 'subtopics = { "Z" = "worse" }\n', "phap_dien 'x-y' names unknown topics: worse"),
        (TOPIC + ENTRY + ENTRY, "phap_dien slug 'x-y' stands twice"),
        (TOPIC + ENTRY.replace("no = 1\n", ""), "the key 'no' is missing"),
    ],
    ids=[
        "bad-toml",
        "no-name",
        "no-head",
        "no-kind",
        "no-origin",
        "label-twice",
        "head-twice",
        "bad-kind",
        "bad-head-id",
        "accents-in-id",
        "digit-first-in-id",
        "space-in-id",
        "number-as-id",
        "number-as-list",
        "text-as-list",
        "text-as-heads",
        "one-label",
        "unknown-topic",
        "unknown-topic-of-subtopic",
        "slug-twice",
        "no-number",
    ],
)
def test_a_broken_file_is_refused_with_its_name_and_the_fault(write, text, message):
    path = write(text)
    with pytest.raises(TaxonomyError, match=message) as caught:
        load(path)
    assert str(caught.value).startswith(f"{path}: ")
