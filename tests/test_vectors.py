import numpy as np

from ctnlp.vectors import MIN_COUNT, learn

FIELDS = {"mưa": ["lũ", "bão", "sông", "đê"], "bóng": ["đội", "trận", "sân", "thắng"]}


def texts(count=400):
    """Sentences of two fields, and a word that is too rare."""
    random = np.random.default_rng(0)
    for number in range(count):
        field = list(FIELDS)[number % 2]
        yield [*random.choice(FIELDS[field], 4).tolist(), field, *random.choice(FIELDS[field], 3).tolist()]
    yield ["hiếm"] * (MIN_COUNT - 1)


def test_words_of_one_field_are_alike():
    words = [*FIELDS["mưa"], *FIELDS["bóng"]]
    vectors = learn(texts(), words, dimensions=3)
    alike = vectors @ vectors.T
    same = np.kron(np.eye(2), np.ones((4, 4))).astype(bool)
    assert alike[same].min() > alike[~same].max()
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, rtol=1e-5)
    assert (learn(texts(), words, dimensions=3) == vectors).all(), "the same texts give the same vectors"


def test_of_rare_and_unknown_words_nothing_is_known():
    assert not learn(texts(), ["hiếm", "không_có"], dimensions=3).any()
    assert learn([], ["mưa"]).shape == (1, 128)
    assert not learn([["mưa"] * 3], ["mưa"]).any()
