import json
import unicodedata

import pytest
from samples import POLICY, SPORT, sample

from ctnlp.checks import BALANCE_FROM, Problem, annotations, check, taken_from
from ctnlp.errors import CorpusError
from ctnlp.taxonomy import default


def test_good_samples_have_no_problem(folder):
    assert check(folder(sample(1), sample(2, split="test"), sample(3), sample(4))) == []


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"topics": ["sport"]}, "topics has the unknown label 'sport'"),
        ({"programme": ["y_te"]}, "programme has the unknown label 'y_te'"),
        ({"sentiment": "sad"}, "sentiment has the unknown label 'sad'"),
        ({"kind": "novel"}, "kind 'novel' is not one of headline, lead, article, comment"),
        ({"split": "dev"}, "split 'dev' is neither train nor test"),
        ({"text": unicodedata.normalize("NFD", SPORT)}, "its text is not in canonical Unicode"),
        ({"title": unicodedata.normalize("NFD", SPORT)}, "its title is not in canonical Unicode"),
        ({"text": " "}, "has no text"),
        ({"id": "y_te-0001"}, "the id stands twice"),
        ({"text": POLICY}, "near-duplicate of y_te-0001"),
        ({"text": POLICY.replace("năm sau", "năm 2027")}, "near-duplicate of y_te-0001"),
        ({"text": POLICY, "split": "test"}, "in split test, its duplicate in train"),
    ],
    ids=[
        "topic",
        "programme",
        "sentiment",
        "kind",
        "split",
        "nfd-text",
        "nfd-title",
        "no-text",
        "id-twice",
        "duplicate",
        "near-duplicate",
        "duplicate-in-other-split",
    ],
)
def test_every_problem_is_found(folder, changes, reason):
    bad = sample(2, **changes)
    problems = check(folder(sample(1), bad, sample(3)))
    assert {problem.sample for problem in problems} == {bad["id"]}
    assert any(reason in problem.reason for problem in problems)


@pytest.mark.parametrize("field", [name for name in sample() if name != "id"])
def test_a_missing_field_is_found(folder, field):
    bad = sample(2)
    del bad[field]
    assert check(folder(sample(1), bad)) == [Problem("y_te-0002", f"lacks {field}")]


def test_a_sample_without_an_id_is_found(folder):
    bad = sample(2)
    del bad["id"]
    assert Problem("?", "lacks id") in check(folder(sample(1), bad))


def test_all_problems_are_told_at_once_in_the_order_of_the_lines(folder):
    problems = check(folder(sample(1, kind="x", split="x"), sample(2), sample(3, sentiment="x")))
    assert [problem.sample for problem in problems] == ["y_te-0001", "y_te-0001", "y_te-0003"]


def made(number, words=30, **changes):
    """A sample of words that no other has."""
    text = " ".join(f"t{number}n{k}" for k in range(words))
    return sample(1) | {"id": f"made-{number:05}", "text": text} | changes


def reasons(problems):
    return [problem.reason for problem in problems]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"kind": "lead", "text": "quá ngắn"}, "2 syllables; of kind lead it has 15 to 90"),
        ({"kind": "lead", "text": " ".join(["dài"] * 91)}, "91 syllables; of kind lead it has 15 to 90"),
        ({"kind": "article"}, "30 syllables; of kind article it has 80 to 320"),
        ({"kind": "headline", "title": "Tin", "text": ""}, "1 syllables; of kind headline it has 4 to 30"),
        ({"kind": "comment", "text": "hay"}, "1 syllables; of kind comment it has 4 to 220"),
    ],
    ids=["short-lead", "long-lead", "short-article", "short-headline", "short-comment"],
)
def test_a_text_of_the_wrong_length_for_its_kind_is_found(folder, changes, reason):
    assert check(folder(made(0), made(1, **changes))) == [Problem("made-00001", reason)]


@pytest.mark.parametrize("title", ["", "Một tiêu đề riêng"], ids=["at-the-head", "under-the-title"])
def test_an_opening_that_many_texts_share_is_a_template(folder, title):
    opening = "sáng nay ủy ban nhân dân tỉnh "
    titles = [f"{title} {k}" if title else "" for k in range(3)]
    rows = [made(k, title=titles[k]) | {"text": opening + made(k)["text"]} for k in range(3)]
    (problem,) = check(folder(*rows, *(made(k) for k in range(3, 100))))
    told = "3 texts begin with «sáng nay ủy ban nhân dân»: a template; write them anew"
    assert problem == Problem("made-00000", told)


