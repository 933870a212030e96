from dataclasses import replace

import joblib
import numpy as np
import pytest

from ctnlp import corpus, lexicon, normalise
from ctnlp import train as train_module
from ctnlp.counts import count
from ctnlp.errors import CorpusError
from ctnlp.features import BLOCKS, TONE_BLOCKS, Document, documents
from ctnlp.segment import default_segmenter
from ctnlp.taxonomy import default
from ctnlp.train import TUNING_LEAST, targets, text_protocol, train
from ctnlp.tune import calibrate


@pytest.fixture
def fit(small_head, small_parameters, words_cache):
    """Train on rows, by default the small multi-label head."""

    def fitter(rows, head=small_head, **options):
        options = {"parameters": small_parameters, "cache_dir": words_cache} | options
        return train(head, corpus.to_dataset(rows), **options)

    return fitter


def same(one, other):
    """Whether two heads are the same in every number and column."""
    left, right = one.arrays(), other.arrays()
    return one.names == other.names and all(np.array_equal(left[k], right[k]) for k in left)


def edited(samples, part, **change):
    return [sample | (change if sample["split"] == part else {}) for sample in samples]


def test_training_never_sees_the_test_split(fit, small_samples, topic_model):
    assert same(fit(edited(small_samples, "test", title="Khác", text="hẳn", topics=["y_te"])), topic_model)
    assert same(fit([sample for sample in small_samples if sample["split"] != "test"]), topic_model)


def test_training_does_see_the_other_samples(fit, small_samples, topic_model):
    first = next(i for i, sample in enumerate(small_samples) if sample["split"] != "test")
    rows = [
        sample | ({"topics": ["y_te", "giao_thong"]} if i == first else {}) for i, sample in enumerate(small_samples)
    ]
    assert not same(fit(rows), topic_model)


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_training_twice_gives_the_same_numbers(fit, small_samples, topic_model, n_jobs):
    # Workers get large arrays as read-only files; here all arrays are large.
    with joblib.parallel_config("loky", max_nbytes=1000):
        assert same(fit(small_samples, n_jobs=n_jobs), topic_model)


def test_another_seed_makes_other_folds(fit, small_samples, small_parameters, topic_model):
    assert not same(fit(small_samples, parameters=replace(small_parameters, seed=1)), topic_model)


def test_tone_is_learned_from_a_copy_of_every_text_with_words_left_out(fit, small_samples, monkeypatch):
    counted = []

    def spy(blocks, documents, **options):
        counted.append(list(documents))
        return count(blocks, documents, **options)

    monkeypatch.setattr(train_module, "count", spy)
    fit(small_samples)
    fit(small_samples, "sentiment")
    topic, tone = counted
    copies = tone[len(topic) :]
    assert tone[: len(topic)] == topic
    texts = [sample for sample in small_samples if sample["split"] != "test"]
    assert len(copies) == len(texts)
    read = [(s["title"], s["text"]) if s["title"] and s["text"] else ("", s["title"] or s["text"]) for s in texts]
    whole = documents([text for _, text in read], [title for title, _ in read])
    for text, copy in zip(whole, copies, strict=True):
        for left, words in [(copy.title, iter(text.title)), (copy.body, iter(text.body))]:
            assert all(word in words for word in left)  # in their order
    share = sum(len(copy.body) for copy in copies) / sum(len(text.body) for text in whole)
    assert share == pytest.approx(1 - train_module.LEFT_OUT["sentiment"], abs=0.03)
    assert same(fit(small_samples, "sentiment"), fit(small_samples, "sentiment"))


def test_weights_are_those_of_half_precision(fitted):
    np.testing.assert_array_equal(fitted.coef, fitted.coef.astype(np.float16))
    assert np.abs(fitted.coef).max() > 0.1


def test_the_head_learns_something(topic_model, sentiment_model, small_samples, small_documents, small_head):
    held_out = [i for i, sample in enumerate(small_samples) if sample["split"] == "test"]
    gold = targets(small_head, small_samples)[held_out]
    decisions = topic_model.decide(topic_model.predict_proba([small_documents[i] for i in held_out]))
    given = np.array([[label in dict(d.labels) for label in topic_model.labels] for d in decisions])
    assert (given == gold).mean() > 0.85
    tones = sentiment_model.decide(sentiment_model.predict_proba([small_documents[i] for i in held_out]))
    right = [d.labels[0][0] == small_samples[i]["sentiment"] for i, d in zip(held_out, tones, strict=True)]
    assert np.mean(right) > 0.5


