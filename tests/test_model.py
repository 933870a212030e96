import numpy as np
import pytest
from scipy.special import expit, softmax

from ctnlp.features import Block, Document
from ctnlp.model import HeadModel, calibrated

BLANK = Document((), ())


@pytest.fixture
def hand_made():
    """Two labels over words, syllables, characters and the title's words, all idf 1."""
    blocks = (
        Block("word", "word", 1, 1),
        Block("syllable", "syllable", 2, 2),
        Block("char", "char", 5, 5),
        Block("title", "word", 1, 1, part="title"),
    )
    names = [["giá_điện", "tăng"], ["giá điện"], [" gia "], ["giá_điện"]]
    coef = np.array([[1.0, 2.0, 4.0, 8.0, 16.0], [-1.0, 0.0, 0.0, 0.0, 0.0]])
    return HeadModel(
        head="made",
        kind="multilabel",
        labels=("a", "b"),
        blocks=blocks,
        names=names,
        idf=[np.ones(len(columns), dtype=np.float32) for columns in names],
        coef=coef,
        intercept=np.array([0.5, -0.5]),
        scale=np.array([0.1, 2.0]),
        offset=np.array([0.0, 1.0]),
        thresholds=np.array([0.5, 0.9]),
        floor=0.5,
        review_below=0.6,
    )


def test_scores_and_probabilities_of_a_hand_made_head(hand_made):
    word = Document((), ("Giá điện",))
    # One column of each block but the title's is set, each of length 1.
    scores = [[1 + 4 + 8 + 0.5, -1 - 0.5], [0.5, -0.5]]
    np.testing.assert_allclose(hand_made.decision_function([word, BLANK]), scores, rtol=1e-6)
    expected = expit([[1.35, -2.0], [0.05, 0.0]])
    np.testing.assert_allclose(hand_made.predict_proba([word, BLANK]), expected, rtol=1e-6)


def test_words_share_what_their_columns_add_to_a_score(hand_made):
    document = Document(("Giá điện",), ("Giá điện", "tăng"))
    for label, name in enumerate(hand_made.labels):
        weights = hand_made.word_weights(document, label)
        score = hand_made.decision_function([document])[0][label]
        assert sum(weights.values()) + hand_made.intercept[label] == pytest.approx(score), name
    weights = hand_made.word_weights(document, 0)
    assert set(weights) == {("title", 0), ("text", 0), ("text", 1)}
    # The title's own column goes to the title; what both parts have is shared.
    assert weights["title", 0] - weights["text", 0] == pytest.approx(16)


def test_the_words_of_a_trained_head_add_up_to_its_scores(fitted, small_documents):
    for document in small_documents[::24]:
        scores = fitted.decision_function([document])[0]
        for label in range(len(fitted.labels)):
            total = sum(fitted.word_weights(document, label).values()) + fitted.intercept[label]
            assert total == pytest.approx(scores[label], abs=1e-4)


@pytest.mark.parametrize(
    ("row", "labels", "confidence", "unsure"),
    [
        ([0.9, 0.1, 0.1], "a", 0.9, False),
        ([0.8, 0.35, 0.1], "ab", 0.8, False),
        ([0.5, 0.1, 0.1], "a", 0.5, True),
        ([0.4, 0.1, 0.1], "a", 0.4, True),
        ([0.45, 0.31, 0.1], "ab", 0.45, True),
        ([0.2, 0.1, 0.55], "c", 0.55, False),
        ([0.39, 0.1, 0.38], "", 0.61, False),
        ([0.39, 0.3, 0.1], "b", 0.3, True),
        ([0.6, 0.2, 0.7], "ca", 0.7, False),
    ],
    ids=["one", "two", "at-threshold", "by-floor", "floor-comes-first", "at-review", "none", "not-best", "best-first"],
)
def test_a_multi_label_head_decides_by_thresholds_and_floor(bare_model, row, labels, confidence, unsure):
    model = bare_model(thresholds=[0.5, 0.3, 0.6], floor=0.4, review_below=0.55)
    (decision,) = model.decide([row])
    assert decision.labels == tuple((label, row["abc".index(label)]) for label in labels)
    assert decision.confidence == pytest.approx(confidence)
    assert decision.needs_review is unsure


