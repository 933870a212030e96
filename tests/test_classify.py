import pickle
import warnings
from dataclasses import FrozenInstanceError, replace
from itertools import repeat
from math import fsum
from pathlib import Path

import pytest

import ctnlp.classify
import ctnlp.train
from ctnlp import registry
from ctnlp.classify import Classification, Classifier, Label, Spec, classify, classify_many, loaded
from ctnlp.errors import InputError, ModelIncompatible, ModelNotFound
from ctnlp.features import BLOCKS
from ctnlp.taxonomy import default

EXAMS = "Bộ Giáo dục và Đào tạo công bố phương án tuyển sinh đại học năm 2026"
FIRE = "Cháy lớn tại kho xưởng, hai công nhân thiệt mạng"
HEART = "Bộ Y tế công bố ca ghép tim thành công đầu tiên, bệnh nhân xuất viện khỏe mạnh"
TEXTS = [EXAMS, "", FIRE, HEART, " \n\t", EXAMS]


@pytest.fixture(scope="module")
def classifier():
    return loaded(Spec("current", "current", "current", None))


@pytest.fixture
def protocol(monkeypatch):
    """Make this machine seem to cut words by another protocol."""

    def change(**values):
        here = ctnlp.train.text_protocol
        monkeypatch.setattr(ctnlp.train, "text_protocol", lambda blocks: here(blocks) | values)

    return change


@pytest.mark.parametrize(
    ("text", "title", "topic"),
    [
        (EXAMS, None, "giao_duc"),
        ("", EXAMS, "giao_duc"),
        (f"Thí sinh nộp hồ sơ từ tháng 5. {EXAMS}.", EXAMS, "giao_duc"),
        (HEART, "", "y_te"),
    ],
    ids=["text-only", "title-only", "both", "empty-title"],
)
def test_a_clear_text_gets_its_topic_wherever_it_stands(classifier, text, title, topic):
    result = classifier.classify(text, title=title)
    assert result.topic == result.topics[0]
    assert result.topic.name == topic
    assert result.sentiment.name in default().head("sentiment").label_ids


@pytest.mark.parametrize(("text", "tone"), [(FIRE, "negative"), (HEART, "positive")], ids=["fire", "heart"])
def test_a_clear_text_gets_its_tone(classifier, text, tone):
    assert classifier.classify(text).sentiment.name == tone


def test_title_and_text_are_read_as_two_fields(classifier):
    apart = classifier.classify(FIRE, title=EXAMS)
    assert apart != classifier.classify(EXAMS, title=FIRE)
    assert apart != classifier.classify(FIRE)


def test_labels_are_of_the_taxonomy_and_come_best_first(classifier):
    for result in classifier.classify_many([*TEXTS, "\n".join(TEXTS)]):
        for head, labels in (("topic", result.topics), ("programme", result.programme)):
            assert {label.name for label in labels} <= set(default().head(head).label_ids)
            assert list(labels) == sorted(labels, key=lambda label: -label.score)
            assert all(0 < label.score <= 1 for label in labels)


@pytest.mark.parametrize("text", ["", " ", "\n\t\u00a0", "\ufeff"], ids=["empty", "space", "white-space", "bom"])
@pytest.mark.parametrize("title", [None, "", "  "], ids=["no-title", "empty-title", "blank-title"])
def test_blank_text_gets_no_label_and_needs_no_review(classifier, text, title):
    assert classifier.classify(text, title=title) == Classification((), (), None, False, classifier.versions)
    assert classifier.classify(text, title=title).topic is None
    assert classifier.explain(text, title=title) == {"topic": [], "programme": [], "sentiment": []}


@pytest.mark.parametrize("unsure", [None, "topic", "programme", "sentiment"])
def test_a_text_needs_review_when_any_head_is_unsure(classifier, unsure):
    heads = {
        head: replace(getattr(classifier, head), review_below=1.1 if head == unsure else 0.0)
        for head in classifier.versions
    }
    assert replace(classifier, **heads).classify(EXAMS).needs_review == bool(unsure)


def test_odd_text_gets_some_answer(classifier):
    for text in ("!!!", "\0.", "😀" * 50, "a" * 50_000, "ộ" * 300, "\u0301", "1" * 1000, "\ud800"):
        assert classifier.classify(text).sentiment is not None, ascii(text[:9])