def test_calibration_is_tuned_on_texts_the_scorer_never_saw(fit, small_samples, small_documents):
    tones = np.random.default_rng(5).choice(["negative", "neutral", "positive"], size=len(small_samples)).tolist()
    noise = [sample | {"sentiment": tone} for sample, tone in zip(small_samples, tones, strict=True)]
    model = fit(noise, "sentiment")
    # It knows its training texts by heart, but has learned that this is worth nothing.
    scores = model.decision_function(small_documents)
    learned = [i for i, sample in enumerate(noise) if sample["split"] != "test"]
    assert np.mean([model.labels[scores[i].argmax()] == noise[i]["sentiment"] for i in learned]) > 0.95
    assert model.predict_proba(small_documents).max() < 0.6


def test_the_floor_and_thresholds_lie_where_they_are_looked_for(topic_model, sentiment_model):
    assert ((topic_model.thresholds >= 0.15) & (topic_model.thresholds <= 0.7)).all()
    assert 0.1 <= topic_model.floor <= 0.7
    assert not sentiment_model.thresholds.any()


def test_no_more_than_half_of_the_texts_need_review(fit, small_samples, small_parameters, small_documents):
    model = fit(small_samples, "sentiment", parameters=replace(small_parameters, review_accuracy=1.1))
    unsure = [decision.needs_review for decision in model.decide(model.predict_proba(small_documents))]
    assert 0 < np.mean(unsure) < 0.6
    assert fit(small_samples, "sentiment", parameters=replace(small_parameters, review_accuracy=0.0)).review_below < 0.5


def test_samples_without_titles_train_a_head_without_the_title_block(fit, small_samples):
    model = fit([sample | {"title": ""} for sample in small_samples])
    assert [block.name for block in model.blocks] == ["word", "syllable", "char"]
    assert model.coef.shape[1] == sum(map(len, model.names))
    assert model.predict_proba([Document(("Trường học",), ())]).shape == (1, 3)


def test_the_head_records_how_text_becomes_words(topic_model):
    assert topic_model.text_protocol == text_protocol(topic_model.blocks)
    words = {"normaliser": normalise.VERSION, "segmenter": default_segmenter().identity}
    assert text_protocol(BLOCKS) == words
    assert text_protocol(TONE_BLOCKS) == words | {"lexicon": lexicon.identity()}


def test_steps_are_told(fit, small_samples):
    steps = []
    fit(small_samples, on_step=steps.append)
    assert steps[0] == "segmenting 240 samples"
    assert [step for step in steps if step.startswith("fold")] == ["fold 1 of 3", "fold 2 of 3", "fold 3 of 3"]


def test_targets_are_yes_no_or_unknown(small_head):
    rows = [
        {"topics": ["y_te", "giao_duc"]},
        {"topics": []},
        {"topics": None},
        {"topics": ["y_te"], "unknown": ["giao_thong", "cong_thuong"]},
        {"topics": ["y_te"], "unknown": ["y_te"]},
    ]
    expected = [[1, 1, 0], [0, 0, 0], [-1, -1, -1], [0, 1, -1], [0, 1, 0]]
    assert targets(small_head, corpus.to_dataset(rows)).tolist() == expected


def test_targets_of_a_multi_class_head():
    rows = [{"sentiment": "neutral"}, {"sentiment": None}]
    assert targets(default().head("sentiment"), corpus.to_dataset(rows)).tolist() == [[0, 1, 0], [-1, -1, -1]]


def test_a_label_that_the_head_has_not_is_an_error(small_head):
    with pytest.raises(CorpusError, match="sample 's1' has 'noi_vu' under topics; expected one of giao_duc, y_te, gi"):
        targets(small_head, corpus.to_dataset([{"id": "s1", "topics": ["noi_vu"]}]))


def test_an_unknown_label_takes_no_part_in_training_it(fit, small_samples, topic_model):
    own = small_samples.select(range(0, len(small_samples), 2))
    texts = small_samples.select(range(1, 60, 2))

    def with_extra(topics, unknown, weight=1.0):
        extra = [sample | {"topics": topics, "unknown": unknown, "weight": weight} for sample in texts]
        return fit(own, extra=[corpus.to_dataset(extra)]).coef

    nothing = with_extra(["giao_thong"], ["y_te"])
    no = with_extra(["giao_thong"], [])
    other = with_extra([], ["y_te"])
    yes = with_extra(["giao_thong", "y_te"], [])
    light = with_extra(["giao_thong", "y_te"], [], weight=1e-9)
    giao_duc, y_te, giao_thong = map(topic_model.labels.index, ("giao_duc", "y_te", "giao_thong"))
    np.testing.assert_array_equal(nothing[y_te], other[y_te])  # what else the texts are does not matter
    np.testing.assert_allclose(nothing[y_te], light[y_te], atol=0.01)  # as if the texts weighed nothing
    assert not np.array_equal(nothing[y_te], no[y_te])
    assert not np.array_equal(nothing[y_te], yes[y_te])
    assert not np.array_equal(nothing[giao_thong], other[giao_thong])
    np.testing.assert_array_equal(nothing[[giao_duc, giao_thong]], no[[giao_duc, giao_thong]])


