import unicodedata
from collections import Counter
from dataclasses import asdict, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.feature_extraction.text import TfidfVectorizer

from ctnlp.counts import count, fit_on, rows_of
from ctnlp.errors import CorpusError
from ctnlp.features import BLOCKS, TONE_BLOCKS, Analyzer, Block, Document, block_from, documents, union

UNITS = [Analyzer("word", 1, 2, "all"), Analyzer("syllable", 1, 3, "all"), Analyzer("char", 3, 5, "all")]
ANALYZERS = [*UNITS, Analyzer("word", 1, 2, "title")]
WORDS = st.lists(st.sampled_from(["Giáo dục", "đại học", "12/2026/NĐ-CP", "a", "Ế", ",", "ho_ten"]), max_size=6)


def by_name(block):
    return block.name


def by_unit(analyzer):
    return f"{analyzer.unit}-{analyzer.part}"


@pytest.mark.parametrize("rows", [slice(None), slice(0, 90), slice(1, None, 3)], ids=["all", "first", "every-third"])
@pytest.mark.parametrize("block", BLOCKS, ids=by_name)
def test_fitting_on_rows_gives_what_fitting_from_scratch_would(block, rows, small_documents):
    block = replace(block, max_features=1_000_000)
    numbers = np.arange(len(small_documents))[rows]
    chosen = [small_documents[number] for number in numbers]
    features, matrix = fit_on(count([block], small_documents), numbers)
    analyzer = Analyzer(block.unit, block.low, block.high, block.part)
    scratch = TfidfVectorizer(analyzer=analyzer, min_df=block.min_df, sublinear_tf=True, dtype=np.float32)
    expected = scratch.fit_transform(chosen) * block.weight
    ((_, fitted),) = features.transformer_list
    assert fitted.get_feature_names_out().tolist() == scratch.get_feature_names_out().tolist()
    np.testing.assert_allclose(fitted.idf_, scratch.idf_, rtol=1e-6)
    np.testing.assert_allclose(matrix.toarray(), expected.toarray(), rtol=1e-5)
    np.testing.assert_allclose(features.transform(chosen).toarray(), expected.toarray(), rtol=1e-5)


def test_two_processes_count_what_one_counts(small_documents):
    one, two = (count(TONE_BLOCKS, small_documents, n_jobs=jobs) for jobs in (1, 2))
    assert one.blocks == two.blocks
    for names, again, matrix, other in zip(one.names, two.names, one.matrices, two.matrices, strict=True):
        assert names.tolist() == again.tolist()
        assert (matrix != other).nnz == 0


def test_rows_held_out_are_taken_from_the_counts(small_documents):
    blocks = [replace(block, max_features=300) for block in BLOCKS]
    counts = count(blocks, small_documents)
    held_out = np.arange(0, len(small_documents), 5)
    features, _ = fit_on(counts, np.setdiff1d(np.arange(len(small_documents)), held_out))
    found = rows_of(counts, features, held_out)
    expected = features.transform([small_documents[number] for number in held_out])
    np.testing.assert_allclose(found.toarray(), expected.toarray(), rtol=1e-6)


def test_the_most_frequent_columns_stay_in_alphabetical_order(small_documents):
    block = Block("word", "word", 1, 2, max_features=50)
    features, matrix = fit_on(count([block], small_documents), np.arange(len(small_documents)))
    names = features.transformer_list[0][1].get_feature_names_out().tolist()
    counts = Counter(gram for document in small_documents for gram in Analyzer("word", 1, 2, "all")(document))
    least = min(counts[name] for name in names)
    assert matrix.shape == (len(small_documents), 50)
    assert names == sorted(names)
    assert all(counts[gram] <= least for gram in counts.keys() - {*names})


def test_blocks_stand_side_by_side_each_with_its_weight():
    blocks = (Block("word", "word", 1, 1, weight=0.5), Block("title", "word", 1, 1, part="title", weight=3.0))
    features = union(blocks, [["giá", "điện"], ["điện"]], [[1.0, 1.0], [1.0]])
    rows = features.transform([Document(("Điện",), ("Giá",)), Document((), ("Giá",)), Document((), ())]).toarray()
    half = 0.5 / np.sqrt(2)
    np.testing.assert_allclose(rows, [[half, half, 3], [0.5, 0, 0], [0, 0, 0]], rtol=1e-6)


