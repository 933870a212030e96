"""Why a text got its labels: phrases of the text, where they stand, and what the score loses without each.

A phrase's weight is measured, not estimated: the text is scored again without it (leave-one-out, Li et al. 2016). The
weights of the linear model only say which phrases to try.
"""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, NamedTuple

from ctnlp.features import Document, Part, Place, documents
from ctnlp.model import HeadModel
from ctnlp.normalise import normalise, strip_diacritics

__all__ = ["Explanation", "Phrase", "Span", "explain", "spans_of"]

PHRASES: Final = 8
"""Phrases of an explanation."""
_TRIED: Final = 12
_LETTER: Final = re.compile(r"[^\W_]")


class Span(NamedTuple):
    """Where a phrase stands in the title or the text as given: characters `start` to before `end`."""

    part: Part
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Phrase:
    """A phrase as the text has it first, and how much lower the label's score is without it (all its `spans`)."""

    text: str
    weight: float
    spans: tuple[Span, ...]


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why a label has its score (before calibration): `phrases`, strongest first, and `rest` add up to it."""

    label: str
    probability: float
    score: float
    phrases: tuple[Phrase, ...]
    rest: float


def explain(model: HeadModel, text: str, title: str = "") -> list[Explanation]:
    """Why the labels that a text gets (or the best one, if it gets none) have their scores; nothing for a blank text.

    >>> from ctnlp.registry import load
    >>> why = explain(load("sentiment")[0], "Cháy lớn, hai công nhân thiệt mạng")[0]
    >>> why.label, why.phrases[0].text in "Cháy lớn, hai công nhân thiệt mạng"
    ('negative', True)
    """
    (document,) = documents([text], [title])
    if not document.title and not document.body:
        return []
    scores = model.decision_function([document])[0]
    probabilities = model.probabilities(scores[None])[0]
    given = dict(model.decide(probabilities[None])[0].labels)
    chosen = [model.labels.index(name) for name in given] or [int(probabilities.argmax())]
    places = {part: spans_of(whole, words) for part, whole, words in _parts(text, title, document)}
    candidates = {label: _phrases(model.word_weights(document, label), document, places) for label in chosen}
    tried = list(dict.fromkeys(spans for phrases in candidates.values() for spans in phrases))
    heads, bodies = ([_cut(whole, part, spans) for spans in tried] for part, whole, _ in _parts(text, title, document))
    lowered = dict(zip(tried, model.decision_function(documents(bodies, heads)) if tried else (), strict=True))
    found = []
    for label in chosen:
        phrases = [
            Phrase(_surface(spans[0], text, title), float(scores[label] - lowered[spans][label]), spans)
            for spans in candidates[label]
        ]
        strongest = tuple(sorted(phrases, key=lambda phrase: (-abs(phrase.weight), phrase.text))[:PHRASES])
        rest = float(scores[label]) - sum(phrase.weight for phrase in strongest)
        name = model.labels[label]
        probability = given.get(name, float(probabilities[label]))
        found.append(Explanation(name, probability, float(scores[label]), strongest, rest))
    return found


def _parts(text: str, title: str, document: Document) -> Iterator[tuple[Part, str, Sequence[str]]]:
    yield "title", title, document.title
    yield "text", text, document.body


def spans_of(text: str, words: Sequence[str]) -> list[tuple[int, int] | None]:
    """Where each word of `text`, once normalised and segmented, stands in `text` as it was given.

    Letters are followed one by one, without their marks, so that composed, decomposed and full-width letters, other
    spacing and other tone-mark styles do not matter. None for a word without letters or digits, and for all words if
    the letters do not agree.

    >>> spans_of("Giá  điê\u0323n tăng.", ["Giá", "điện", "tăng", "."])
    [(0, 3), (5, 10), (11, 15), None]
    """
    letters = list(_letters(text))
    wanted = [[base for base, _, _ in _letters(word)] for word in words]
    if [base for base, _, _ in letters] != [base for bases in wanted for base in bases]:
        return [None] * len(words)
    spans: list[tuple[int, int] | None] = []
    position = 0
    for bases in wanted:
        own = letters[position : position + len(bases)]
        spans.append((own[0][1], own[-1][2]) if own else None)
        position += len(bases)
    return spans


def _letters(text: str) -> Iterator[tuple[str, int, int]]:
    """Letters and digits without marks, and where each stands, its combining marks included."""
    pending: tuple[str, int, int] | None = None
    for position, character in enumerate(text):
        bases = _bases(character)
        if bases:
            if pending:
                yield pending
            for base in bases[:-1]:
                yield base, position, position + 1
            pending = (bases[-1], position, position + 1)
        elif pending and pending[2] == position and _is_mark(character):
            pending = (pending[0], pending[1], position + 1)
    if pending:
        yield pending


@lru_cache(maxsize=20_000)
def _bases(character: str) -> str:
    return "".join(_LETTER.findall(strip_diacritics(normalise(character)))).casefold()


def _is_mark(character: str) -> bool:
    return "\u0300" <= character <= "\u036f"


def _phrases(
    weights: Mapping[Place, float], document: Document, places: Mapping[Part, Sequence[tuple[int, int] | None]]
) -> list[tuple[Span, ...]]:
    """The strongest words, neighbours of like effect as one phrase; each with all places where it stands."""
    words: dict[Part, Sequence[str]] = {"title": document.title, "text": document.body}
    by_surface: dict[str, float] = defaultdict(float)
    for (part, index), weight in weights.items():
        if places[part][index] is not None:
            by_surface[words[part][index].lower()] += weight
    strongest = sorted(by_surface, key=lambda word: (-abs(by_surface[word]), word))[:_TRIED]
    chosen = {word: by_surface[word] > 0 for word in strongest}
    found: dict[str, list[Span]] = {}
    for part, own in words.items():
        index = 0
        while index < len(own):
            end = index
            while end < len(own) and _same(chosen, own, index, end) and places[part][end] is not None:
                end += 1
            if end > index:
                first, last = places[part][index], places[part][end - 1]
                if first is not None and last is not None:
                    key = " ".join(own[index:end]).lower()
                    found.setdefault(key, []).append(Span(part, first[0], last[1]))
            index = max(end, index + 1)
    return [tuple(spans) for spans in found.values()]


def _same(chosen: Mapping[str, bool], words: Sequence[str], start: int, position: int) -> bool:
    """Whether the word belongs to the phrase that began at `start`: chosen, and with effect of the same sign."""
    word = words[position].lower()
    return word in chosen and chosen[word] == chosen[words[start].lower()]


def _cut(whole: str, part: Part, spans: Sequence[Span]) -> str:
    for span in sorted((span for span in spans if span.part == part), reverse=True):
        whole = whole[: span.start] + whole[span.end :]
    return whole


def _surface(span: Span, text: str, title: str) -> str:
    return " ".join((title if span.part == "title" else text)[span.start : span.end].split())
