"""Samples, annotations and datasheets agree with each other and with the taxonomy."""

import hashlib
import json
import re
from pathlib import Path

import pytest

from ctnlp import agreement, checks, corpus, stats
from ctnlp.taxonomy import default

DATA = Path(__file__).parents[1] / "data"
ANNOTATIONS = sorted(DATA.glob("*_annotations/annotations.jsonl"))


def lines(path):
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_the_samples_pass_their_check():
    assert checks.check() == []


def test_there_are_enough_samples_of_every_label():
    counts = stats.counts(corpus.load())
    assert all(counts["topics"][label] >= 180 for label in default().head("topic").label_ids)
    assert all(counts["programme"][label] >= 90 for label in default().head("programme").label_ids)
    assert all(counts["sentiment"][label] >= 1000 for label in default().head("sentiment").label_ids)
    assert counts["topics"]["-"] >= 400


def test_the_datasheet_has_the_counts_and_hashes_of_the_files():
    sheet = (DATA / "policy_news" / "DATASHEET.md").read_text(encoding="utf-8")
    rows = dict(re.findall(r"\| `(\w+\.jsonl)` \| [\d,]+ \| `(\w{64})` \|", sheet))
    files = sorted((DATA / "policy_news").glob("*.jsonl"))
    assert rows == {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}
    samples = [sample for path in files for sample in lines(path)]
    assert f"**Counts.** {len(samples):,} texts; {sum(not s['topics'] for s in samples):,} have no topic" in sheet
    for label in default().head("topic").label_ids:
        assert f"{label} {sum(label in sample['topics'] for sample in samples):,}" in sheet


@pytest.mark.parametrize("path", ANNOTATIONS, ids=lambda path: path.parent.name)
def test_annotations_use_known_labels_once_an_id_and_hold_no_text(path):
    rows = lines(path)
    assert len({row["id"] for row in rows}) == len(rows)
    for row in rows:
        assert set(row["topics"]) <= set(default().head("topic").label_ids)
        assert set(row["programme"]) <= set(default().head("programme").label_ids)
        assert row["sentiment"] in default().head("sentiment").label_ids
        assert max(len(str(value)) for value in row.values()) < 250


@pytest.mark.parametrize("part", ["policy_news", "vntc", "news_2026"])
def test_the_datasheets_tell_the_agreement_as_it_is(part):
    folder = DATA / (part if part == "policy_news" else f"{part}_annotations")
    sheet = " ".join((folder / "DATASHEET.md").read_text(encoding="utf-8").split())
    rows = agreement.labellings(part)
    found = {(one.head, one.label): one.kappa for one in agreement.kappas(rows)}
    lowest = min(default().head("topic").label_ids, key=lambda label: found["topic", label])
    tone, topics, least, name = re.search(
        r"tone (0\.\d\d), topics (0\.\d\d) on average \(lowest (0\.\d\d), (\w+)\)", sheet
    ).groups()
    assert name == lowest
    told = {tone: found["sentiment", ""], topics: found["topic", ""], least: found["topic", lowest]}
    for figure, kappa in told.items():
        assert float(figure) == pytest.approx(kappa, abs=0.0051)
    if part != "policy_news":
        assert f"{sum('decided' in row for row in rows):,} " in sheet
        assert f"{len(lines(folder / 'annotations.jsonl')):,} lines" in sheet


def test_no_text_is_in_two_splits_by_its_own_words():
    samples = corpus.load()
    by_text = {}
    for sample in samples:
        by_text.setdefault(corpus.full_text(sample), set()).add(sample["split"])
    assert all(len(splits) == 1 for splits in by_text.values())


def test_the_halves_of_the_real_news_follow_from_their_urls():
    for row in lines(DATA / "news_2026_annotations" / "annotations.jsonl"):
        odd = int(hashlib.sha256(row["id"].encode()).hexdigest(), 16) % 2
        assert row["half"] == ("tune" if odd else "report")


def test_the_readme_counts_the_lines_of_every_folder():
    text = (DATA / "README.md").read_text(encoding="utf-8")
    counted = {path.parent.name: len(lines(path)) for path in ANNOTATIONS}
    counted["policy_news"] = sum(len(lines(path)) for path in (DATA / "policy_news").glob("*.jsonl"))
    for folder, count in counted.items():
        row = next(line for line in text.splitlines() if line.startswith(f"| `{folder}/`"))
        assert f"{count:,}" in row


CORPORA = Path(__file__).parents[2] / "shared" / "corpora"


@pytest.mark.corpora
@pytest.mark.skipif(not CORPORA.is_dir(), reason="needs ../shared/corpora")
def test_no_text_of_the_corpora_stands_in_the_repository():
    texts = [{"id": row["id"], "title": row["title"], "text": row["text"]} for row in corpus.load()]
    pairs = (DATA / "behaviour" / "pairs.jsonl").read_text(encoding="utf-8").splitlines()
    texts += [{"id": f"pair {number}", "title": "", "text": line} for number, line in enumerate(pairs, start=1)]
    texts += [{"id": "demo", "title": "", "text": (DATA / "demo" / "articles.csv").read_text(encoding="utf-8")}]
    # Statutes have no copyright and may be quoted: a crime has the long name that the law gives it.
    tables = sorted(path for path in CORPORA.glob("*.parquet") if path.stem != "phap_dien")
    assert len(tables) >= 5
    assert checks.taken_from(texts, tables) == []
