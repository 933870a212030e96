"""The front door: tag a text, many texts, or load other versions of the models.

This module can itself be called, so that `import ctnlp.classify` is all that a pipeline needs:

>>> import ctnlp.classify
>>> ctnlp.classify("Bộ Giáo dục và Đào tạo công bố phương án tuyển sinh đại học năm 2026").topic.name
'giao_duc'
"""

import sys
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache
from itertools import islice
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Self

from ctnlp import places
from ctnlp._processes import Lock, alone, pool
from ctnlp.errors import InputError, ModelIncompatible

if TYPE_CHECKING:
    from ctnlp.explain import Explanation
    from ctnlp.model import Decision, HeadModel
    from ctnlp.scorer import Scorer

__all__ = ["Classification", "Classifier", "Label", "classify", "classify_many"]

BATCH: Final = 512
"""Texts in one task at most."""
CHARACTERS: Final = 150_000
"""Characters at which a task is full: small enough that no process waits long for the last of another."""


class Label(NamedTuple):
    """A label and its calibrated probability."""

    name: str
    score: float


@dataclass(frozen=True, slots=True)
class Classification:
    """What ctnlp says of one text.

    `topics` and `programme` have the best label first and may be empty; `sentiment` is None for blank text. `versions`
    names the model of each head.
    """

    topics: tuple[Label, ...]
    programme: tuple[Label, ...]
    sentiment: Label | None
    needs_review: bool
    versions: Mapping[str, str]

    @property
    def topic(self) -> Label | None:
        """The best topic, or None when the text has no policy field."""
        return self.topics[0] if self.topics else None

    def to_dict(self) -> dict[str, Any]:
        """Plain dictionaries and lists, as `ctnlp classify --json` prints them."""
        return {
            "topics": [label._asdict() for label in self.topics],
            "programme": [label._asdict() for label in self.programme],
            "sentiment": self.sentiment._asdict() if self.sentiment else None,
            "needs_review": self.needs_review,
            "versions": dict(self.versions),
        }


class Spec(NamedTuple):
    """Which models a classifier was loaded from: what another process needs to load the same."""

    topic: str
    programme: str
    sentiment: str
    root: str | None
    min_confidence: float | None = None


