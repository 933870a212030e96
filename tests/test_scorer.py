"""The scorer gives what the scikit-learn columns of every head give."""

import pickle
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ctnlp import _underthesea, _words, registry
from ctnlp._reader import Reader
from ctnlp.classify import Classifier
from ctnlp.features import Block, documents
from ctnlp.model import HeadModel
from ctnlp.scorer import Scorer

CORPORA = Path(__file__).parents[2] / "shared" / "corpora"
WORDS = (
    "Giá vàng miếng tăng mạnh , không giảm thiệt mạng cứu sống Th S Th.S 12/2026/NĐ-CP "
    "a_b _ x ( Chinhphu.vn ) - khởi tố vô địch"
).split()


@pytest.fixture(scope="module")
def heads():
    return [registry.load(name)[0] for name in ("topic", "programme", "sentiment")]


@pytest.fixture(scope="module")
def shipped(heads):
    return Scorer(heads)


def compare(heads, scored, texts, titles):
    expected = [head.decision_function(documents(texts, titles)) for head in heads]
    for head, ours, theirs in zip(heads, scored.scores(texts, titles)[0], expected, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=3e-6)
        np.testing.assert_allclose(head.probabilities(ours), head.probabilities(theirs), atol=1e-6)


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.tuples(st.lists(st.sampled_from(WORDS), max_size=12).map(" ".join), st.text(max_size=12)), max_size=4)
)
@example([("", ""), ("Giá điện tăng", ""), ("", "Giá điện tăng")])
@example([("_ _ __ a_ _b", "_")])
def test_any_words(heads, shipped, pairs):
    texts, titles = [text for text, _ in pairs], [title for _, title in pairs]
    if pairs:
        compare(heads, shipped, texts, titles)
        compare(heads, shipped, titles, texts)


