"""Public corpora: what they are, under which licence, and how their labels map to ours where the mapping is certain."""

import random
import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from ctnlp import places
from ctnlp.corpus import to_dataset
from ctnlp.errors import CorpusError
from ctnlp.records import Record, open_table
from ctnlp.taxonomy import default

if TYPE_CHECKING:
    from datasets import Dataset

__all__ = ["BENCHMARKS", "SOURCES", "Benchmark", "Source", "annotations", "news_2026", "read"]


@dataclass(frozen=True)
class Source:
    """A public corpus.

    Where it comes from (see `ctnlp.fetch`): `homes` are its archives, tried in turn; `members` the names of its texts
    in them; `rows` makes rows of `columns` from one text; `least_rows` and, if not empty, the `fingerprint` of all of
    them verify what came.

    How it is used: `per_class` samples of each of its classes are taken, each with this `weight` in training.
    `syllables` is how much of the beginning of a text is kept: news is tagged by headline and lead, and a long text
    of an old corpus must not outweigh many short new ones.
    """

    id: str
    name: str
    license: str
    home: str
    revision: str
    columns: tuple[str, ...]
    homes: tuple[str, ...]
    members: re.Pattern[str]
    rows: Callable[[re.Match[str], str], Iterator[dict[str, str]]]
    least_rows: int
    fingerprint: str
    per_class: int
    weight: float
    syllables: int
    convert: Callable[[Mapping[str, Any]], tuple[str, dict[str, Any]] | None]


# A section of a newspaper says which field a text surely has, and leaves open those that often go with it; all others
# it surely has not. "Chính trị Xã hội" and "Đời sống" hold every field and none, and are left out.
_VNTC: Final[dict[str, tuple[list[str], list[str]]]] = {
    "The thao": (["van_hoa_the_thao_du_lich"], []),
    "Van hoa": (["van_hoa_the_thao_du_lich"], ["thong_tin_truyen_thong", "giao_duc"]),
    "Vi tinh": (["khoa_hoc_cong_nghe"], ["thong_tin_truyen_thong", "cong_thuong", "phap_luat"]),
    "Khoa hoc": (["khoa_hoc_cong_nghe"], ["tai_nguyen_moi_truong", "y_te", "nong_nghiep", "quoc_phong_an_ninh"]),
    "Suc khoe": (["y_te"], ["lao_dong_an_sinh", "khoa_hoc_cong_nghe", "nong_nghiep"]),
    "The gioi": (["doi_ngoai"], ["quoc_phong_an_ninh", "phap_luat", "tai_nguyen_moi_truong", "giao_thong"]),
    "Phap luat": (
        ["phap_luat"],
        [
            "quoc_phong_an_ninh",
            "noi_vu",
            "tai_chinh_ngan_hang",
            "dat_dai_xay_dung",
            "giao_thong",
            "lao_dong_an_sinh",
            "cong_thuong",
            "thong_tin_truyen_thong",
            "y_te",
            "giao_duc",
        ],
    ),
    "Kinh doanh": (
        [],
        [
            "tai_chinh_ngan_hang",
            "cong_thuong",
            "nong_nghiep",
            "dat_dai_xay_dung",
            "giao_thong",
            "lao_dong_an_sinh",
            "khoa_hoc_cong_nghe",
            "thong_tin_truyen_thong",
            "doi_ngoai",
            "noi_vu",
            "tai_nguyen_moi_truong",
            "phap_luat",
        ],
    ),
}


def _vntc_rows(name: re.Match[str], text: str) -> Iterator[dict[str, str]]:
    yield {"id": f"train/{name['label']}/{name['file']}", "text": text, "label": name["label"]}


# Headings stand at the head of a line or run on from the article before; the line in brackets under them tells them
# from references to other articles.
_ARTICLE: Final = re.compile(
    r"Điều (?P<code>\d+(?:\.\d+)+\.[A-ZĐ]{2,4}(?:\.\d+)+)\. (?P<title>[^\n()]{3,300})\n\s*\([^\n]*\)"
)
_SEE_ALSO: Final = re.compile(r"\(Điều này có nội dung liên quan[^\n]*")
_MARKS: Final = re.compile(r"^#.*$|\*+", re.MULTILINE)
_HEADING: Final = re.compile(r"^title: *[\"']?(?P<title>.+?)[\"']? *$", re.MULTILINE)