def test_order_is_kept_whatever_the_batch(classifier, monkeypatch):
    monkeypatch.setattr(ctnlp.classify, "BATCH", 2)
    results = classifier.classify_many(iter(TEXTS), titles=(text[:20] for text in TEXTS))
    for text, result in zip(TEXTS, results, strict=True):
        alone = classifier.classify(text, title=text[:20])
        assert [label.name for label in result.topics] == [label.name for label in alone.topics]
        assert result.sentiment == (
            alone.sentiment and Label(alone.sentiment.name, pytest.approx(alone.sentiment.score))
        )
    assert [result.sentiment is None for result in results] == [not text.strip() for text in TEXTS]


def test_more_processes_say_the_same(classifier, monkeypatch):
    monkeypatch.setattr(ctnlp.classify, "BATCH", 2)
    titles = [None, EXAMS, "", None, "", FIRE]
    assert classifier.classify_many(TEXTS, titles=titles, n_jobs=2) == classifier.classify_many(TEXTS, titles=titles)


def test_no_texts_give_no_results(classifier):
    assert classifier.classify_many([], titles=[]) == []
    assert classifier.classify_many([], n_jobs=2) == []


@pytest.mark.parametrize(
    ("texts", "titles", "message"),
    [
        (EXAMS, None, r"got one string where many were expected; use classify\(text\)"),
        ([EXAMS, None], None, "text 1 is NoneType, expected a string"),
        ([EXAMS, EXAMS, 7.5], None, "text 2 is float, expected a string"),
        ([b"a"], None, "text 0 is bytes, expected a string"),
        ([EXAMS, EXAMS], ["a", 7], "text 1 is int, expected a string"),
        ([EXAMS, EXAMS], ["a", 0], "text 1 is int, expected a string"),
        ([EXAMS, EXAMS], ["a"], "got 2 texts and 1 titles"),
        ([EXAMS], ["a", "b", "c"], "got 1 texts and more titles"),
        ([EXAMS], repeat("a"), "got 1 texts and more titles"),
        ([], ["a"], "got 0 texts and more titles"),
    ],
    ids=[
        "one-string",
        "none",
        "number",
        "bytes",
        "title-number",
        "title-zero",
        "too-few-titles",
        "too-many-titles",
        "endless-titles",
        "titles-alone",
    ],
)
def test_what_is_no_text_is_refused_with_its_position(classifier, texts, titles, message):
    with pytest.raises(InputError, match=message):
        classifier.classify_many(texts, titles=titles)


@pytest.mark.parametrize(
    "call", [lambda: classify(None), lambda: classify("a", title=3), lambda: Classifier.load().explain(3)]
)
def test_one_text_is_checked_as_well(call):
    with pytest.raises(InputError, match=r"text 0 is (NoneType|int), expected a string"):
        call()


@pytest.mark.parametrize("name", ["topics", "sentiment", "needs_review", "versions"])
def test_results_are_frozen(classifier, name):
    result = classifier.classify(EXAMS)
    with pytest.raises(FrozenInstanceError):
        setattr(result, name, None)
    with pytest.raises(AttributeError):
        result.topic.score = 1.0
    with pytest.raises(FrozenInstanceError):
        classifier.topic = None


def test_a_result_as_dictionary_has_everything(classifier):
    result = classifier.classify(EXAMS)
    as_dict = result.to_dict()
    assert list(as_dict) == ["topics", "programme", "sentiment", "needs_review", "versions"]
    assert as_dict["topics"][0] == {"name": result.topic.name, "score": result.topic.score}
    assert as_dict["versions"] == {head: registry.current(head) for head in ("topic", "programme", "sentiment")}
    assert classifier.classify("").to_dict()["sentiment"] is None