@dataclass(frozen=True)
class Classifier:
    """The three heads, loaded. Use `Classifier.load`."""

    # Whole vocabularies would take half a minute to show in a notebook.
    topic: "HeadModel" = field(repr=False)
    programme: "HeadModel" = field(repr=False)
    sentiment: "HeadModel" = field(repr=False)
    versions: Mapping[str, str]
    spec: Spec

    @classmethod
    def load(
        cls,
        topic: str = "current",
        programme: str = "current",
        sentiment: str = "current",
        root: str | Path | None = None,
        min_confidence: float | None = None,
    ) -> Self:
        """Load a version of each head from the models under `root`.

        `min_confidence` is the probability of the best label under which a text needs review, in place of each
        model's own; the card of a model shows how many texts are kept then, and how often they are right. Raises
        `ModelNotFound` or `ModelCorrupt`; warns when this machine cuts words otherwise than the models' makers.

        >>> sorted(Classifier.load().versions)
        ['programme', 'sentiment', 'topic']
        """
        from ctnlp import registry

        wanted = {"topic": topic, "programme": programme, "sentiment": sentiment}
        loaded = {head: registry.load(head, version, root) for head, version in wanted.items()}
        _check_protocol({f"{head} {manifest.version}": model for head, (model, manifest) in loaded.items()})
        versions = {head: manifest.version for head, (_, manifest) in loaded.items()}
        # The very folder: other processes may stand elsewhere, or have another environment.
        spec = Spec(**versions, root=str(places.find("models", root).resolve()), min_confidence=min_confidence)
        models = {head: model for head, (model, _) in loaded.items()}
        if min_confidence is not None:
            models = {head: replace(model, review_below=min_confidence) for head, model in models.items()}
        return cls(**models, versions=versions, spec=spec)

    def __reduce__(self) -> tuple[Any, tuple[Spec]]:
        """Other processes load the models that are named: quicker than handing over what was loaded here."""
        return loaded, (self.spec,)

    def classify(self, text: str, *, title: str | None = None) -> Classification:
        """Tag one text; `title`, if known, is read as a field of its own."""
        return self.classify_many([text], titles=[title])[0]

    def classify_many(
        self, texts: Iterable[str], *, titles: Iterable[str | None] | None = None, n_jobs: int = 1
    ) -> list[Classification]:
        """Tag many texts, in their order, on `n_jobs` processes (-1: one a core).

        Raises `InputError` when something is not a string, or `titles` is not as long as `texts`.
        """
        pairs = _pairs(texts, titles)
        chunks = list(_chunks(pairs))
        if len(chunks) == 1 or alone(n_jobs):
            return [result for chunk in chunks for result in self._chunk(chunk)]
        import joblib

        with pool(n_jobs) as run:
            results = run(joblib.delayed(classify_chunk)(self.spec, chunk) for chunk in chunks)
            return [result for chunk in results for result in chunk]

    @cached_property
    def _scorer(self) -> "Scorer | None":
        # None where words must be asked of an underthesea that is not known.
        from ctnlp._underthesea import known
        from ctnlp.scorer import Scorer

        return Scorer([self.topic, self.programme, self.sentiment]) if known() else None

    def _chunk(self, pairs: Sequence[tuple[str, str]]) -> list[Classification]:
        if not pairs:
            return []
        scores, blank = self._scores([text for text, _ in pairs], [title for _, title in pairs])
        heads = (self.topic, self.programme, self.sentiment)
        decisions = [head.decide(head.probabilities(own)) for head, own in zip(heads, scores, strict=True)]
        return [self._result(empty, *three) for empty, *three in zip(blank, *decisions, strict=True)]

    def _scores(self, texts: list[str], titles: list[str]) -> tuple[list[Any], list[bool]]:
        """Each head's scores, and which texts are blank."""
        if self._scorer:
            scores, blank = self._scorer.scores(texts, titles)
            return list(scores), blank.tolist()
        from ctnlp.features import documents

        read = documents(texts, titles)
        heads = (self.topic, self.programme, self.sentiment)
        return [head.decision_function(read) for head in heads], [not one.title and not one.body for one in read]

    def _result(self, blank: bool, topic: "Decision", programme: "Decision", sentiment: "Decision") -> Classification:
        if blank:
            return Classification((), (), None, False, self.versions)
        return Classification(
            tuple(Label(*pair) for pair in topic.labels),
            tuple(Label(*pair) for pair in programme.labels),
            Label(*sentiment.labels[0]),
            topic.needs_review or programme.needs_review or sentiment.needs_review,
            self.versions,
        )

    def explain(self, text: str, *, title: str | None = None) -> dict[str, list["Explanation"]]:
        """For each head, the phrases behind the labels that the text gets, or nearly gets (see `ctnlp.explain`).

        >>> why = Classifier.load().explain("Giá vàng miếng tăng mạnh")
        >>> why["topic"][0].label
        'tai_chinh_ngan_hang'
        """
        from ctnlp.explain import explain

        ((body, headline),) = _pairs([text], [title])
        return {head.head: explain(head, body, headline) for head in (self.topic, self.programme, self.sentiment)}


def classify(text: str, *, title: str | None = None) -> Classification:
    """Tag one text with the models in use.

    >>> result = classify("Cháy lớn tại kho xưởng, hai công nhân thiệt mạng")
    >>> result.sentiment.name
    'negative'
    >>> classify("  ").topic is None
    True
    """
    return loaded(Spec("current", "current", "current", None)).classify(text, title=title)


