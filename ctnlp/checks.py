"""What is wrong with a set of labelled samples: a list of problems, empty when nothing is."""

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from typing import Any, Final

from ctnlp import places
from ctnlp.corpus import KINDS, from_table, full_text, label_fault, read_lines, texts_of
from ctnlp.duplicates import near_duplicate_groups, shared_runs, tokens
from ctnlp.normalise import normalise
from ctnlp.taxonomy import Taxonomy, default

__all__ = ["Problem", "annotations", "check", "taken_from"]

SYLLABLES: Final = {"headline": (4, 30), "lead": (15, 90), "article": (80, 320), "comment": (4, 220)}
"""Fewest and most syllables of a text of each kind; of a headline, those of its title."""
OPENING: Final = 6
OPENING_SHARE: Final = 0.005
"""No opening of six syllables may stand at the head of a larger share of the texts: that would be a template."""
BALANCE_FROM: Final = 1000
"""A smaller set is not judged for balance."""
_SHARES: Final = {"topics": 0.02, "programme": 0.005, "sentiment": 0.2}
"""Least share of the texts that every label of a head has."""
_ENOUGH: Final = {"programme": 100}
"""So many texts of a label are enough, whatever their share: news is seldom about the communication of policy."""
_TONE_SHARE: Final = 0.1
"""Least share of the texts of a topic that have each tone: or else a model learns the topic for the tone."""
_REQUIRED: Final = ("id title text topics programme sentiment kind register source license split").split()
_LONGEST: Final = 250
"""Characters of the longest value in a line of annotations: ids and labels, never a text."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong with a set of samples: `sample` is an id, a label, or a file and line."""

    sample: str
    reason: str


def check(
    folder: str | Path | None = None,
    *,
    against: Sequence[str | Path] = (),
    taxonomy: Taxonomy | None = None,
) -> list[Problem]:
    """What is wrong with the samples and annotations in a data folder; an empty list when nothing is.

    Schema, labels, unique ids, canonical Unicode; then exact and near-duplicates, also across splits, openings that too
    many texts share, lengths by kind, balance of labels and of tones inside each topic; then the annotations of other
    corpora. `against` names tables whose texts must not be in the set. Your own labelled table in place of a folder is
    read by `corpus.from_table` and checked for duplicates and openings.

    >>> check()
    []
    """
    taxonomy = taxonomy or default()
    if folder is not None and Path(folder).is_file():
        samples: list[dict[str, Any]] = list(from_table(folder, taxonomy=taxonomy))
        return [*_duplicates(samples), *_openings(samples), *taken_from(samples, against)]
    root = places.find("data", folder)
    samples = list(read_lines(root / "policy_news"))
    problems = [
        Problem(str(sample.get("id", "?")), reason) for sample in samples for reason in _faults(sample, taxonomy)
    ]
    twice = [id_ for id_, count in Counter(str(sample.get("id", "?")) for sample in samples).items() if count > 1]
    problems += [Problem(id_, "the id stands twice") for id_ in twice]
    problems += annotations(root, taxonomy=taxonomy)
    if problems:  # of texts whose labels or fields are wrong, no more can be said
        return problems
    parts = (_duplicates(samples), _openings(samples), _lengths(samples), _balance(samples, taxonomy))
    return [problem for part in parts for problem in part] + taken_from(samples, against)


def _faults(sample: Mapping[str, Any], taxonomy: Taxonomy) -> Iterator[str]:
    missing = [name for name in _REQUIRED if name not in sample]
    if missing:
        yield f"lacks {', '.join(missing)}"
        return
    if not full_text(sample).strip():
        yield "has no text"
    for name in ("title", "text"):
        if sample[name] != normalise(sample[name]):
            yield f"its {name} is not in canonical Unicode (see ctnlp.normalise)"
    if sample["kind"] not in KINDS:
        yield f"kind {sample['kind']!r} is not one of {', '.join(KINDS)}"
    if sample["split"] not in ("train", "test"):
        yield f"split {sample['split']!r} is neither train nor test"
    fault = label_fault(sample, taxonomy)
    if fault:
        yield fault


def _duplicates(samples: Sequence[Mapping[str, Any]]) -> Iterator[Problem]:
    groups = near_duplicate_groups([full_text(sample) for sample in samples])
    first: dict[int, Mapping[str, Any]] = {}
    for sample, group in zip(samples, groups.tolist(), strict=True):
        other = first.setdefault(group, sample)
        if other is not sample:
            yield Problem(sample["id"], f"near-duplicate of {other['id']}")
            if other["split"] != sample["split"]:
                yield Problem(sample["id"], f"in split {sample['split']}, its duplicate in {other['split']}")


