"""The network says in NumPy what it says in JAX, and knows words it never saw by their vectors."""

import numpy as np
import pytest
from samples import random_net

from ctnlp import net_training
from ctnlp.errors import MissingExtra
from ctnlp.features import MARKS, Document, net_columns, sequences
from ctnlp.net import LONGEST, Net, Sequences
from ctnlp.net_training import BATCH, fit, forward

LABELS = 3


def some(random, size, most=12):
    """What was read of texts of 0 to `most` words, the first of them a title."""
    rows = [
        (random.integers(8), random.integers(MARKS), int(place >= length // 3), text)
        for text in range(size)
        for length in [random.integers(most + 1)]
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
    net, read = random_net(7, LABELS), some(np.random.default_rng(1), BATCH, most=LONGEST)
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


def test_it_knows_words_it_never_saw_by_their_vectors():
    """Each tone has words of like vectors; some are learned from, others are asked for."""
    random = np.random.default_rng(3)
    words = [f"{tone}_{letter}" for tone in ("hay", "dở") for letter in "abcdefghiklmnopqrstu"]
    vectors = np.zeros((40, 8), dtype=np.float32)
    vectors[:20, 0] = vectors[20:, 1] = 1
    vectors[:, 2:] = random.normal(0, 0.2, (40, 6))

    def texts(numbers, count):
        tones = random.integers(2, size=count)
        drawn = [[words[20 * tone + number] for number in random.choice(numbers, 5)] for tone in tones]
        return sequences([Document((), tuple(own)) for own in drawn], words), tones

    steps = []
    read, tones = texts(range(10), 6000)
    told = np.ones(6000, dtype=np.float32)
    net = fit(read, tones, told, vectors, marks=MARKS, labels=2, share=0.25, seed=1, on_step=steps.append)
    again = fit(read, tones, told, vectors, marks=MARKS, labels=2, share=0.25, seed=1)
    assert steps == ["network, pass 1 of 2", "network, pass 2 of 2"]
    for name, array in net.arrays().items():
        np.testing.assert_array_equal(array, again.arrays()[name], err_msg=name)
    unseen, expected = texts(range(10, 20), 200)
    assert (net.scores(unseen).argmax(axis=1) == expected).mean() > 0.9


def test_a_text_has_the_same_score_in_whatever_company():
    net, read = random_net(7, LABELS, filters=64), some(np.random.default_rng(4), 150, most=LONGEST)
    together = net.scores(read)
    for text in range(0, 150, 7):
        own = read.texts == text
        alone = Sequences(read.words[own], read.marks[own], read.parts[own], np.zeros(own.sum(), dtype=np.int64), 1)
        np.testing.assert_array_equal(random_net(7, LABELS, filters=64).scores(alone)[0], together[text])


def test_no_more_than_the_first_words_are_read():
    words = ["giá", "tăng"]
    start = Document(("Giá",) * 30, ("tăng",) * (LONGEST - 30))
    longer = Document(start.title, (*start.body, "giá", "tăng"))
    once, again = net_columns([start, longer], net=random_net(2, LABELS), words=words)
    np.testing.assert_allclose(once, again, rtol=1e-5)
    assert len(sequences([longer], words).words) == LONGEST


@pytest.mark.parametrize("name", ["words", "marks", "parts", "kernel", "bias", "out", "out_bias"])
def test_arrays_that_do_not_fit_each_other_are_refused(name):
    arrays = random_net(7, LABELS).arrays()
    own = arrays[f"net.{name}"]
    for other in (own[:-1], own[..., :0], own.astype(np.float64), np.zeros((), dtype=np.float16)):
        with pytest.raises(ValueError, match=r"net\.\w+ is (float\d\d)?\[.*\], expected"):
            Net.of(arrays | {f"net.{name}": other}, words=7, marks=MARKS, labels=LABELS)
    with pytest.raises(KeyError):
        Net.of({key: value for key, value in arrays.items() if key != f"net.{name}"}, words=7, marks=MARKS, labels=3)


@pytest.mark.parametrize("package", ["jax", "optax"])
def test_without_its_packages_the_extra_is_named(package, monkeypatch):
    monkeypatch.setattr(net_training, "find_spec", lambda name: None if name == package else name)
    with pytest.raises(MissingExtra, match=rf'{package} is not installed; run: pip install "ctnlp\[net\]"'):
        net_training.require()