def _phap_dien_rows(name: re.Match[str], text: str) -> Iterator[dict[str, str]]:
    heading = _HEADING.search(text)
    found = list(_ARTICLE.finditer(text))
    ends = [*(match.start() for match in found[1:]), len(text)]
    for article, end in zip(found, ends, strict=True):
        body = _MARKS.sub("", _SEE_ALSO.sub("", text[article.end() : end]))
        yield {
            "title": article["title"].strip(),
            "body": " ".join(body.split()),
            "topic": name["topic"],
            "subtopic": heading["title"] if heading else name["file"],
            "code": f"Điều {article['code']}.",
        }


def _vntc(row: Mapping[str, Any]) -> tuple[str, dict[str, Any]] | None:
    if row["label"] not in _VNTC:
        return None
    topics, unknown = _VNTC[row["label"]]
    # None of these sections is about policy communication, but a computer page may be about the press online.
    programme: list[str] | None = None if "thong_tin_truyen_thong" in unknown else []
    return row["label"], {
        "id": f"vntc:{row['id']}",
        "text": row["text"],
        "topics": topics,
        "unknown": unknown,
        "programme": programme,
    }


def _phap_dien(row: Mapping[str, Any]) -> tuple[str, dict[str, Any]] | None:
    topic = default().phap_dien_field(row["topic"], row["subtopic"])
    return f"{row['topic']}/{row['subtopic']}", {
        "id": f"phap_dien:{row['code']}",
        "title": row["title"],
        "text": row["body"],
        "topics": [topic],
        "programme": None if topic == "thong_tin_truyen_thong" else [],
    }


_VNTC_COMMIT: Final = "1ba8d0371fae39c37c7fb7b9a84e5cb836235d69"
_PHAP_DIEN_COMMIT: Final = "fbaa690e"

SOURCES: Final = {
    source.id: source
    for source in (
        Source(
            id="vntc",
            name="VNTC: A Large-scale Vietnamese News Text Classification Corpus",
            license="MIT",
            home="https://github.com/duyvuleo/VNTC",
            revision="Train_Full (33,759 articles)",
            columns=("id", "text", "label"),
            homes=(
                f"https://codeload.github.com/undertheseanlp/classification/tar.gz/{_VNTC_COMMIT}",
                "https://raw.githubusercontent.com/duyvuleo/VNTC/master/Data/10Topics/Ver1.1/Train_Full.rar",
            ),
            members=re.compile(
                r"(?:^|/)(?:train|Train_Full)/(?P<label>[A-Z][a-z]+(?: [A-Za-z]+)*)/(?P<file>[^/]+\.txt)$"
            ),
            rows=_vntc_rows,
            least_rows=33_759,
            fingerprint="8ad99432d56ba7025b8cc61a93ba38b29d5b414243a588562c4b013508d964ab",
            per_class=700,
            weight=0.5,
            syllables=100,
            convert=_vntc,
        ),
        Source(
            id="phap_dien",
            name="Bộ Pháp điển: the Vietnamese legal codification",
            license="statutes, no copyright (Law on Intellectual Property, article 15)",
            home="https://github.com/diepxuan/diepxuan.github.io",
            revision=_PHAP_DIEN_COMMIT,
            columns=("title", "body", "topic", "subtopic", "code"),
            homes=(f"https://codeload.github.com/diepxuan/diepxuan.github.io/tar.gz/{_PHAP_DIEN_COMMIT}",),
            members=re.compile(r"(?:^|/)van-ban/(?P<topic>[a-z][a-z-]*)/(?P<file>[^/]+)\.md$"),
            rows=_phap_dien_rows,
            least_rows=30_000,
            fingerprint="",
            per_class=25,
            weight=0.25,
            syllables=80,
            convert=_phap_dien,
        ),
    )
}
"""The corpora that shipped models may be trained on."""


@dataclass(frozen=True)
class Benchmark:
    """A labelled set that others publish figures on. Only those that stand in `SOURCES` too may train shipped models.

    `column` holds the labels; `labels` maps them to those of our head `head`, where they mean the same.
    """

    id: str
    name: str
    license: str
    home: str
    column: str
    head: str
    labels: Mapping[str, str]


