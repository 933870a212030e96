import json
from collections import Counter

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from samples import WORDS, sample

from ctnlp import corpus, places
from ctnlp.checks import check
from ctnlp.corpus import describe, from_table, load, split, texts_of, to_dataset
from ctnlp.errors import CorpusError
from ctnlp.taxonomy import default
from ctnlp.taxonomy import load as load_taxonomy

FIELDS = ["id", "title", "text", "topics", "programme", "sentiment", "unknown", "kind", "register"]
FIELDS += ["source", "license", "weight", "split"]


@pytest.fixture
def table(tmp_path):
    def put(text, name="mine.csv"):
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return path

    return put


def test_samples_come_in_the_order_of_files_and_lines(folder):
    root = folder(sample(2), sample(1), b=[sample(3)], a=[sample(4)])
    loaded = load(root)
    assert loaded.column_names == FIELDS
    assert loaded["id"] == ["y_te-0004", "y_te-0003", "y_te-0002", "y_te-0001"]
    assert loaded[2] == sample(2) | {"unknown": [], "weight": 1.0}


def test_no_label_and_an_unknown_label_are_two_things(folder):
    loaded = load(folder(sample(1, topics=[], sentiment=None), sample(2, topics=None, unknown=["y_te"])))
    assert loaded["topics"] == [[], None]
    assert loaded["sentiment"] == [None, "neutral"]
    assert loaded["unknown"] == [[], ["y_te"]]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('{"id": "a", "tex', "not JSON"),
        ("", "not JSON"),
        ("[1]", "expected an object, got list"),
        ('{"id": "a", "text": 5}', "text can't be 5"),
        ('{"id": "a", "title": null}', "title can't be None"),
        ('{"id": "a", "topics": "y_te"}', "topics can't be 'y_te'"),
        ('{"id": "a", "programme": [1]}', r"programme can't be \[1\]"),
        ('{"id": "a", "sentiment": ["neutral"]}', r"sentiment can't be \['neutral'\]"),
        ('{"id": "a", "weight": "1"}', "weight can't be '1'"),
    ],
    ids=["cut", "blank", "list", "text", "title", "topics", "programme", "sentiment", "weight"],
)
@pytest.mark.parametrize("read", [load, check], ids=["load", "check"])
def test_a_line_that_is_no_sample_is_named(folder, read, line, message):
    with pytest.raises(CorpusError, match=rf"y_te\.jsonl, line 2: {message}"):
        read(folder(sample(1), line, sample(2)))


def test_a_line_that_is_not_utf_8_is_named(folder):
    root = folder(sample(1))
    (root / "policy_news" / "z.jsonl").write_bytes(b'{"id": "\xff"}\n')
    with pytest.raises(CorpusError, match=r"z\.jsonl, line 1: not JSON"):
        load(root)


def test_a_folder_without_samples_is_named(tmp_path):
    with pytest.raises(CorpusError, match=r"policy_news: no \*\.jsonl files with samples; name the folder"):
        load(tmp_path)


def test_the_shipped_samples_use_every_label_in_both_splits():
    samples = load()
    for head, column in (("topic", "topics"), ("programme", "programme"), ("sentiment", "sentiment")):
        for part in ("train", "test"):
            values = [row for row, own in zip(samples[column], samples["split"], strict=True) if own == part]
            found = {label for value in values for label in ([value] if isinstance(value, str) else value)}
            assert found == set(default().head(head).label_ids)
    assert set(samples["kind"]) == set(corpus.KINDS)


def test_ones_own_table_becomes_samples(table):
    path = table(
        "\ufeffid;title;text;topics;programme;sentiment;split;weight;note\r\n"
        'x1;Tin;"Một\r\nhai";y_te | giao_duc;;negative;test;0.5;a\r\n'
        ";;Ba;;truyen_thong_cua_bo;;;;b\r\n"
    )
    samples = from_table(path)
    assert samples.column_names == FIELDS
    given = {"id": "x1", "title": "Tin", "text": "Một\r\nhai", "topics": ["y_te", "giao_duc"], "programme": []}
    given |= {"sentiment": "negative", "split": "test", "weight": 0.5, "source": str(path)}
    assert samples[0] == to_dataset([given])[0]
    given = {"id": "mine.csv:4", "text": "Ba", "topics": [], "programme": ["truyen_thong_cua_bo"], "sentiment": None}
    assert samples[1] == to_dataset([given | {"source": str(path)}])[0]


