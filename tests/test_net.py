"""The network says in NumPy what it says in JAX, and learns what n-grams alone can't."""

import numpy as np
import pytest
from samples import random_net

from ctnlp import net_training
from ctnlp.errors import MissingExtra
from ctnlp.features import MARKS, Document, NetColumns, sequences
from ctnlp.net import LONGEST, Net, Sequences
from ctnlp.net_training import BATCH, fit, forward

LABELS = 3


def some(random, size):
    """What was read of texts of 0 to 12 words, the first of them a title."""
    rows = [
        (random.integers(8), random.integers(MARKS), int(place >= length // 3), text)
        for text in range(size)
        for length in [random.integers(13)]
        for place in range(length)
    ]
    return Sequences(*np.array(rows, dtype=np.int64).reshape(-1, 4).T, size=size)


@pytest.mark.parametrize("size", [0, 1, 3, 200])
def test_each_word_is_seen_with_its_neighbours_in_title_or_body(size):
    net, read = random_net(7, LABELS), some(np.random.default_rng(size), size)
    expected = np.zeros((size, LABELS))
    for text in range(size):
        found = []
        for part in (0, 1):
            own = (read.texts == text) & (read.parts == part)
            vectors = [
                np.concatenate([net.words[word], net.marks[mark], net.parts[part]])
                for word, mark in zip(read.words[own], read.marks[own], strict=True)
            ]
            nothing = np.zeros(9)
            padded = [nothing, *vectors, nothing]
            for place in range(len(vectors)):
                total = sum(padded[place + shift] @ net.kernel[shift] for shift in range(3)) + net.bias
                found.append(np.maximum(total, 0))
        if found:
            pooled = np.concatenate([np.max(found, axis=0), np.sum(found, axis=0) / np.sqrt(len(found))])
            expected[text] = pooled @ net.out + net.out_bias
    np.testing.assert_allclose(net.scores(read), expected, rtol=1e-4, atol=1e-5)


def test_training_sees_what_tagging_computes():
    net, read = random_net(7, LABELS), some(np.random.default_rng(1), BATCH)
    network = {name.removeprefix("net."): array.astype(np.float32) for name, array in net.arrays().items()}
    expected = net.scores(read)
    seen = set()
    for texts, batch in net_training._batches(read, np.random.default_rng(2)):
        scores = np.asarray(forward(network, batch))
        for row, text in enumerate(texts):
            if (read.texts == text).any():  # of a text without words nothing is asked
                np.testing.assert_allclose(scores[row], expected[text], rtol=1e-4, atol=1e-5)
            seen.add(text)
    assert seen == set(range(BATCH))


def test_it_learns_which_word_comes_first():
    """Both tones have the same words, and words of another place between them."""
    random = np.random.default_rng(3)
    fillers = [f"từ{number}" for number in range(30)]
    texts, tones = [], []
    for number in range(1200):
        first, second = ("giảm", "lỗ") if number % 2 else ("lỗ", "giảm")
        around = random.choice(fillers, 6).tolist()
        texts.append(Document((), (*around[:3], first, second, *around[3:])))
        tones.append(number % 2)
    words = ["giảm", "lỗ", *fillers]
    steps = []
    net = fit(
        sequences(texts[:1000], words),
        np.array(tones[:1000]),
        np.ones(1000, dtype=np.float32),
        np.zeros((len(words), 8), dtype=np.float32),
        MARKS,
        share=0.25,
        seed=1,
        on_step=steps.append,
    )
    assert steps == ["network, pass 1 of 2", "network, pass 2 of 2"]
    right = net.scores(sequences(texts[1000:], words)).argmax(axis=1) == tones[1000:]
    assert right.mean() > 0.9


def test_no_more_than_the_first_words_are_read():
    net = random_net(2, LABELS)
    columns = NetColumns(net, ["giá", "tăng"]).fit(None)
    start = Document(("Giá",) * 30, ("tăng",) * (LONGEST - 30))
    longer = Document(start.title, (*start.body, "giá", "tăng"))
    once, again = columns.transform([start, longer])
    np.testing.assert_allclose(once, again, rtol=1e-5)
    read = sequences([longer], ["giá", "tăng"])
    assert len(read.words) == LONGEST


@pytest.mark.parametrize("name", ["words", "marks", "parts", "kernel", "bias", "out", "out_bias"])
def test_arrays_that_do_not_fit_each_other_are_refused(name):
    arrays = random_net(7, LABELS).arrays()
    with pytest.raises(ValueError, match=r"net\.\w+ is \[.*\], expected"):
        Net.of(arrays | {f"net.{name}": arrays[f"net.{name}"][:-1]}, words=7, marks=MARKS, labels=LABELS)
    with pytest.raises(KeyError):
        Net.of({key: value for key, value in arrays.items() if key != f"net.{name}"}, words=7, marks=MARKS, labels=3)


@pytest.mark.parametrize("package", ["jax", "optax"])
def test_without_its_packages_the_extra_is_named(package, monkeypatch):
    monkeypatch.setattr(net_training, "find_spec", lambda name: None if name == package else name)
    with pytest.raises(MissingExtra, match=rf'{package} is not installed; run: pip install "ctnlp\[net\]"'):
        net_training.require()