def test_a_block_without_frequent_n_grams_is_left_out():
    texts = [Document((), ("Giá", "điện")), Document((), ("Giá", "vàng"))]
    word, syllable = Block("word", "word", 1, 1), Block("syllable", "syllable", 1, 1, min_df=3)
    counts = count([word, syllable, Block("title", "word", 1, 1, part="title")], texts)
    assert counts.blocks == (word,)
    features, matrix = fit_on(counts, np.arange(2))
    assert features.transformer_list[0][1].get_feature_names_out().tolist() == ["giá"]
    assert matrix.toarray().tolist() == [[1.0], [1.0]]
    with pytest.raises(CorpusError, match="no word occurs in enough of the 1 texts"):
        fit_on(counts, np.array([0]))


@pytest.mark.parametrize("analyzer", UNITS, ids=by_unit)
@settings(max_examples=60, deadline=None)
@given(title=WORDS, body=WORDS)
def test_no_n_gram_spans_title_and_body(analyzer, title, body):
    together = analyzer(Document(tuple(title), tuple(body)))
    apart = analyzer(Document(tuple(title), ())) + analyzer(Document((), tuple(body)))
    assert Counter(together) == Counter(apart)


def test_the_title_block_reads_only_the_title():
    assert Analyzer("word", 1, 2, "title")(Document(("Giá", "điện"), ("tăng",))) == ["giá", "điện", "giá điện"]


@pytest.mark.parametrize("analyzer", ANALYZERS, ids=by_unit)
@pytest.mark.parametrize(
    ("one", "other"),
    [
        (("12/2026/NĐ-CP", "4,8", "%"), ("45/2025/NĐ-CP", "9,1", "%")),
        (("Bộ", "Giáo dục", "ĐIỆN"), ("bộ", "giáo dục", "điện")),
    ],
    ids=["digits", "case"],
)
def test_numbers_and_case_are_folded(analyzer, one, other):
    grams = analyzer(Document(one, one))
    assert grams == analyzer(Document(other, other))
    assert grams


def test_how_many_digits_a_number_has_is_kept():
    word = Analyzer("word", 1, 1, "all")
    assert word(Document((), ("187", "12"))) == ["000", "00"]


def test_only_characters_are_blind_to_diacritics():
    marked, plain = Document(("Đường sắt",), ("đô thị", "ưỡn")), Document(("Duong sat",), ("do thi", "uon"))
    blind = {analyzer.unit: analyzer(marked) == analyzer(plain) for analyzer in UNITS}
    assert blind == {"word": False, "syllable": False, "char": True}


def test_characters_stay_within_a_syllable():
    assert Analyzer("char", 3, 5, "all")(Document((), ("y tế",))) == [" y ", " te", "te ", " te "]


def test_syllables_run_across_words_and_words_do_not_break():
    document = Document((), ("Giáo dục", "đại học"))
    assert Analyzer("word", 1, 2, "all")(document) == ["giáo_dục", "đại_học", "giáo_dục đại_học"]
    assert Analyzer("syllable", 2, 3, "all")(document) == [
        "giáo dục",
        "dục đại",
        "đại học",
        "giáo dục đại",
        "dục đại học",
    ]


def test_documents_are_normalised_and_keep_their_order():
    text = "Hòa Bình xây đường sắt"
    made = documents([unicodedata.normalize("NFD", text), "", text], [None, "Y tế", " "])
    assert made[0] == made[2] == documents([text])[0]
    assert made[0].title == ()
    assert made[1] == Document(("Y tế",), ())


@pytest.mark.parametrize("block", BLOCKS, ids=by_name)
def test_a_block_survives_json(block):
    assert block_from(asdict(block)) == block


@pytest.mark.parametrize(
    "change",
    [
        {"unit": "byte"},
        {"part": "body"},
        {"low": 0},
        {"low": 3},
        {"high": "2"},
        {"high": 10**9},
        {"high": True, "low": True},
        {"max_features": 1.5},
        {"weight": "1"},
        {"weight": float("nan")},
    ],
    ids=str,
)
def test_what_is_no_block_is_refused(change):
    with pytest.raises(ValueError, match="block 'word' of "):
        block_from(asdict(Block("word", "word", 1, 2)) | change)