def test_an_opening_that_few_of_many_texts_share_is_chance(folder):
    opening = "sáng nay ủy ban nhân dân tỉnh "
    rows = [made(k) | {"text": opening * (k < 3) + made(k)["text"]} for k in range(600)]
    assert check(folder(*rows)) == []


@pytest.fixture(scope="module")
def balanced():
    """As many samples as are judged for balance, every label as often as any other."""
    taxonomy = default()
    topics, programme, tones = (taxonomy.head(head).label_ids for head in ("topic", "programme", "sentiment"))
    return [
        made(k, topics=[topics[k % 16]], programme=[programme[k % 6]], sentiment=tones[k // 16 % 3])
        for k in range(BALANCE_FROM)
    ]


def test_a_balanced_set_is_well(folder, balanced):
    assert check(folder(*balanced)) == []


@pytest.mark.parametrize(
    ("change", "label", "reason"),
    [
        (lambda row: row | {"topics": [t for t in row["topics"] if t != "y_te"]}, "y_te", "0 texts have it, expected"),
        (lambda row: row | {"programme": []}, "boi_duong_tap_huan", "0 texts have it, expected at least 5 of 1,000"),
        (
            lambda row: row | {"sentiment": "neutral" if row["sentiment"] == "positive" else row["sentiment"]},
            "positive",
            "0 texts have it, expected at least 200 of 1,000",
        ),
        (
            lambda row: row | {"sentiment": "negative" if row["topics"] == ["phap_luat"] else row["sentiment"]},
            "phap_luat",
            "texts are positive, expected at least 10%: a model would take topic for tone",
        ),
    ],
    ids=["topic", "programme", "tone", "tone-by-topic"],
)
def test_what_is_out_of_balance_is_found(folder, balanced, change, label, reason):
    problems = check(folder(*map(change, balanced)))
    assert any(problem.sample == label and reason in problem.reason for problem in problems)


def test_a_small_set_is_not_judged_for_balance(folder, balanced):
    assert check(folder(*balanced[: BALANCE_FROM - 1 : 16])) == []


def test_text_that_was_taken_from_a_table_is_found(folder, tmp_path):
    copied = made(3)["text"]
    (tmp_path / "press.csv").write_text(f"id,title,body\n1,Tin khác hẳn,x {copied} y\n", encoding="utf-8")
    root = folder(made(1), made(3), made(5))
    assert check(root) == []
    (problem,) = check(root, against=[tmp_path / "press.csv"])
    assert problem.sample == "made-00003"
    assert problem.reason.startswith("«t3n0 t3n1 ") and "stands in press.csv too" in problem.reason


def test_a_table_without_text_is_nothing_to_compare_with(tmp_path):
    (tmp_path / "ids.csv").write_text("id\n1\n")
    with pytest.raises(CorpusError, match="no text in it"):
        taken_from([made(1)], [tmp_path / "ids.csv"])


ANNOTATION = {"id": "train/a.txt", "topics": ["y_te"], "programme": [], "sentiment": "neutral"}


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("{", "not JSON"),
        (json.dumps({"id": "b"}), "lacks topics, programme, sentiment"),
        (json.dumps(ANNOTATION), "the id 'train/a.txt' stands twice"),
        (json.dumps(ANNOTATION | {"id": "b", "sentiment": "sad"}), "sentiment has the unknown label 'sad'"),
        (json.dumps(ANNOTATION | {"id": "b", "text": "Tin"}), "holds a text; only ids and labels"),
        (json.dumps(ANNOTATION | {"id": "b", "reason": "x" * 300}), "holds a text; only ids and labels"),
    ],
    ids=["cut", "fields", "twice", "label", "text", "long"],
)
def test_every_problem_of_annotations_is_found(folder, line, reason):
    root = folder(made(1), made(2))
    (root / "vntc_annotations").mkdir()
    path = root / "vntc_annotations" / "annotations.jsonl"
    path.write_text(json.dumps(ANNOTATION) + "\n")
    assert annotations(root) == check(root) == []
    path.write_text(json.dumps(ANNOTATION) + "\n" + line + "\n")
    (problem,) = check(root)
    assert problem.sample == "vntc_annotations, line 2"
    assert reason in problem.reason


def test_ones_own_table_is_checked_for_duplicates_and_copies(tmp_path):
    path = tmp_path / "mine.csv"
    path.write_text(f"text,sentiment\n{POLICY},neutral\n{SPORT},neutral\n{POLICY},neutral\n", encoding="utf-8")
    assert reasons(check(path)) == ["near-duplicate of mine.csv:2"]
    (tmp_path / "press.csv").write_text(f"body\n{POLICY} nữa\n", encoding="utf-8")
    assert "stands in press.csv too" in reasons(check(path, against=[tmp_path / "press.csv"]))[1]
