import re
import unicodedata
from pathlib import Path

import pytest

from ctnlp import lexicon
from ctnlp.features import TONE_BLOCKS, Analyzer, Document
from ctnlp.lexicon import CLASSES, classes, identity, tone_words


def test_every_line_is_a_word_or_a_pair_and_a_class():
    lines = Path(lexicon.__file__).with_name("tone_words.tsv").read_text(encoding="utf-8").splitlines()
    rows = [line.split("\t") for line in lines if not line.startswith("#")]
    assert [row[0] for row in rows] == sorted({row[0] for row in rows}), "in order, and each once"
    for word, found in rows:
        assert found in CLASSES
        assert word == unicodedata.normalize("NFC", word).lower()
        assert re.fullmatch(r"[^\W\d]+( [^\W\d]+)?", word), word


def test_every_class_has_words():
    assert set(tone_words().values()) == set(CLASSES)


def test_a_pair_counts_as_one_and_comes_before_its_words(monkeypatch):
    table = {"không": "N", "còn": "-", "không còn": "--", "vui": "+"}
    monkeypatch.setattr(lexicon, "tone_words", lambda: table)
    assert classes(["không", "còn", "vui", "không"]) == [(0, 2, "--"), (2, 3, "+"), (3, 4, "N")]
    assert classes(["còn", "không"]) == [(0, 1, "-"), (1, 2, "N")]
    assert classes(["gì"]) == classes([]) == []


def test_units_of_tone_are_runs_of_classes_in_title_and_body_apart(monkeypatch):
    monkeypatch.setattr(lexicon, "tone_words", lambda: {"cháy": "--", "dập_tắt": "D", "vui": "+"})
    document = Document(("Dập tắt", "đám", "Cháy"), ("Vui",))
    assert Analyzer("tone", 1, 3, "all")(document) == ["D", "--", "D --", "+"]
    assert Analyzer("tone", 1, 3, "title")(document) == ["D", "--", "D --"]


def test_the_head_of_tone_has_these_units_and_the_others_have_not():
    assert [block.unit for block in TONE_BLOCKS].count("tone") == 2


@pytest.mark.parametrize("word", ["khởi_tố", "vô_địch", "không", "giảm", "tăng", "nhưng", "dự_kiến"])
def test_common_words_are_there(word):
    assert word in tone_words()


def test_the_table_is_known_by_its_content():
    assert re.fullmatch(r"[0-9a-f]{16}", identity())
