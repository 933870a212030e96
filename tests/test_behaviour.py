import json
import unicodedata
from collections import Counter

import pytest

from ctnlp.behaviour import TRANSFORMS, Outcome, Pair, pairs, run
from ctnlp.errors import CorpusError
from ctnlp.taxonomy import default

ROW = {"capability": "negation", "head": "topic", "first": "Một", "second": "Hai", "expect": "same", "transform": ""}


@pytest.fixture
def folder(tmp_path):
    def put(*rows):
        (tmp_path / "behaviour").mkdir(exist_ok=True)
        lines = [row if isinstance(row, str) else json.dumps(row, ensure_ascii=False) for row in rows]
        (tmp_path / "behaviour" / "pairs.jsonl").write_text("\n".join(lines), encoding="utf-8")
        return tmp_path

    return put


def test_the_pairs_are_many_different_and_of_known_labels():
    cases = pairs()
    assert len(cases) >= 200
    texts = Counter(text for case in cases for text in (case.first, case.second))
    assert max(texts.values()) == 1
    for case in cases:
        known = {None, *default().head(case.head).label_ids}
        assert set(case.expect) <= known
        assert 5 <= len(case.first.split()) <= 60
    assert len({case.capability for case in cases}) >= 12
    assert sum(case.expect != (None, None) for case in cases) >= 100, "direction, not only invariance"


@pytest.mark.parametrize(
    ("transform", "second"),
    [
        ("nfd", unicodedata.normalize("NFD", "Hòa bình")),
        ("new_tone_marks", "Hoà bình"),
        ("upper", "HÒA BÌNH"),
        ("no_diacritics", "Hoa binh"),
    ],
)
def test_a_transform_makes_the_second_text(folder, transform, second):
    (case,) = pairs(folder(ROW | {"first": "Hòa bình", "second": "", "transform": transform}))
    assert case == Pair("negation", "topic", "Hòa bình", second, (None, None))
    assert transform in TRANSFORMS


@pytest.mark.parametrize(
    "row",
    ["{", ROW | {"transform": "rot13"}, ROW | {"expect": ["y_te"]}, ROW | {"second": ""}, {"first": "Một"}],
    ids=["cut", "transform", "one-label", "no-second", "fields"],
)
def test_a_line_that_is_no_pair_is_named(folder, row):
    with pytest.raises(CorpusError, match=r"pairs\.jsonl, line 2: no pair"):
        pairs(folder(ROW, row))


def test_no_pairs_are_told(tmp_path):
    with pytest.raises(CorpusError, match=r"pairs\.jsonl: can't be read"):
        pairs(tmp_path)


def test_a_pair_passes_when_both_texts_get_what_is_expected(topic_model):
    school = "Học sinh lớp 6 đến trường, giáo viên dạy toán trong năm học mới"
    clinic = "Bệnh viện khám bệnh, bác sĩ kê thuốc cho bệnh nhân viêm phổi"
    cases = [
        Pair("direction", "topic", school, clinic, ("giao_duc", "y_te")),
        Pair("direction", "topic", school, clinic, ("y_te", "y_te")),
        Pair("invariance", "topic", school, school.upper(), (None, None)),
        Pair("invariance", "topic", school, clinic, (None, None)),
        Pair("other head", "sentiment", school, clinic, (None, None)),
    ]
    assert run(topic_model, cases) == [Outcome("direction", 2, 1), Outcome("invariance", 2, 1)]
    assert run(topic_model, cases[-1:]) == []


def test_shipped_cards_show_every_capability():
    from ctnlp import registry

    for head in ("topic", "sentiment"):
        shown = registry.read_manifest(head).behaviour
        counted = Counter(case.capability for case in pairs() if case.head == head)
        assert {name: row["pairs"] for name, row in shown.items()} == counted
