"""A set of labelled samples in figures: counts, which labels go together, lengths, how rich its language is."""

import random
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from ctnlp.corpus import KINDS, full_text
from ctnlp.duplicates import tokens
from ctnlp.figures import canvas

if TYPE_CHECKING:
    from datasets import Dataset

__all__ = ["Diversity", "Statistics", "counts", "diversity", "plot", "summarise"]

WINDOW: Final = 500
"""Syllables of a window over which types are counted (moving-average type-token ratio, Covington and McFall 2010)."""
_QUANTILES: Final = (0.05, 0.5, 0.95)


@dataclass(frozen=True, slots=True)
class Diversity:
    """How rich the language of some texts is, over their first `syllables` syllables.

    `types` and `once`: different syllables, and how many of them occur once. `ratio`: moving-average type-token
    ratio. `pairs` and `triples`: share of different ones among all runs of two and of three syllables in a text.
    """

    syllables: int
    types: int
    once: int
    ratio: float
    pairs: float
    triples: float


@dataclass(frozen=True)
class Statistics:
    """What `summarise` found.

    `counts` by column and value; `together`: how many texts have both of two topics, most frequent first; `tones`: by
    topic, how many texts have each tone; `lengths`: syllables by kind, at the 5th, 50th and 95th percentile;
    `diversity` by set.
    """

    counts: dict[str, dict[str, int]]
    together: dict[tuple[str, str], int]
    tones: dict[str, dict[str, int]]
    lengths: dict[str, tuple[float, ...]]
    diversity: dict[str, Diversity]

    def to_dict(self) -> dict[str, Any]:
        """For JSON: pairs of topics as `a + b`."""
        return asdict(self) | {"together": {" + ".join(pair): count for pair, count in self.together.items()}}

    def to_text(self) -> str:
        """Tables for people, in plain text."""
        lines = []
        for name, values in self.counts.items():
            lines += ["", name, *(f"  {value or '-':<28} {count:>7,}" for value, count in values.items())]
        lines += ["", f"tone by topic {'negative':>23} {'neutral':>9} {'positive':>9}"]
        for topic, tones in self.tones.items():
            row = (f"{tones.get(tone, 0):>9,}" for tone in ("negative", "neutral", "positive"))
            lines.append(f"  {topic:<25} {' '.join(row)}")
        lines += ["", "topics together", *_matrix(self.together)]
        lines += ["", "syllables of a text                 5 %   median    95 %"]
        lines += [
            f"  {kind:<28} {' '.join(f'{value:>7.0f}' for value in values)}" for kind, values in self.lengths.items()
        ]
        lines += ["", "language            syllables    types     once    ratio    pairs  triples"]
        for name, one in self.diversity.items():
            shares = f"{one.ratio:>8.3f} {one.pairs:>8.3f} {one.triples:>8.3f}"
            lines.append(f"  {name:<17} {one.syllables:>9,} {one.types:>8,} {one.once:>8,} {shares}")
        return "\n".join(lines[1:])


def counts(samples: "Dataset") -> dict[str, dict[str, int]]:
    """Counts per topic, programme group, tone, kind, register and split, most frequent first.

    >>> from ctnlp.corpus import load
    >>> set(counts(load())["sentiment"]) == {"negative", "neutral", "positive"}
    True
    """
    found = {name: Counter(samples[name]) for name in ("sentiment", "kind", "register", "split")}
    for name in ("topics", "programme"):
        found[name] = Counter(label for labels in samples[name] for label in labels or ["-"])
    return {name: dict(counter.most_common()) for name, counter in found.items()}


def summarise(samples: "Dataset", *, against: Iterable[str] = (), seed: int = 765) -> Statistics:
    """Count labels, lengths and language of `samples`; with the language of the texts `against` beside it.

    Headlines with leads are compared, in an order drawn with `seed`, over as many syllables as the smaller set has.

    >>> from ctnlp.corpus import load
    >>> summarise(load()).lengths["headline"][1] < 30  # the median
    True
    """
    rows = list(samples)
    together: Counter[tuple[str, str]] = Counter()
    tones: dict[str, Counter[str]] = {}
    for row in rows:
        topics = row["topics"] or []
        together.update(combinations(sorted(topics), 2))
        for topic in topics:
            tones.setdefault(topic, Counter())[row["sentiment"] or "-"] += 1
    return Statistics(
        counts=counts(samples),
        together=dict(together.most_common()),
        tones={topic: dict(tones[topic]) for topic in sorted(tones)},
        lengths={
            kind: tuple(float(value) for value in np.quantile(lengths, _QUANTILES))
            for kind in KINDS
            for lengths in [[len(full_text(row).split()) for row in rows if row["kind"] == kind]]
            if lengths
        },
        diversity=_compared([full_text(row) for row in rows if row["kind"] == "lead"], list(against), seed),
    )


