"""Small samples and small models, made once a session; tests that change files ask for a copy."""

import json
import shutil

import pytest

from ctnlp import corpus, learn
from ctnlp.features import Block, documents
from ctnlp.model import UNTOUCHED, HeadModel
from ctnlp.taxonomy import Head, default
from ctnlp.train import Parameters, train

TOPICS = ("giao_duc", "y_te", "giao_thong")
LICENSE = "CC BY 4.0"


def short(sample, number):
    """A sample cut to its first words, every fourth of them for testing."""
    part = "test" if number % 4 == 0 else "train"
    return sample | {"text": " ".join(sample["text"].split()[:35]), "split": part, "license": LICENSE}


@pytest.fixture(scope="session")
def all_samples():
    """Leads, headlines and comments of the corpus, in its order."""
    return [sample for sample in corpus.load() if sample["kind"] != "article"]


@pytest.fixture(scope="session")
def words_cache(tmp_path_factory):
    """Segmenting costs more than training: texts are cut once a session."""
    return tmp_path_factory.mktemp("words")


@pytest.fixture(scope="session")
def small_head():
    """Three of the sixteen topics."""
    topic = default().head("topic")
    return Head("topic", topic.vi, topic.en, "multilabel", tuple(topic.label(label) for label in TOPICS))


@pytest.fixture(scope="session")
def small_samples(all_samples):
    """60 samples of each topic of `small_head` and 60 of none, a quarter of each split `test`."""
    chosen = {}
    for wanted in (*TOPICS, None):
        fits = [s for s in all_samples if (wanted in s["topics"] if wanted else not {*TOPICS} & {*s["topics"]})]
        fresh = [s for s in fits if s["id"] not in chosen][:60]
        for number, sample in enumerate(fresh):
            topics = [topic for topic in sample["topics"] if topic in TOPICS]
            chosen[sample["id"]] = short(sample, number) | {"topics": topics}
    assert len(chosen) == 240
    return corpus.to_dataset(chosen.values())


@pytest.fixture(scope="session")
def small_parameters():
    """Few features of every kind, three folds."""
    blocks = (
        Block("word", "word", 1, 2, max_features=2000),
        Block("syllable", "syllable", 1, 2, max_features=2000),
        Block("char", "char", 3, 4, max_features=2000, weight=0.6),
        Block("title", "word", 1, 1, part="title", max_features=300, weight=0.6),
    )
    return Parameters(blocks=blocks, C=0.2, folds=3, review_accuracy=0.95)


@pytest.fixture(scope="session")
def small_documents(small_samples, words_cache):
    """The small samples, segmented."""
    return documents(small_samples["text"], small_samples["title"], cache_dir=words_cache)


@pytest.fixture(scope="session")
def topic_model(small_head, small_samples, small_parameters, words_cache):
    """A fitted multi-label head."""
    return train(small_head, small_samples, parameters=small_parameters, cache_dir=words_cache)


@pytest.fixture(scope="session")
def sentiment_model(small_samples, small_parameters, words_cache):
    """A fitted multi-class head."""
    return train("sentiment", small_samples, parameters=small_parameters, cache_dir=words_cache)


@pytest.fixture(params=["topic", "sentiment"], ids=["multilabel", "multiclass"])
def fitted(request):
    """Both fitted heads, one after the other."""
    return request.getfixturevalue(f"{request.param}_model")


@pytest.fixture(scope="session")
def models_root(all_samples, small_parameters, words_cache, tmp_path_factory):
    """Small models of all three heads, each saved and promoted; not to be changed (see `models_copy`)."""
    root = tmp_path_factory.mktemp("models")
    samples = corpus.to_dataset(short(sample, number) for number, sample in enumerate(all_samples[::4]))
    for head in default().heads:
        learn.learn(head.id, samples, parameters=small_parameters, root=root, promote=True, cache_dir=words_cache)
    return root


@pytest.fixture
def models_copy(models_root, tmp_path):
    """The small models, to be changed at will."""
    return shutil.copytree(models_root, tmp_path / "models")


@pytest.fixture
def bare_model():
    """Makes heads that decide but have no features."""

    def make(kind="multilabel", labels="abc", *, thresholds=0.5, floor=2.0, review_below=0.0, trust=UNTOUCHED):
        n = len(labels)
        each = list(thresholds) if isinstance(thresholds, list) else [thresholds] * n
        fixed = {"coef": [], "intercept": [0.0] * n, "scale": [1.0] * n, "offset": [0.0] * n, "thresholds": each}
        tuned = {"floor": floor, "review_below": review_below, "trust": trust}
        return HeadModel("made", kind, tuple(labels), (), (), (), **fixed, **tuned)

    return make


@pytest.fixture
def folder(tmp_path):
    """A data folder with these samples."""

    def make(*samples, **files):
        root = tmp_path / "data"
        (root / "policy_news").mkdir(parents=True)
        for name, rows in {"y_te": samples, **files}.items():
            lines = [row if isinstance(row, str) else json.dumps(row, ensure_ascii=False) for row in rows]
            text = "".join(f"{line}\n" for line in lines)
            (root / "policy_news" / f"{name}.jsonl").write_text(text, encoding="utf-8")
        return root

    return make
