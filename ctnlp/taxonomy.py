"""The heads (topic, programme, sentiment) and their labels, read from a TOML file.

`taxonomy.toml` beside this module holds the labels of ctnlp and the mapping of the 45 topics of the Vietnamese legal
codification (Bộ Pháp điển). A file of your own with the same keys brings other labels.
"""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Final, Literal

from ctnlp.errors import TaxonomyError

__all__ = ["Head", "LabelDefinition", "PhapDienTopic", "Taxonomy", "default", "load"]

Kind = Literal["multilabel", "multiclass"]

_ID: Final = re.compile(r"[a-z][a-z0-9_]*")
_KINDS: Final = ("multilabel", "multiclass")


@dataclass(frozen=True)
class LabelDefinition:
    """What one label means. `definition` is English, `definition_vi` Vietnamese; `origin` cites the source."""

    id: str
    vi: str
    en: str
    definition: str
    definition_vi: str
    includes: tuple[str, ...]
    excludes: tuple[str, ...]
    origin: str


@dataclass(frozen=True)
class Head:
    """One question asked of every text: several labels or none (`multilabel`), or exactly one (`multiclass`)."""

    id: str
    vi: str
    en: str
    kind: Kind
    labels: tuple[LabelDefinition, ...]

    @property
    def label_ids(self) -> tuple[str, ...]:
        """Ids in the order of the file, which is the order of every model's columns."""
        return tuple(label.id for label in self.labels)

    def label(self, label_id: str) -> LabelDefinition:
        """The label with this id.

        >>> default().head("topic").label("y_te").en
        'Health'
        """
        for label in self.labels:
            if label.id == label_id:
                return label
        raise TaxonomyError(f"head {self.id!r} has no label {label_id!r}; it has {', '.join(self.label_ids)}")


@dataclass(frozen=True)
class PhapDienTopic:
    """One topic of the legal codification: its policy field, and the subtopics that belong to another field."""

    no: int
    slug: str
    vi: str
    topic: str
    subtopics: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Taxonomy:
    """All heads, and the mapping of the legal codification where the file has one."""

    name: str
    version: str
    heads: tuple[Head, ...]
    phap_dien: tuple[PhapDienTopic, ...] = ()

    def head(self, head_id: str) -> Head:
        """The head with this id.

        >>> default().head("sentiment").label_ids
        ('negative', 'neutral', 'positive')
        """
        for head in self.heads:
            if head.id == head_id:
                return head
        raise TaxonomyError(
            f"taxonomy {self.name!r} has no head {head_id!r}; it has {', '.join(h.id for h in self.heads)}"
        )

    def phap_dien_field(self, slug: str, subtopic: str = "") -> str:
        """The policy field of a topic of the codification, by its slug and, where topics are split, its subtopic.

        >>> default().phap_dien_field("buu-chinh-vien-thong", "Công nghệ thông tin")
        'khoa_hoc_cong_nghe'
        """
        for entry in self.phap_dien:
            if entry.slug == slug:
                return entry.subtopics.get(subtopic, entry.topic)
        raise TaxonomyError(f"no topic {slug!r} in the codification; expected a slug such as 'y-te-duoc'")


def load(path: str | Path | None = None) -> Taxonomy:
    """Read and check a taxonomy; without `path`, the one of ctnlp.

    Raises `TaxonomyError` when the file is missing, is not TOML, lacks a key, or repeats or misuses an id.

    >>> [(head.id, len(head.labels)) for head in load().heads]
    [('topic', 16), ('programme', 6), ('sentiment', 3)]
    """
    source = Path(path) if path is not None else Path(__file__).with_name("taxonomy.toml")
    try:
        raw = tomllib.loads(source.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise TaxonomyError(f"{source}: can't be read as a taxonomy ({error}); expected a UTF-8 TOML file") from error
    try:
        return _build(raw)
    except KeyError as error:
        raise TaxonomyError(
            f"{source}: the key {error} is missing; see ctnlp/taxonomy.toml for a full example"
        ) from error
    except (TypeError, AttributeError) as error:
        raise TaxonomyError(f"{source}: a value has the wrong type ({error}); see ctnlp/taxonomy.toml") from error
    except TaxonomyError as error:
        raise TaxonomyError(f"{source}: {error}") from error


@cache
def default() -> Taxonomy:
    """The taxonomy of ctnlp, read once.

    >>> default().name
    'policy-news'
    """
    return load()


def _build(raw: Mapping[str, Any]) -> Taxonomy:
    heads = tuple(_head(entry) for entry in raw["head"])
    _unique("head", [head.id for head in heads])
    entries = tuple(
        PhapDienTopic(e["no"], e["slug"], e["vi"], e["topic"], dict(e.get("subtopics", {})))
        for e in raw.get("phap_dien", ())
    )
    _unique("phap_dien slug", [entry.slug for entry in entries])
    fields = {label for head in heads if head.id == "topic" for label in head.label_ids}
    for entry in entries:
        unknown = {entry.topic, *entry.subtopics.values()} - fields
        if unknown:
            raise TaxonomyError(f"phap_dien {entry.slug!r} names unknown topics: {', '.join(sorted(unknown))}")
    return Taxonomy(raw["name"], str(raw["version"]), heads, entries)


def _head(raw: Mapping[str, Any]) -> Head:
    if raw["kind"] not in _KINDS:
        raise TaxonomyError(f"head {raw['id']!r} has kind {raw['kind']!r}; expected one of {', '.join(_KINDS)}")
    labels = tuple(
        LabelDefinition(
            id=entry["id"],
            vi=entry["vi"],
            en=entry["en"],
            definition=entry["definition"],
            definition_vi=entry["definition_vi"],
            includes=_listed(entry["includes"]),
            excludes=_listed(entry["excludes"]),
            origin=entry["origin"],
        )
        for entry in raw["label"]
    )
    if len(labels) < (2 if raw["kind"] == "multiclass" else 1):
        raise TaxonomyError(f"head {raw['id']!r} has {len(labels)} labels, too few to choose from")
    _unique(f"label of {raw['id']}", [label.id for label in labels])
    return Head(raw["id"], raw["vi"], raw["en"], raw["kind"], labels)


def _listed(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise TypeError(f"expected a list of texts, got {value!r}")
    return tuple(value)


def _unique(what: str, ids: list[str]) -> None:
    for position, id_ in enumerate(ids):
        if id_ in ids[:position]:
            raise TaxonomyError(f"{what} {id_!r} stands twice")
        if "slug" not in what and not _ID.fullmatch(id_):
            raise TaxonomyError(f"{what} {id_!r} is not a lower-case ASCII name such as 'giao_duc'")