def test_trust_turns_the_probability_of_a_label_into_that_of_its_being_right(bare_model):
    trust = np.array([[0.5, 0.0], [1.0, -1.0], [1.0, 1.0]])
    model = bare_model(thresholds=[0.5, 0.3, 0.6], floor=0.4, review_below=0.55, trust=trust)
    odds = {0.9: 9.0, 0.35: 0.35 / 0.65, 0.6: 1.5}
    best, both, none = model.decide([[0.9, 0.1, 0.1], [0.9, 0.35, 0.1], [0.4 - 1e-9, 0.1, 0.1]])
    assert best.labels == (("a", pytest.approx(3 / 4)),) and best.confidence == pytest.approx(3 / 4)
    other = odds[0.35] / np.e
    assert both.labels[1] == ("b", pytest.approx(other / (1 + other)))
    assert none.confidence == pytest.approx(1.5 * np.e / (1 + 1.5 * np.e))


def test_no_label_is_surer_than_the_best(bare_model):
    model = bare_model(thresholds=0.5, trust=np.array([[0.2, 0.0], [1.0, 2.0], [1.0, 0.0]]))
    ((_, best), (_, other)) = model.decide([[0.9, 0.8, 0.1]])[0].labels
    assert other == best


def test_a_text_without_label_needs_review_when_one_was_near(bare_model):
    (decision,) = bare_model(thresholds=0.7, review_below=0.55).decide([[0.46, 0.1, 0.1]])
    assert (decision.labels, decision.needs_review) == ((), True)


@pytest.mark.parametrize(
    ("row", "label", "unsure"), [([0.2, 0.7, 0.1], "b", False), ([0.4, 0.3, 0.3], "a", True)], ids=["sure", "unsure"]
)
def test_a_multi_class_head_gives_exactly_its_best_label(bare_model, row, label, unsure):
    (decision,) = bare_model("multiclass", thresholds=0.99, review_below=0.5).decide([row])
    assert decision.labels == ((label, max(row)),)
    assert (decision.confidence, decision.needs_review) == (max(row), unsure)


def test_nothing_to_decide_gives_nothing(fitted):
    assert fitted.decide(np.empty((0, len(fitted.labels)))) == []


@pytest.mark.parametrize(("kind", "reference"), [("multilabel", expit), ("multiclass", lambda s: softmax(s, axis=1))])
def test_calibration_is_sigmoid_or_softmax_of_the_scaled_scores(kind, reference):
    scores = np.random.default_rng(1).normal(size=(50, 4)) * 5
    scale, offset = np.array([0.5, 1.0, 2.0, 3.0]), np.array([-1.0, 0.0, 0.0, 2.0])
    np.testing.assert_allclose(calibrated(kind, scores, scale, offset), reference(scores * scale + offset), rtol=1e-9)


@pytest.mark.parametrize("kind", ["multilabel", "multiclass"])
def test_extreme_scores_do_not_overflow(kind):
    probabilities = calibrated(kind, np.array([[1e5, -1e5]]), np.ones(2), np.zeros(2))
    np.testing.assert_allclose(probabilities, [[1, 0]], atol=1e-12)


def test_probabilities_of_a_multi_class_head_add_up_to_one(sentiment_model, small_documents):
    probabilities = sentiment_model.predict_proba([*small_documents, BLANK])
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-12)
    assert probabilities.shape == (241, 3)


def test_probabilities_of_a_multi_label_head_are_between_zero_and_one(topic_model, small_documents):
    probabilities = topic_model.predict_proba([*small_documents, BLANK])
    assert ((probabilities > 0) & (probabilities < 1)).all()
    assert not np.allclose(probabilities.sum(axis=1), 1)