def test_a_head_without_a_column_is_unknown_and_columns_may_have_other_names(table):
    path = table("tiêu đề,nội dung,topic\nTin,Một,y_te\n")
    (row,) = from_table(path, text_column="nội dung", title_column="tiêu đề")
    assert (row["title"], row["text"]) == ("Tin", "Một")
    assert (row["topics"], row["programme"], row["sentiment"]) == (["y_te"], None, None)


@pytest.mark.parametrize("name", ["mine.jsonl", "mine.parquet"])
def test_lists_of_labels_are_taken_as_they_are(tmp_path, name):
    rows = [{"text": "Một", "topics": ["y_te", "giao_duc"]}, {"text": "Hai", "topics": None}]
    if name.endswith("parquet"):
        pq.write_table(pa.Table.from_pylist(rows), tmp_path / name)
    else:
        (tmp_path / name).write_text("\n".join(map(json.dumps, rows)))
    assert from_table(tmp_path / name)["topics"] == [["y_te", "giao_duc"], []]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "text,topics\na,y_te\nb,y_te|sport\n",
            "line 3: topics has the unknown label 'sport'; expected one of thong_tin",
        ),
        ("text,topic\na,Y_TE\n", "line 2: topics has the unknown label 'Y_TE'"),
        ("text,programme\na,y_te\n", "line 2: programme has the unknown label 'y_te'"),
        ("text,sentiment\na,bad\n", "line 2: sentiment has the unknown label 'bad'; expected one of negative, neutral"),
        ("text,sentiment\na,neutral\nb\n", "line 3: the row has 1 field, the header 2"),
        ("text,weight\na,heavy\n", "line 2: weight is 'heavy', expected a number above 0"),
        ("text,weight\na,-1\n", "line 2: weight is '-1'"),
        ("text,weight\na,nan\n", "line 2: weight is 'nan'"),
        ("body,topics\na,y_te\n", "no column 'text'; it has body, topics"),
        ("text,topics\n", "no rows"),
    ],
    ids=[
        "topic",
        "upper-case",
        "programme",
        "sentiment",
        "broken-row",
        "weight",
        "negative-weight",
        "no-weight",
        "no-text",
        "empty",
    ],
)
def test_a_row_that_does_not_fit_is_named(table, text, message):
    with pytest.raises(CorpusError, match=rf"mine\.csv(: |, ){message}"):
        from_table(table(text))


@pytest.mark.parametrize("value", ["5", '{"a": 1}', "[[1]]", "true"], ids=["number", "object", "nested", "flag"])
@pytest.mark.parametrize("column", ["topics", "sentiment"])
def test_a_label_that_is_no_text_is_unknown(table, column, value):
    with pytest.raises(CorpusError, match=f"line 1: {column} has the unknown label"):
        from_table(table(f'{{"text": "a", "{column}": {value}}}', "mine.jsonl"))


def test_a_title_column_that_is_not_there_is_told(table):
    with pytest.raises(CorpusError, match="no column 'headline'; it has text, title"):
        from_table(table("text,title\na,b\n"), title_column="headline")


def test_labels_are_those_of_the_taxonomy_that_is_given(table, tmp_path):
    (tmp_path / "own.toml").write_text(
        'name = "own"\nversion = "1"\n[[head]]\nid = "topic"\nvi = "a"\nen = "a"\nkind = "multilabel"\n[[head.label]]\n'
        'id = "sport"\nvi = "a"\nen = "a"\ndefinition = "a"\ndefinition_vi = "a"\nincludes = []\nexcludes = []\n'
        'origin = "a"\n'
    )
    own = load_taxonomy(tmp_path / "own.toml")
    assert from_table(table("text,topics\na,sport\n"), taxonomy=own)["topics"] == [["sport"]]
    with pytest.raises(CorpusError, match="unknown label 'y_te'; expected one of sport"):
        from_table(table("text,topics\na,y_te\n"), taxonomy=own)