def test_the_explanation_adds_up_to_the_score_that_gives_the_probability(classifier):
    text, title = f"{EXAMS}. Thí sinh đăng ký từ tháng 5.", "Tuyển sinh đại học"
    result, why = classifier.classify(text, title=title), classifier.explain(text, title=title)
    given = {"topic": result.topics, "programme": result.programme, "sentiment": (result.sentiment,)}
    assert set(why) == set(given)
    for head, explanations in why.items():
        assert explanations, "the label that comes nearest is explained even if none is given"
        for one in explanations:
            assert fsum([one.rest, *(phrase.weight for phrase in one.phrases)]) == pytest.approx(one.score)
            strengths = [abs(phrase.weight) for phrase in one.phrases]
            assert strengths == sorted(strengths, reverse=True)
        if given[head]:
            assert [(one.label, pytest.approx(one.probability)) for one in explanations] == list(given[head])
    assert any("tuyển sinh" in phrase.text.lower() for phrase in why["topic"][0].phrases)


def test_confidence_asked_for_takes_the_place_of_the_models_own():
    texts = [EXAMS, HEART, "Chuyện vui cuối tuần"]
    for least, expected in ((0.0, False), (1.0, True)):
        asked = Classifier.load(min_confidence=least)
        assert {result.needs_review for result in asked.classify_many(texts)} == {expected}
        assert [result.topics for result in asked.classify_many(texts)] == [
            result.topics for result in Classifier.load().classify_many(texts)
        ]


def test_models_of_another_normaliser_are_refused(protocol):
    protocol(normaliser="0")
    with pytest.raises(ModelIncompatible, match=r"model topic \S+ was made with normaliser \S+, this ctnlp has 0"):
        Classifier.load()


def test_another_segmenter_gives_one_warning_where_it_was_loaded(protocol):
    protocol(segmenter="underthesea 99.0 0123456789abcdef")
    with pytest.warns(UserWarning, match="underthesea 99.0 0123456789abcdef.*train again") as caught:
        Classifier.load()
    assert len(caught) == 1
    assert caught[0].filename == __file__
    for head in ("topic", "programme", "sentiment"):
        assert f"{head} {registry.current(head)}" in str(caught[0].message)


def test_a_new_release_with_the_same_segmentation_model_is_welcome(protocol):
    protocol(segmenter="underthesea 99.0 " + ctnlp.train.text_protocol(BLOCKS)["segmenter"].split()[-1])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        Classifier.load()


@pytest.mark.parametrize("head", ["topic", "programme", "sentiment"])
@pytest.mark.parametrize("version", ["1999-01-01.1", "", "../topic"], ids=["unknown", "empty", "path"])
def test_an_unknown_version_is_told_with_those_that_are_there(head, version):
    with pytest.raises(ModelNotFound, match=f"no version '{version}' of head '{head}'.*{registry.current(head)}"):
        Classifier.load(**{head: version})


def test_a_missing_folder_of_models_is_named(tmp_path):
    with pytest.raises(ModelNotFound, match=f"{tmp_path.name}.*CURRENT"):
        Classifier.load(root=tmp_path)


def test_the_classifier_in_use_is_loaded_once():
    first = loaded(Spec("current", "current", "current", None))
    assert loaded(Spec("current", "current", "current", None)) is first
    assert classify(EXAMS) == first.classify(EXAMS) == classify_many([EXAMS])[0]


def test_a_classifier_is_shown_in_one_line(classifier):
    assert len(repr(classifier)) < 500
    assert classifier.versions["topic"] in repr(classifier)


def test_a_classifier_says_which_versions_another_process_has_to_load():
    head_version = registry.current("topic")
    classifier = Classifier.load(topic=head_version)
    assert classifier.spec.topic == classifier.versions["topic"] == head_version
    assert "current" not in classifier.spec


def test_other_processes_read_the_same_folder(monkeypatch, tmp_path):
    monkeypatch.chdir(Path(__file__).parents[1])
    classifier = Classifier.load(root="models")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CTNLP_MODELS", str(tmp_path))
    monkeypatch.setattr(ctnlp.classify, "BATCH", 1)
    assert len(classifier.classify_many(["Giá điện tăng", "Học phí giảm"], n_jobs=2)) == 2
    assert pickle.loads(pickle.dumps(classifier)).versions == classifier.versions


def test_one_string_is_not_taken_for_titles(classifier):
    with pytest.raises(InputError, match="title for each text"):
        classifier.classify_many(["", ""], titles="ab")
