import pickle

import numpy as np
import pytest
from sklearn.utils.validation import check_is_fitted

from ctnlp.export import pipeline
from ctnlp.features import documents

TEXTS = ["Trường học đón học sinh trở lại sau lũ", "", "Hai người bị thương trong vụ tai nạn giao thông"]


@pytest.fixture
def expected(fitted):
    """What the head itself says of the texts."""
    return fitted.predict_proba(documents(TEXTS))


@pytest.mark.parametrize("copied", [False, True], ids=["made", "pickled"])
def test_a_pipeline_gives_the_probabilities_and_scores_of_the_head(fitted, expected, copied):
    pipe = pickle.loads(pickle.dumps(pipeline(fitted))) if copied else pipeline(fitted)
    check_is_fitted(pipe)
    check_is_fitted(pipe["features"])
    assert pipe[:-1].transform(TEXTS).shape == (len(TEXTS), len(pipe["features"].get_feature_names_out()))
    np.testing.assert_array_equal(pipe.predict_proba(TEXTS), expected)
    np.testing.assert_array_equal(pipe.decision_function(TEXTS), fitted.decision_function(documents(TEXTS)))
    assert pipe.classes_.tolist() == list(fitted.labels)


def test_a_multi_class_pipeline_predicts_the_best_label(sentiment_model):
    expected = sentiment_model.predict_proba(documents(TEXTS)).argmax(axis=1)
    assert pipeline(sentiment_model).predict(TEXTS).tolist() == [sentiment_model.labels[i] for i in expected]


def test_a_multi_label_pipeline_predicts_an_indicator_for_each_label(topic_model, small_samples, small_documents):
    pairs = list(zip(small_samples["title"], small_samples["text"], strict=True))[::8]
    decisions = topic_model.decide(topic_model.predict_proba(small_documents[::8]))
    expected = [[int(label in dict(decision.labels)) for label in topic_model.labels] for decision in decisions]
    assert pipeline(topic_model).predict(pairs).tolist() == expected
    assert {sum(row) for row in expected} >= {0, 1}


def test_pairs_are_title_and_text(fitted):
    pipe = pipeline(fitted)
    found = pipe.predict_proba([("Y tế", "Bệnh viện quá tải"), "Bệnh viện quá tải"])
    np.testing.assert_array_equal(found, fitted.predict_proba(documents(["Bệnh viện quá tải"] * 2, ["Y tế", None])))
    assert not np.array_equal(found[0], found[1])


def test_fitting_a_pipeline_changes_nothing(fitted, expected):
    pipe = pipeline(fitted)
    for _, step in (pipe.steps[0], pipe.steps[-1]):
        assert step.fit(TEXTS) is step
    np.testing.assert_array_equal(pipe.predict_proba(TEXTS), expected)
