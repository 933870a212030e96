import json
import random

import pytest
from samples import sample

from ctnlp.corpus import load
from ctnlp.stats import counts, diversity, plot, summarise


def test_counts_of_every_value_most_frequent_first(folder):
    rows = [
        sample(1, topics=["y_te", "giao_duc"]),
        sample(2, topics=["giao_duc"], sentiment="negative", split="test", kind="comment"),
        sample(3, topics=[], programme=["truyen_thong_cua_bo"]),
    ]
    found = counts(load(folder(*rows)))
    assert list(found["topics"]) == ["giao_duc", "y_te", "-"]
    assert found == {
        "sentiment": {"neutral": 2, "negative": 1},
        "kind": {"lead": 2, "comment": 1},
        "register": {"national_press": 3},
        "split": {"train": 2, "test": 1},
        "topics": {"giao_duc": 2, "y_te": 1, "-": 1},
        "programme": {"-": 2, "truyen_thong_cua_bo": 1},
    }


def test_labels_that_go_together_are_counted_once_a_text(folder):
    rows = [sample(1, topics=["y_te", "giao_duc"]), sample(2, topics=["giao_duc", "y_te"]), sample(3, topics=["y_te"])]
    found = summarise(load(folder(*rows)))
    assert found.together == {("giao_duc", "y_te"): 2}
    assert found.tones == {"giao_duc": {"neutral": 2}, "y_te": {"neutral": 3}}
    assert found.lengths["lead"][0] < found.lengths["lead"][1] < found.lengths["lead"][2]


def test_language_is_compared_over_as_many_syllables(folder):
    other = ["tin tức " * 20] * 3
    ours, theirs = summarise(load(folder(sample(1), sample(2), sample(3))), against=other).diversity.values()
    assert ours.syllables == theirs.syllables == 120
    assert (theirs.types, theirs.once) == (2, 0)
    assert ours.ratio > theirs.ratio and ours.pairs > theirs.pairs and ours.triples > theirs.triples


def test_the_type_token_ratio_moves_over_every_window():
    words = [random.Random(1).choice("abcdefghijklmnop") + str(k % 7) for k in range(1300)]
    windows = [len(set(words[start : start + 500])) / 500 for start in range(801)]
    assert diversity([" ".join(words)]).ratio == pytest.approx(sum(windows) / 801)


def test_language_of_nothing_is_nothing():
    assert diversity([]).types == 0
    assert summarise(load()).diversity.keys() == {"ours"}


def test_figures_come_as_text_json_and_picture(folder, tmp_path):
    found = summarise(load(folder(sample(1, topics=["y_te", "giao_duc"]), sample(2))), against=["tin tức " * 20])
    text = found.to_text()
    for words in ("tone by topic", "topics together", "syllables of a text", "compared with"):
        assert words in text
    assert json.loads(json.dumps(found.to_dict()))["together"] == {"giao_duc + y_te": 1}
    plot(found, tmp_path / "stats.png")
    assert (tmp_path / "stats.png").read_bytes().startswith(b"\x89PNG")