def test_only_our_own_samples_tune(fit, small_samples):
    own = [sample for sample in small_samples if sample["split"] != "test"]
    few = [sample for sample in own if "y_te" not in sample["topics"]]
    with pytest.raises(CorpusError, match="label 'y_te' of head 'topic' has 0 training samples"):
        fit(few, extra=[corpus.to_dataset(own)])


def test_partly_labelled_samples_do_not_count_as_enough(fit, small_samples):
    rows = [sample | {"unknown": ["giao_thong"] if "y_te" in sample["topics"] else []} for sample in small_samples]
    with pytest.raises(CorpusError, match="label 'y_te' of head 'topic' has"):
        fit([row for row in rows if "giao_thong" not in row["topics"]])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda rows: [row for row in rows if row["topics"] != ["y_te"]][:100],
            "label 'y_te' of head 'topic' has [0-5] training samples .* 6 of each are needed, two for each of 3 folds",
        ),
        (lambda rows: rows[1:200:40], "training samples .* are needed, two for each of 3 folds"),
        (lambda rows: [], "can't be split"),
        (lambda rows: [row | {"split": "test"} for row in rows], "can't be split"),
        (lambda rows: [row | {"topics": None} for row in rows], "label 'giao_duc' of head 'topic' has 0 training"),
        (
            lambda rows: [row | {"topics": ["giao_duc", "y_te", "giao_thong"]} for row in rows],
            r"has 180 training samples \(0 are without it\)",
        ),
        (
            lambda rows: [row | ({"title": "", "text": "Một hai"} if "y_te" in row["topics"] else {}) for row in rows],
            "label 'y_te' of head 'topic', or all without it, are near-duplicates",
        ),
    ],
    ids=["one-label", "a-handful", "none", "all-for-testing", "unlabelled", "all-the-same", "duplicates"],
)
def test_too_few_samples_are_told(fit, small_samples, change, message):
    with pytest.raises(CorpusError, match=message):
        fit(change(list(small_samples)))


@pytest.mark.parametrize("kept", [0, TUNING_LEAST - 1])
def test_tuning_texts_with_too_few_of_one_tone_are_told(small_samples, small_parameters, words_cache, kept):
    positive = [i for i, tone in enumerate(small_samples["sentiment"]) if tone == "positive"]
    others = [i for i, tone in enumerate(small_samples["sentiment"]) if tone != "positive"]
    tuning = small_samples.select([*positive[:kept], *others])
    message = f"{kept} tuning texts have label 'positive' of head 'sentiment'; at least {TUNING_LEAST} are needed"
    with pytest.raises(CorpusError, match=message):
        train("sentiment", small_samples, tuning=tuning, parameters=small_parameters, cache_dir=words_cache)


def test_nothing_frequent_enough_is_told_with_tuning_texts_too(small_samples, small_parameters, words_cache):
    rare = replace(small_parameters, blocks=(replace(small_parameters.blocks[0], min_df=10_000),))
    with pytest.raises(CorpusError, match="nothing to learn from"):
        train("sentiment", small_samples, tuning=small_samples, parameters=rare, cache_dir=words_cache)


def test_tuning_texts_of_a_multilabel_head_weigh_beside_the_samples(
    small_head, small_samples, small_parameters, words_cache, topic_model
):
    told = {"parameters": small_parameters, "cache_dir": words_cache}
    tuned = train(small_head, small_samples, tuning=small_samples.select(range(0, len(small_samples), 3)), **told)
    assert (tuned.coef == topic_model.coef).all()
    # The model has been trained on these, and is sure of them.
    assert np.median(tuned.scale / topic_model.scale) > 1


def test_a_multiclass_head_is_tuned_on_tuning_texts_alone(small_samples, small_parameters, words_cache):
    steps = []
    texts = small_samples.select(range(0, len(small_samples), 3))
    told = {"parameters": small_parameters, "cache_dir": words_cache, "on_step": steps.append}
    model = train("sentiment", small_samples, tuning=texts, **told)
    assert not [step for step in steps if step.startswith("fold")]
    gold = targets(default().head("sentiment"), texts)
    scores = model.decision_function(documents(texts["text"], texts["title"]))
    scale, offset = calibrate(default().head("sentiment"), scores, gold, np.ones(len(gold)), shifted=True)
    np.testing.assert_allclose(model.scale, scale)
    np.testing.assert_allclose(model.offset, offset)


@pytest.mark.parametrize("name", ["topic", "sentiment"])
def test_tuning_texts_without_a_label_are_told(small_head, small_samples, small_parameters, words_cache, name):
    head = small_head if name == "topic" else name
    unlabelled = small_samples.select(range(6)).map(lambda sample: {"topics": None, "sentiment": None})
    with pytest.raises(CorpusError, match=f"no tuning text is fully labelled for head '{name}'"):
        train(head, small_samples, tuning=unlabelled, parameters=small_parameters, cache_dir=words_cache)
