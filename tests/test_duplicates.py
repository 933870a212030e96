import unicodedata

import pytest
from samples import POLICY, SPORT, WORDS

from ctnlp.duplicates import RUN, near_duplicate_groups, shared_runs


def window(start, end):
    return " ".join(WORDS[start:end])


@pytest.mark.parametrize(
    ("texts", "groups"),
    [
        ([POLICY, SPORT, POLICY], [0, 1, 0]),
        ([POLICY, f"  {unicodedata.normalize('NFD', POLICY.upper())} ! "], [0, 0]),
        ([POLICY, POLICY.replace("năm sau", "năm 2027")], [0, 0]),
        ([window(0, 40), window(10, 50)], [0, 0]),
        ([window(0, 40), window(20, 60)], [0, 1]),
        ([window(0, 40), window(20, 60), window(10, 50)], [0, 0, 0]),
        ([window(20, 60), SPORT, window(0, 40), POLICY, window(10, 50)], [0, 1, 0, 3, 0]),
        (["Giá điện", "Giá điện", "Giá xăng"], [0, 0, 2]),
        (["", "", "!?", " "], [0, 1, 2, 3]),
        ([], []),
    ],
    ids=[
        "exact",
        "other-unicode-case-and-marks",
        "near",
        "half-shared",
        "too-little-shared",
        "by-a-third",
        "far-apart",
        "short",
        "no-words",
        "none",
    ],
)
def test_texts_that_are_alike_share_a_group(texts, groups):
    assert near_duplicate_groups(texts).tolist() == groups


def test_the_threshold_is_that_of_the_exact_similarity():
    # 34 of 38 different 5-grams are shared.
    texts = [window(0, 40), window(2, 42)]
    assert near_duplicate_groups(texts, threshold=34 / 38 - 0.001).tolist() == [0, 0]
    assert near_duplicate_groups(texts, threshold=34 / 38 + 0.001).tolist() == [0, 1]


@pytest.mark.parametrize("start", range(6))
def test_a_run_in_common_is_found_wherever_it_stands(start):
    other = [*"abcdefgh"[:start], *WORDS[10 : 10 + RUN], "z"]
    found = list(shared_runs({"mine": window(0, 60), "none": SPORT}, [POLICY, " ".join(other)]))
    assert found == [("mine", window(10, 10 + RUN))]


def test_a_shorter_run_is_no_copy():
    assert not list(shared_runs({"mine": window(0, 60)}, [window(10, 9 + RUN) + " z " + window(30, 29 + RUN)]))


def test_case_punctuation_and_unicode_do_not_hide_a_copy():
    other = "«" + unicodedata.normalize("NFD", POLICY.upper()).replace(" ", ", ") + "»"
    assert [name for name, _ in shared_runs({"mine": POLICY}, [other])] == ["mine"]


def test_a_text_is_told_once():
    assert len(list(shared_runs({"mine": POLICY}, [POLICY, POLICY]))) == 1
