import pytest

from ctnlp.agreement import kappas, labellings
from ctnlp.errors import CorpusError


def row(first, second, tones=("neutral", "neutral")):
    one, two = (
        {"topics": topics, "programme": [], "sentiment": tone}
        for topics, tone in zip((first, second), tones, strict=True)
    )
    return {"id": "x", "first": one, "second": two}


def by_label(rows):
    return {(one.head, one.label): one for one in kappas(rows)}


def test_kappa_of_a_label_is_cohens():
    # Both say yes 20 times, both no 15, only the first 5, only the second 10: observed 0.7, by chance 0.5.
    rows = [row(["y_te"], ["y_te"])] * 20 + [row([], [])] * 15 + [row(["y_te"], [])] * 5 + [row([], ["y_te"])] * 10
    found = by_label(rows)["topic", "y_te"]
    assert (found.kappa, found.agree) == (pytest.approx(0.4), 0.7)
    assert (found.first, found.second, found.texts) == (25, 30, 50)


def test_a_head_of_one_label_a_text_has_one_kappa():
    rows = [
        row([], [], ("negative", "negative")),
        row([], [], ("positive", "neutral")),
        row([], [], ("neutral", "neutral")),
    ]
    found = by_label(rows)["sentiment", ""]
    assert found.agree == pytest.approx(2 / 3)
    assert found.kappa == pytest.approx(0.5)


def test_a_head_of_many_labels_has_the_mean_of_those_used():
    found = by_label([row(["y_te"], ["y_te"]), row(["giao_duc", "y_te"], ["y_te"]), row(["noi_vu"], ["noi_vu"])])
    used = [found["topic", label].kappa for label in ("y_te", "noi_vu")]
    assert found["topic", ""].kappa == pytest.approx(sum(used) / 2)
    assert found["topic", ""].agree == pytest.approx(2 / 3)


@pytest.mark.parametrize("part", ["policy_news", "vntc", "news_2026"])
def test_at_least_500_texts_of_each_part_were_labelled_twice_and_every_difference_decided(part):
    rows = labellings(part)
    assert len(rows) >= 500
    for one in rows:
        same = all(
            set(one["first"][head]) == set(one["second"][head])
            if head != "sentiment"
            else one["first"][head] == one["second"][head]
            for head in ("topics", "programme", "sentiment")
        )
        assert same or (one["decided"].keys() == one["first"].keys() and one["reason"])


def test_a_part_without_labellings_is_named(tmp_path):
    with pytest.raises(CorpusError, match=r"vntc\.jsonl: no such labellings"):
        labellings("vntc", tmp_path)