def diversity(texts: Sequence[str], *, syllables: int | None = None) -> Diversity:
    """How rich the language of `texts` is, over their first `syllables` syllables (all of them by default).

    >>> diversity(["giá điện tăng", "giá xăng giảm"]).types
    5
    """
    rows: list[list[str]] = []
    left = syllables
    for text in texts:
        words = tokens(text)[:left]
        rows.append(words)
        if left is not None:
            left -= len(words)
            if left <= 0:
                break
    flat = [word for words in rows for word in words]
    found = Counter(flat)
    shares = []
    for size in (2, 3):
        runs = [run for words in rows for run in zip(*(words[start:] for start in range(size)), strict=False)]
        shares.append(len(set(runs)) / max(len(runs), 1))
    once = sum(count == 1 for count in found.values())
    return Diversity(len(flat), len(found), once, _type_token_ratio(flat), *shares)


def plot(statistics: Statistics, path: str | Path | None = None) -> Any:
    """Tones by topic, topics together, lengths and language on one matplotlib figure; written to `path` if given.

    Raises `MissingExtra` without matplotlib.
    """
    figure = canvas(14, 11)
    tones, together, lengths, language = figure.subplots(2, 2).flat
    topics = list(statistics.tones)
    left = np.zeros(len(topics))
    for tone, colour in (("negative", "tab:red"), ("neutral", "tab:grey"), ("positive", "tab:green")):
        values = np.array([statistics.tones[topic].get(tone, 0) for topic in topics])
        tones.barh(topics, values, left=left, label=tone, color=colour, alpha=0.7)
        left += values
    tones.set(title="Tones by topic", xlabel="texts")
    tones.legend()
    matrix = np.array(
        [[statistics.together.get((min(a, b), max(a, b)), 0) if a != b else 0 for b in topics] for a in topics]
    )
    together.imshow(matrix, cmap="Blues")
    together.set(title="Topics together", xticks=range(len(topics)), yticks=range(len(topics)), yticklabels=topics)
    together.set_xticklabels(topics, rotation=90)
    kinds = list(statistics.lengths)
    low, middle, high = np.array([statistics.lengths[kind] for kind in kinds]).reshape(-1, 3).T
    lengths.errorbar(kinds, middle, yerr=[middle - low, high - middle], fmt="o", capsize=4)
    lengths.set(title="Syllables: median, 5 % to 95 %", ylim=(0, None))
    shares = ("ratio", "pairs", "triples")
    for place, (name, one) in enumerate(statistics.diversity.items()):
        language.bar(np.arange(len(shares)) + 0.4 * place, [getattr(one, share) for share in shares], 0.35, label=name)
    language.set(title="Language: shares of different syllables, pairs, triples", xticks=range(3), xticklabels=shares)
    language.legend()
    if path is not None:
        figure.savefig(path, dpi=110)
    return figure


def _compared(own: list[str], other: list[str], seed: int) -> dict[str, Diversity]:
    sets = {name: texts for name, texts in (("ours", own), ("compared with", other)) if texts}
    for texts in sets.values():
        random.Random(seed).shuffle(texts)
    size = min((sum(len(tokens(text)) for text in texts) for texts in sets.values()), default=0)
    return {name: diversity(texts, syllables=size) for name, texts in sets.items()}


def _type_token_ratio(words: Sequence[str]) -> float:
    window = min(WINDOW, len(words))
    if not window:
        return 0.0
    inside = Counter(words[:window])
    total = len(inside)
    for old, new in zip(words, words[window:], strict=False):
        inside[new] += 1
        inside[old] -= 1
        if not inside[old]:
            del inside[old]
        total += len(inside)
    return total / (len(words) - window + 1) / window


def _matrix(together: dict[tuple[str, str], int]) -> list[str]:
    """A triangle of counts, topics named by their first letters."""
    topics = sorted({topic for pair in together for topic in pair})
    short = {topic: "".join(part[0] for part in topic.split("_"))[:4] for topic in topics}
    lines = [" " * 30 + "".join(f"{short[topic]:>5}" for topic in topics)]
    for row in topics:
        cells = (
            f"{together.get((min(row, column), max(row, column)), 0) or '.':>5}" for column in topics if column < row
        )
        lines.append(f"  {row:<22} {short[row]:>5}{''.join(cells)}")
    return lines
