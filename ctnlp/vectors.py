"""Word vectors from plain text: words that stand among the same words get similar ones.

Positive pointwise mutual information within five words, nearer ones counting more, and a truncated singular value
decomposition (Levy, Goldberg and Dagan 2015: as good as word2vec; here also the same on every run).
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

__all__ = ["learn"]

WINDOW: Final = 5
MIN_COUNT: Final = 5
"""Words that are rarer say too little of themselves."""


def learn(
    texts: Iterable[Sequence[str]], vocabulary: Sequence[str], *, dimensions: int = 128, seed: int = 765
) -> NDArray[np.float32]:
    """A vector of length 1 for each word of `vocabulary`, shape (words, dimensions); zeros for a word too rare.

    Where no more words than `dimensions` are common all are zeros.
    `texts` are sequences of words, spelled as in `vocabulary`.

    >>> texts = [["giá", "điện", "tăng"], ["giá", "điện", "giảm"], ["giá", "nước", "tăng"]] * 5
    >>> learn(texts, ["điện", "nước", "xăng"], dimensions=2).shape
    (3, 2)
    """
    from scipy.sparse import csr_matrix
    from sklearn.utils.extmath import randomized_svd

    own = [list(text) for text in texts]
    counts = Counter(word for text in own for word in text)
    common = [word for word, count in counts.most_common() if count >= MIN_COUNT]
    number = {word: place for place, word in enumerate(common)}
    # Between two texts stand as many strangers as a window is wide.
    gap = [""] * WINDOW
    stream = np.fromiter((number.get(word, -1) for text in own for word in (*text, *gap)), dtype=np.int64)
    size = len(common)
    together: Any = 0
    for distance in range(1, WINDOW + 1):
        first, second = stream[:-distance], stream[distance:]
        both = (first >= 0) & (second >= 0)
        pairs, often = np.unique(first[both] * size + second[both], return_counts=True)
        nearness = (WINDOW + 1 - distance) / WINDOW
        together += csr_matrix((often * np.float32(nearness), np.divmod(pairs, size)), shape=(size, size))
    vectors = np.zeros((len(vocabulary), dimensions), dtype=np.float32)
    together = (together + together.T).tocoo()
    if size <= dimensions or not together.nnz:
        return vectors
    rows = np.asarray(together.sum(axis=1)).ravel()
    # Rare contexts are over-rated by chance: counts to the power of 0.75, as word2vec samples them.
    contexts = rows**0.75
    information = np.log(together.data / rows[together.row] * contexts.sum() / contexts[together.col])
    positive = information > 0
    where = (together.row[positive], together.col[positive])
    matrix = csr_matrix((information[positive], where), shape=(size, size))
    left, values, _ = randomized_svd(matrix, dimensions, n_iter=4, random_state=seed)
    found = left * np.sqrt(values)
    found /= np.maximum(np.linalg.norm(found, axis=1, keepdims=True), 1e-9)
    for row, word in enumerate(vocabulary):
        if word in number:
            vectors[row] = found[number[word]]
    return vectors