@pytest.mark.parametrize(
    ("name", "column", "title", "rows"),
    [
        ("news_2025_26_unlabelled", "body", "title", 2500),
        ("vntc_train", "text", None, 250),
        ("phap_dien", "body", "title", 150),
    ],
)
def test_real_texts(heads, shipped, name, column, title, rows):
    parquet = pytest.importorskip("pyarrow.parquet")
    if not (CORPORA / f"{name}.parquet").is_file():
        pytest.skip("the corpora are not on this machine")
    table = parquet.read_table(CORPORA / f"{name}.parquet").to_pylist()
    table = table[:: len(table) // rows][:rows]
    compare(
        heads, shipped, [row[column] or "" for row in table], [(row[title] or "") if title else "" for row in table]
    )


BLOCKS = (
    Block("words", "word", 1, 3),
    Block("more", "word", 2, 2, part="title", weight=0.3),
    Block("syllables", "syllable", 2, 3),
    Block("chars", "char", 2, 4),
    Block("tones", "tone", 1, 4),
    Block("near", "near", 1, 3, part="title"),
)


def made(names, seed=0):
    """A head of random weights over these columns."""
    random = np.random.default_rng(seed)
    count = sum(map(len, names))
    return HeadModel(
        head="made",
        kind="multiclass",
        labels=("a", "b"),
        blocks=BLOCKS,
        names=names,
        idf=[random.uniform(1, 5, len(own)).astype(np.float32) for own in names],
        coef=random.normal(size=(2, count)).astype(np.float32),
        intercept=np.array([0.1, -0.2]),
        scale=np.ones(2),
        offset=np.zeros(2),
        thresholds=np.zeros(2),
        floor=0.0,
        review_below=0.0,
    )


def test_heads_of_other_blocks():
    """Longer grams, columns that nothing begins, a class on its own, words that no other gram has."""
    names = [
        ["giá", "giá vàng tăng", "khởi_tố", "tăng mạnh", "không_có_đâu"],
        ["vàng tăng"],
        ["vàng tăng mạnh", "khởi tố", "x y z"],
        ["gi", "gia", "gia ", " v", "lạ"],
        ["--", "U", "N D", "N D -- ++", "++ ++"],
        ["U<vàng", "--<bị", "N>giảm", "+>x>y"],
    ]
    head = made(names)
    texts = ["Giá vàng tăng mạnh, không giảm thiệt mạng", "bị khởi tố vô địch vô địch", "x y z", "giá"]
    compare([head], Scorer([head]), texts, texts[::-1])
    compare([head, made(names, 1)], Scorer([head, made(names, 1)]), texts, [""] * 4)


def test_columns_that_no_text_can_have():
    """As a stranger's model may name them."""
    names = [
        ["giá", "vàng\ntăng", "\ud800"],
        [""],
        ["vàng  tăng", " "],
        ["gi", "\n", "\udfff"],
        ["--", "no class", "U no"],
        ["U<vàng", "U vàng", "what<vàng", "<", ""],
    ]
    head = made(names)
    nowhere = made([["\n"]] * len(BLOCKS))
    compare([nowhere], Scorer([nowhere]), ["Giá vàng tăng"], [""])
    texts = ["Giá vàng tăng mạnh", "giá gì", "", "x\ny"]
    compare([head], Scorer([head]), texts, texts[::-1])


def test_longer_grams_than_any_column():
    blocks = (Block("words", "word", 3, 3), Block("chars", "char", 2, 4))
    head = replace(made([["giá"]] * 6), blocks=blocks, names=[["giá"], ["gi"]], idf=[np.ones(1, np.float32)] * 2)
    head = replace(head, coef=np.ones((2, 2), np.float32))
    compare([head], Scorer([head]), ["giá vàng"], [""])


def test_what_was_broken_off_is_looked_up_again(heads, monkeypatch):
    scored = Scorer(heads)
    with monkeypatch.context() as broken:
        broken.setattr(Reader, "_characters_of", lambda *arguments: 1 // 0)
        with pytest.raises(ZeroDivisionError):
            scored.scores(["Giá vàng tăng mạnh"], [""])
    compare(heads, scored, ["Học sinh đi học", "Giá vàng tăng mạnh"], ["", "Giá"])


def test_threads_share_a_classifier(monkeypatch):
    monkeypatch.setattr(_words, "PIECES", 30)
    kinds = ("Giá vàng tăng mạnh", "Cháy lớn, hai người chết")
    texts = [f"{words} {number}" for number in range(40) for words in kinds]
    shared, alone = Classifier.load(), Classifier.load()
    with ThreadPoolExecutor(8) as threads:
        found = list(threads.map(shared.classify, texts))
    assert found == [alone.classify(text) for text in texts]


def test_a_classifier_is_pickled_as_the_names_of_its_models():
    known = Classifier.load()
    known.classify("Giá điện tăng")
    packed = pickle.dumps(known)
    assert len(packed) < 500
    assert pickle.loads(packed).classify("Giá điện tăng") == known.classify("Giá điện tăng")


def test_no_texts_and_blank_texts(heads, shipped):
    assert [own.shape for own in shipped.scores([], [])[0]] == [(0, len(head.labels)) for head in heads]
    compare(heads, shipped, ["", " "], ["", ""])
    compare(heads, shipped, ["", "x", "Cháy lớn tại kho xưởng " * 300], ["Giá", "", ""])


def test_a_fork_amid_the_work_leaves_no_lock_closed():
    code = """
import os, sys, threading, time
from ctnlp.classify import classify
texts = ["Giá vàng tăng mạnh " * 200 + str(number) for number in range(40)]
classify(texts[0])
worker = threading.Thread(target=lambda: [classify(text + "a b " * 20000) for text in texts])
worker.daemon = True
worker.start()
time.sleep(0.3)
child = os.fork()
if not child:
    os._exit(0 if classify("Giá vàng tăng").topic else 1)
deadline = time.monotonic() + 60
while time.monotonic() < deadline:
    done, status = os.waitpid(child, os.WNOHANG)
    if done:
        os._exit(os.waitstatus_to_exitcode(status))
    time.sleep(0.05)
os.kill(child, 9)
os._exit(3)
"""
    run = subprocess.run([sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, timeout=120)
    assert (run.returncode, run.stderr) == (0, "")


def test_forgotten_tokens_are_learned_again(heads, monkeypatch):
    monkeypatch.setattr(_words, "PIECES", 3)
    scored = Scorer(heads)
    for text in ("Giá vàng tăng mạnh", "Học sinh đi học trở lại", "Giá vàng tăng mạnh"):
        compare(heads, scored, [text], [""])


def test_an_unknown_underthesea_gives_the_same(monkeypatch):
    texts = ["Cháy lớn tại kho xưởng, hai công nhân thiệt mạng", "", "Giá vàng tăng"]
    fast = Classifier.load().classify_many(texts)
    monkeypatch.setattr(_underthesea, "KNOWN", "0" * 64)
    slow = Classifier.load()
    assert slow._scorer is None
    for ours, theirs in zip(fast, slow.classify_many(texts), strict=True):
        assert [label.name for label in ours.topics] == [label.name for label in theirs.topics]
        assert (ours.sentiment and ours.sentiment.name) == (theirs.sentiment and theirs.sentiment.name)
        assert ours.needs_review == theirs.needs_review
    assert slow.classify_many([]) == []