def classify_many(
    texts: Iterable[str], *, titles: Iterable[str | None] | None = None, n_jobs: int = 1
) -> list[Classification]:
    """Tag many texts with the models in use.

    >>> [result.sentiment is None for result in classify_many(["Giá điện tăng", ""])]
    [False, True]
    """
    return loaded(Spec("current", "current", "current", None)).classify_many(texts, titles=titles, n_jobs=n_jobs)


def classify_chunk(spec: Spec, pairs: Sequence[tuple[str, str]]) -> list[Classification]:
    """One task of a worker process: load the models at the first, keep them for the next."""
    return loaded(spec)._chunk(pairs)


def loaded(spec: Spec) -> Classifier:
    """The classifier of a spec, loaded once a process, whichever thread comes first."""
    with _loading.held:
        return _loaded(spec)


_loading: Final = Lock()


@lru_cache(maxsize=4)
def _loaded(spec: Spec) -> Classifier:
    classifier = Classifier.load(*spec)
    classifier._scorer  # noqa: B018 - made here, under the lock, not by each thread
    return classifier


def _pairs(texts: Iterable[str], titles: Iterable[str | None] | None) -> list[tuple[str, str]]:
    """Texts and titles as checked pairs of strings."""
    if isinstance(texts, str):
        raise InputError("got one string where many were expected; use classify(text), or classify_many([text])")
    if isinstance(titles, str):
        raise InputError("got one string where a title for each text was expected; use titles=[title]")
    bodies = list(texts)
    heads = [""] * len(bodies) if titles is None else list(islice(titles, len(bodies) + 1))
    if len(heads) != len(bodies):
        raise InputError(f"got {len(bodies)} texts and {'more' if len(heads) > len(bodies) else len(heads)} titles")
    for position, (text, title) in enumerate(zip(bodies, heads, strict=True)):
        given = (text,) if title is None else (text, title)
        wrong = [type(value).__name__ for value in given if not isinstance(value, str)]
        if wrong:
            raise InputError(f"text {position} is {wrong[0]}, expected a string (an empty one for no text)")
    return [(text, title or "") for text, title in zip(bodies, heads, strict=True)]


def _chunks(pairs: Iterable[tuple[str, str]]) -> Iterator[list[tuple[str, str]]]:
    """Runs of texts that make one task."""
    chunk: list[tuple[str, str]] = []
    characters = 0
    for text, title in pairs:
        chunk.append((text, title))
        characters += len(text) + len(title)
        if len(chunk) >= BATCH or characters >= CHARACTERS:
            yield chunk
            chunk, characters = [], 0
    if chunk:
        yield chunk


def _check_protocol(models: Mapping[str, "HeadModel"]) -> None:
    from ctnlp.train import text_protocol

    others = []
    for name, model in models.items():
        made, here = model.text_protocol, text_protocol(model.blocks)
        for part in here.keys() - {"segmenter"}:
            if made.get(part) != here[part]:
                raise ModelIncompatible(
                    f"model {name} was made with {part} {made.get(part)}, this ctnlp has {here[part]}: "
                    "train it again, or install the ctnlp it was made with (ctnlp models show)"
                )
        # The last word is the hash of the segmentation model: a new release with the same one cuts the same words.
        if made.get("segmenter", "").split()[-1:] != here["segmenter"].split()[-1:]:
            others.append(f"{name} with {made.get('segmenter')}")
    if others:
        warnings.warn(
            f"models were made with another segmenter ({', '.join(others)}), here is {here['segmenter']}: words may "
            "differ, so their figures may not hold; install that underthesea or train again",
            stacklevel=3,
        )


class _CallableModule(ModuleType):
    """`import ctnlp.classify as c; c(text)` works, and so does `c.classify_many`."""

    def __call__(self, text: str, *, title: str | None = None) -> Classification:
        """Tag one text; see `classify`."""
        return classify(text, title=title)


sys.modules[__name__].__class__ = _CallableModule