def _openings(samples: Sequence[Mapping[str, Any]]) -> Iterator[Problem]:
    """Openings, of the whole and of the text under the title, that more than `OPENING_SHARE` of the texts share."""
    # In a small set two texts are no pattern yet.
    most = max(OPENING_SHARE * len(samples), 2)
    for part in ("whole", "text"):
        owners = defaultdict(list)
        for sample in samples:
            words = tokens(sample["text"] if part == "text" else full_text(sample))[:OPENING]
            if len(words) == OPENING and (part == "whole" or sample["title"]):
                owners[" ".join(words)].append(sample["id"])
        for opening, ids in owners.items():
            if len(ids) > most:
                yield Problem(ids[0], f"{len(ids)} texts begin with «{opening}»: a template; write them anew")


def _lengths(samples: Iterable[Mapping[str, Any]]) -> Iterator[Problem]:
    for sample in samples:
        kind = sample["kind"]
        fewest, most = SYLLABLES[kind]
        length = len(sample["title" if kind == "headline" else "text"].split())
        if not fewest <= length <= most:
            yield Problem(sample["id"], f"{length} syllables; of kind {kind} it has {fewest} to {most}")


def _balance(samples: Sequence[Mapping[str, Any]], taxonomy: Taxonomy) -> Iterator[Problem]:
    if len(samples) < BALANCE_FROM:
        return
    tones: dict[str, Counter[str]] = defaultdict(Counter)
    for sample in samples:
        for topic in sample["topics"] or ():
            tones[topic][sample["sentiment"]] += 1
    counts = {
        "topics": Counter({topic: counter.total() for topic, counter in tones.items()}),
        "programme": Counter(label for sample in samples for label in sample["programme"] or ()),
        "sentiment": Counter(sample["sentiment"] for sample in samples),
    }
    for column, share in _SHARES.items():
        for label in taxonomy.head("topic" if column == "topics" else column).label_ids:
            fewest = min(ceil(share * len(samples)), _ENOUGH.get(column, len(samples)))
            if counts[column][label] < fewest:
                least = f"expected at least {fewest:,} of {len(samples):,}"
                yield Problem(label, f"{counts[column][label]:,} texts have it, {least}")
    for topic, counter in tones.items():
        for tone in taxonomy.head("sentiment").label_ids:
            if counter[tone] < _TONE_SHARE * counter.total():
                found = f"{counter[tone]} of its {counter.total():,} texts are {tone}"
                yield Problem(topic, f"{found}, expected at least {_TONE_SHARE:.0%}: a model would take topic for tone")


def annotations(folder: str | Path | None = None, *, taxonomy: Taxonomy | None = None) -> list[Problem]:
    """What is wrong with the annotations of other corpora in a data folder: ids, labels, and no text among them."""
    taxonomy = taxonomy or default()
    problems = []
    for path in sorted(places.find("data", folder).glob("*_annotations/annotations.jsonl")):
        seen: set[str] = set()
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
            reason = _annotation_fault(line, seen, taxonomy)
            if reason:
                problems.append(Problem(f"{path.parent.name}, line {number}", reason))
    return problems


def _annotation_fault(line: str, seen: set[str], taxonomy: Taxonomy) -> str | None:
    try:
        row = json.loads(line)
    except ValueError as error:
        return f"not JSON ({error})"
    missing = [name for name in ("id", "topics", "programme", "sentiment") if name not in row]
    if missing:
        return f"lacks {', '.join(missing)}"
    if row["id"] in seen:
        return f"the id {row['id']!r} stands twice"
    seen.add(row["id"])
    if "text" in row or any(len(str(value)) > _LONGEST for value in row.values()):
        return "holds a text; only ids and labels may stand here"
    return label_fault(row, taxonomy)


def taken_from(samples: Iterable[Mapping[str, Any]], tables: Sequence[str | Path]) -> list[Problem]:
    """Samples that share a run of twenty syllables with a text of one of `tables`.

    Raises `CorpusError` for a table without text.
    """
    texts = {sample["id"]: full_text(sample) for sample in samples}
    return [
        Problem(id_, f"«{run}» stands in {Path(table).name} too; write it anew")
        for table in tables
        for id_, run in shared_runs(texts, texts_of(table))
    ]