@pytest.fixture(scope="module")
def many():
    """160 different samples of four kinds, and three near-copies of every tenth."""
    rng = np.random.default_rng(0)
    rows = []
    for number in range(160):
        words = rng.choice([f"w{k}" for k in range(500)], size=30).tolist()
        labels = {
            "topics": [["y_te"], ["giao_duc", "y_te"]][number % 2],
            "sentiment": ["neutral", "negative"][number // 2 % 2],
        }
        copies = [words, *([*words[:-2], f"x{k}", "y"] for k in range(3))] if number % 10 == 0 else [words]
        rows += [{"id": f"{number}-{k}", "text": " ".join(copy), **labels} for k, copy in enumerate(copies)]
    return to_dataset(rows)


def test_folds_keep_near_duplicates_together(many):
    folds = split(many)
    assert folds.shape == (len(many),)
    assert set(folds.tolist()) == {0, 1, 2, 3, 4}
    of_original = {}
    for id_, fold in zip(many["id"], folds.tolist(), strict=True):
        assert of_original.setdefault(id_.split("-")[0], fold) == fold


def test_folds_have_the_labels_in_like_shares(many):
    folds = split(many, folds=4)
    sizes = Counter(folds.tolist())
    assert max(sizes.values()) - min(sizes.values()) <= 12
    strata = Counter(zip(folds.tolist(), [topics[0] for topics in many["topics"]], many["sentiment"], strict=True))
    assert len(strata) == 16
    for fold in range(4):
        counts = [count for key, count in strata.items() if key[0] == fold]
        assert max(counts) <= 3 * min(counts)


def test_folds_are_the_same_for_the_same_seed(many):
    assert split(many, seed=1).tolist() == split(many, seed=1).tolist()
    assert split(many, seed=1).tolist() != split(many, seed=2).tolist()


def test_rare_labels_are_spread_as_far_as_they_go():
    topics = default().head("topic").label_ids
    rows = [
        {"id": label, "text": f"{label} {WORDS[k]} {WORDS[k + 20]}", "topics": [label]}
        for k, label in enumerate(topics)
    ]
    assert set(split(to_dataset(rows)).tolist()) == {0, 1, 2, 3, 4}


def test_too_few_different_samples_can_not_be_split():
    with pytest.raises(CorpusError, match="12 samples in 4 groups can't be split in 5 folds"):
        split(to_dataset([sample(1 + k % 4) for k in range(12)]))


def test_a_description_changes_with_every_sample_and_only_then():
    one, other = to_dataset([sample(1), sample(2)]), to_dataset([sample(1), sample(2, sentiment=None)])
    data = describe("mine", "1", "CC BY 4.0", one)
    assert (data.name, data.revision, data.rows, data.license) == ("mine", "1", 2, "CC BY 4.0")
    assert describe("mine", "1", "CC BY 4.0", to_dataset([sample(1), sample(2)])) == data
    assert describe("mine", "1", "CC BY 4.0", other).sha256 != data.sha256


def test_the_data_folder_may_be_named_in_the_environment(folder, monkeypatch):
    root = folder(sample(1))
    monkeypatch.setenv("CTNLP_DATA", str(root))
    assert places.find("data") == root
    assert load()["id"] == ["y_te-0001"]


def test_the_texts_of_a_table_are_its_cells_of_more_than_one_word(table):
    path = table("url,title,body,note\na,Giá điện tăng,Từ hôm nay,x\nb,Tin,,y\n")
    assert list(texts_of(path)) == ["Giá điện tăng\nTừ hôm nay"]
    with pytest.raises(CorpusError, match=r"empty\.csv: no text in it"):
        list(texts_of(table("id\n1\n", "empty.csv")))
