"""Fits the network of `ctnlp.net` with JAX and Optax, which are an extra: whoever only tags needs neither."""

from collections.abc import Callable, Iterator
from functools import partial
from importlib.util import find_spec
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ctnlp.errors import MissingExtra
from ctnlp.net import LONGEST, Floats, Net, Sequences

__all__ = ["fit", "forward", "require"]

FILTERS: Final = 128
MARK_DIMENSIONS: Final = 16
PART_DIMENSIONS: Final = 8
EPOCHS: Final = 2
BATCH: Final = 64
RATE: Final = 2e-3
DECAY: Final = 1e-4
# What is dropped while learning, so that no word, dimension or filter is relied on alone.
WORD_DROP: Final = 0.15
DIMENSION_DROP: Final = 0.25
FILTER_DROP: Final = 0.5
LENGTHS: Final = (24, 48, LONGEST + 1)
"""Words to which texts are filled up; one more than are read, for the gap between title and body."""


def require() -> None:
    """Raise `MissingExtra` if JAX or Optax is not installed."""
    for package in ("jax", "optax"):
        if find_spec(package) is None:
            raise MissingExtra(package, extra="net")


def fit(
    read: Sequences,
    targets: NDArray[Any],
    weights: Floats,
    vectors: Floats,
    *,
    marks: int,
    labels: int,
    share: float,
    seed: int,
    on_step: Callable[[str], None] = lambda step: None,
) -> Net:
    """The network that tells `targets`, shape (texts,), from the texts read; half-precision numbers.

    There are so many `marks` and `labels`. Scores are multiplied by `share`. `vectors` (words, dimensions), of length 1
    or zero where nothing is known, are where the words begin. Raises `MissingExtra` without JAX.
    """
    require()
    import jax
    import optax  # type: ignore[import-untyped]

    random = np.random.default_rng(seed)
    network = _begin(random, vectors, marks, labels)
    steps = EPOCHS * (read.size // BATCH + len(LENGTHS))
    optimiser = optax.chain(
        optax.clip_by_global_norm(1.0),
        optax.adamw(optax.cosine_decay_schedule(RATE, steps), weight_decay=DECAY),
    )

    @jax.jit
    def step(network: Any, state: Any, batch: Any, target: Any, weight: Any, key: Any) -> Any:
        gradient = jax.grad(partial(_loss, batch=batch, target=target, weight=weight, key=key))(network)
        update, state = optimiser.update(gradient, state, network)
        return optax.apply_updates(network, update), state

    state = optimiser.init(network)
    key = jax.random.PRNGKey(seed)
    for epoch in range(EPOCHS):
        on_step(f"network, pass {epoch + 1} of {EPOCHS}")
        for texts, batch in _batches(read, random):
            key, own = jax.random.split(key)
            network, state = step(network, state, batch, targets[texts], weights[texts], own)
    network |= {name: network[name] * share for name in ("out", "out_bias")}
    half = {f"net.{name}": np.asarray(value).astype(np.float16) for name, value in network.items()}
    return Net.of(half, words=len(vectors), marks=marks, labels=labels)


def _begin(random: np.random.Generator, vectors: Floats, n_marks: int, n_labels: int) -> dict[str, Floats]:
    dimensions = vectors.shape[1]
    width = dimensions + MARK_DIMENSIONS + PART_DIMENSIONS
    words = np.vstack([2 * vectors, np.zeros((1, dimensions))])
    unknown = ~words.any(axis=1)
    words[unknown] = random.normal(0, 0.1, (unknown.sum(), dimensions))
    drawn = {
        "words": words,
        "marks": random.normal(0, 0.3, (n_marks, MARK_DIMENSIONS)),
        "parts": random.normal(0, 0.3, (2, PART_DIMENSIONS)),
        "kernel": random.normal(0, np.sqrt(2 / (3 * width + FILTERS)), (3, width, FILTERS)),
        "bias": np.zeros(FILTERS),
        "out": random.normal(0, np.sqrt(2 / (2 * FILTERS + n_labels)), (2 * FILTERS, n_labels)),
        "out_bias": np.zeros(n_labels),
    }
    return {name: array.astype(np.float32) for name, array in drawn.items()}


def _batches(read: Sequences, random: np.random.Generator) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int32]]]:
    """All texts once, those of like length together: their words, marks, parts and whether there is a word.

    Shape (BATCH, 4, words). The last of each length are filled up with others: JAX compiles a function for each shape.
    """
    begins = np.searchsorted(read.texts, np.arange(read.size + 1))
    bucket = np.searchsorted(LENGTHS, np.diff(begins) + 1)
    batches = []
    for number in np.unique(bucket):
        texts = random.permutation(np.flatnonzero(bucket == number))
        batches += [(number, np.resize(np.roll(texts, -start), BATCH)) for start in range(0, len(texts), BATCH)]
    for place in random.permutation(len(batches)):
        number, chosen = batches[place]
        batch = np.zeros((BATCH, 4, LENGTHS[number]), dtype=np.int32)
        for row, text in enumerate(chosen):
            own = slice(begins[text], begins[text + 1])
            part = read.parts[own]
            # A gap before the body, so that no filter sees both it and the title.
            batch[row, :, np.arange(len(part)) + part] = np.stack(
                [read.words[own], read.marks[own], part, np.ones_like(part)], axis=1
            )
        yield chosen, batch


def _loss(network: Any, *, batch: Any, target: Any, weight: Any, key: Any) -> Any:
    import optax

    losses = optax.softmax_cross_entropy_with_integer_labels(forward(network, batch, key), target)
    return (losses * weight).sum() / weight.sum()


def forward(network: Any, batch: Any, key: Any = None) -> Any:
    """The scores that `Net.scores` gives, shape (BATCH, labels), before they are multiplied by a share.

    With a `key` of JAX's random numbers parts of the text and of the network are dropped.
    """
    import jax
    import jax.numpy as jnp

    words, there = batch[:, 0], batch[:, 3, :, None].astype(jnp.float32)
    word_key, dimension_key, filter_key = jax.random.split(key, 3) if key is not None else [None] * 3
    unknown = len(network["words"]) - 1
    words = jnp.where(_kept(word_key, WORD_DROP, words.shape) > 0, words, unknown)
    beside = (network["marks"][batch[:, 1]], network["parts"][batch[:, 2]])
    seen = jnp.concatenate([network["words"][words], *beside], axis=-1) * there
    seen *= _kept(dimension_key, DIMENSION_DROP, (len(seen), 1, seen.shape[2]))
    padded = jnp.pad(seen, ((0, 0), (1, 1), (0, 0)))
    neighbours = [padded[:, shift : shift + seen.shape[1]] @ network["kernel"][shift] for shift in range(3)]
    filtered = jax.nn.relu(sum(neighbours) + network["bias"]) * there
    length = jnp.maximum(there.sum(axis=1), 1)
    pooled = jnp.concatenate([filtered.max(axis=1), filtered.sum(axis=1) / jnp.sqrt(length)], axis=-1)
    return (pooled * _kept(filter_key, FILTER_DROP, pooled.shape)) @ network["out"] + network["out_bias"]


def _kept(key: Any, share: float, shape: tuple[int, ...]) -> Any:
    """What is left when a share is dropped, scaled so that the sum stays what it was; all without a key."""
    import jax
    import jax.numpy as jnp

    return jnp.ones(shape) if key is None else jax.random.bernoulli(key, 1 - share, shape) / (1 - share)