_TONES: Final = {"negative": "negative", "neutral": "neutral", "positive": "positive"}
BENCHMARKS: Final = {
    benchmark.id: benchmark
    for benchmark in (
        Benchmark(
            id="vsfc-sentiment",
            name="UIT-VSFC: Vietnamese Students' Feedback Corpus, sentiment (KSE 2018)",
            license="for research, terms unclear",
            home="https://nlp.uit.edu.vn/datasets",
            column="label",
            head="sentiment",
            labels=_TONES,
        ),
        Benchmark(
            id="vsfc-topic",
            name="UIT-VSFC: Vietnamese Students' Feedback Corpus, topic (KSE 2018)",
            license="for research, terms unclear",
            home="https://nlp.uit.edu.vn/datasets",
            column="topic",
            head="",
            labels={},
        ),
        Benchmark(
            id="vlsp2016",
            name="VLSP 2016: sentiment of product reviews",
            license="CC BY-NC-SA",
            home="https://vlsp.org.vn/vlsp2016/eval/sa",
            column="label",
            head="sentiment",
            labels=_TONES,
        ),
        Benchmark(
            id="vntc",
            name="VNTC: ten newspaper sections (RIVF 2007)",
            license="MIT",
            home="https://github.com/duyvuleo/VNTC",
            column="label",
            head="",
            labels={},
        ),
    )
}
"""Sets to compare with published figures; what their labels mean is not what ours mean, but for tones."""


def read(
    source_id: str, path: str | Path, *, seed: int = 765, labelled: bool = True, data: str | Path | None = None
) -> "Dataset":
    """A local copy of a corpus as samples with our labels.

    Texts that were read and labelled one by one (`<source>_annotations/` in the data folder) come with those labels; of
    the others, `per_class` of each class, drawn with `seed`, with what their class tells. With `labelled` false all
    are taken for others. `path` is a table with the columns that the source names. Raises `CorpusError` for an unknown
    source or a table that lacks a column.
    """
    if source_id not in SOURCES:
        raise CorpusError(f"unknown source {source_id!r}; expected one of {', '.join(SOURCES)}")
    source = SOURCES[source_id]
    labels_of = annotations(source_id, data) if labelled else {}
    read_one_by_one: list[dict[str, Any]] = []
    by_class: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in _rows(source.id, source.columns, path):
        own = labels_of.get(str(row.get("id")))
        converted = source.convert(row)
        if own is not None:
            labels = {name: own[name] for name in ("topics", "programme", "sentiment")}
            text = _beginning(row["text"], min(own["words_read"], source.syllables))
            read_one_by_one.append({"id": f"{source.id}:{row['id']}", "text": text} | labels)
        elif converted is not None:
            by_class[converted[0]].append(converted[1])
    rng = random.Random(seed)
    samples = []
    for name in sorted(by_class):
        chosen = by_class[name]
        samples += rng.sample(chosen, min(source.per_class, len(chosen)))
    for sample in samples:
        sample |= {"text": _beginning(sample["text"], source.syllables), "weight": source.weight}
    for sample in read_one_by_one + samples:
        sample |= {"source": source.id, "license": source.license, "split": "train"}
    return to_dataset(read_one_by_one + samples)


def news_2026(path: str | Path, *, half: str = "report", data: str | Path | None = None) -> "Dataset":
    """The labelled news items of 2025-26: for measuring only, never to be trained on.

    `path` is a table with the columns url, title, body; `half` is `tune` (may choose settings, thresholds, calibration)
    or `report`. Raises `CorpusError` when no labelled item is found.
    """
    labelled = annotations("news_2026", data)
    samples = []
    for row in _rows("news_2026", ("url", "title", "body"), path):
        own = labelled.get(str(row["url"]))
        if own is not None and own["half"] == half:
            labels = {head: own[head] for head in ("topics", "programme", "sentiment")}
            title, text = row["title"] or "", row["body"] or ""
            samples.append({"id": own["id"], "title": title, "text": text, "split": "test"} | labels)
    if not samples:
        raise CorpusError(
            f"{path}: none of the {len(labelled)} labelled news items is in this table (by its column url)"
        )
    return to_dataset(samples)


def annotations(source_id: str, data: str | Path | None = None) -> dict[str, dict[str, Any]]:
    """Labels that texts of a source were given one by one, by the id of the text; none if there is no such file.

    Each has topics, programme, sentiment, and `words_read`: how many words from the beginning the labels speak of.
    """
    path = places.find("data", data) / f"{source_id}_annotations" / "annotations.jsonl"
    if not path.is_file():
        return {}
    with open_table(path) as table:
        rows = [row for row in table if isinstance(row, Record)]
    return {row.values["id"]: row.values for row in rows}


def _rows(source_id: str, columns: Sequence[str], path: str | Path) -> Iterator[Mapping[str, Any]]:
    with open_table(path) as table:
        missing = [name for name in columns if name not in table.columns]
        if missing:
            raise CorpusError(f"{path}: not a table of {source_id}, it lacks the columns {', '.join(missing)}")
        for row in table:
            if isinstance(row, Record):
                yield row.values


def _beginning(text: str, syllables: int) -> str:
    # Far more pieces than syllables would need megabytes for long articles; the split stops early.
    pieces = text.split(maxsplit=syllables)
    return " ".join(pieces[:syllables])
