"""Our tables give the words of the installed underthesea, token for token."""

import inspect
import os
import pickle
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from underthesea import word_tokenize
from underthesea.pipeline.word_tokenize.regex_tokenize import extract_match, patterns

from ctnlp import _crf, _underthesea, _words
from ctnlp._tokens import normalised, tokens
from ctnlp._words import Cutter
from ctnlp.normalise import normalise

CORPORA = Path(__file__).parents[2] / "shared" / "corpora"
LETTERS = "aăâđeêioôơuưyAĂÂĐEÊIOÔƠUƯYáàảãạấầẩẫậéèẻẽẹốồổỗộúùủũụỨỪỬỮỰkhngtrThS"
ODD = (
    "\u0300\u0301\u0323\u200b\ufeff\x00\x0b\x1c\x85\u2028\u00a0ðÐßıİΣς😀👍🏽²½…–—“”‘’'"
    '"&@#%/\\_-+=<>()[]{}.,:;!?0123456789٣ \t\n'
)
HOSTILE = [
    "http://",
    "https:",
    "ftp:/",
    "a.vn",
    "com",
    "/",
    "(",
    ")",
    "((",
    "))",
    ".",
    "-",
    "@",
    "a",
    "B",
    "1",
    "...",
    "!",
    ":",
]
SYLLABLES = (
    "Bộ Giáo dục và Đào tạo công bố phương án tuyển sinh Thủ tướng chính phủ "
    "Th S Th.S BOS EOS TP. HCM v.v. H'Mông 12/2026/NĐ-CP"
)


@pytest.fixture(scope="module")
def cutter():
    assert _underthesea.known(), "the underthesea that is tested with is the one that the tables were made after"
    return Cutter()


def by_underthesea(text):
    return word_tokenize(text) if text.strip() else []


@settings(max_examples=1500, deadline=None)
@given(st.text(alphabet=st.sampled_from(LETTERS + ODD), max_size=40))
def test_any_characters(cutter, text):
    assert cutter.words([text]) == [by_underthesea(text)]


@settings(max_examples=1000, deadline=None)
@given(
    st.lists(
        st.sampled_from([*SYLLABLES.split(), *SYLLABLES.upper().split(), *SYLLABLES.lower().split()]), max_size=12
    ),
    st.sampled_from([" ", "  ", "\n", "\t", " \n", "\u00a0"]),
    st.sampled_from(["", ".", " ", "\n", " \n", ".\n", ".\n\n"]),
)
def test_syllables_in_any_order(cutter, syllables, gap, end):
    text = gap.join(syllables) + end
    assert cutter.words([text]) == [by_underthesea(text)]


@settings(max_examples=500, deadline=None)
@given(st.lists(st.text(max_size=15), max_size=6))
@example(["<U\x1b\x08{{Î%", "Giá điện"])
def test_texts_of_a_batch_do_not_touch_each_other(cutter, texts):
    assert cutter.words(texts) == [by_underthesea(text) for text in texts]


@settings(max_examples=1500, deadline=None)
@given(st.lists(st.sampled_from(HOSTILE), max_size=9).map("".join))
def test_addresses_are_cut_as_by_the_regular_expression(text):
    assert tokens(text) == [extract_match(match)[0] for match in patterns.finditer(text)]


@pytest.mark.parametrize(
    "text",
    [
        *("Th sáng", "ở Th Sau", "Th\u00a0s", "Th\ns", "Th.S", "Th", "Th ", "xTh s", "Th s Th S", "học ThS. An"),
        *("TP.", "TP. ", "TP.\n", "TP.\n\n", "A.", "A. B.", ":D", ":DD x", "x:D", "5-10", "e-mail", "v.v..."),
        *(
            "BOS",
            "EOS BOS",
            "bos eos",
            "\u0301",
            "a \u0301b",
            "+5 -5 99999999999 2147483648",
            "ð Ðà",
            "nghành Y tế baì",
        ),
        *(
            "x" * 3000,
            "9" * 5000 + " a",
            "0" * 5000 + "7 a",
            "2147483647 2147483648 0002147483647",
            "a." * 300,
            "http://" + "." * 12,
            "http://x" + "(" * 20 + ")" * 20,
            "a@b.c.d-e.f@g",
            "Đaị học",
            "• " * 9 + "giá tăng mạnh. " * 1300,
        ),
    ],
)
def test_traps(cutter, text):
    assert cutter.words([text, text]) == [by_underthesea(text)] * 2


@pytest.mark.parametrize(
    ("name", "column", "rows"),
    [
        ("vntc_train", "text", 600),
        ("news_2025_26_unlabelled", "body", 6000),
        ("news_2025_26_unlabelled", "title", 4000),
        ("victsd_comments_train", "text", 1500),
        ("phap_dien", "body", 700),
    ],
)
def test_real_texts(cutter, name, column, rows):
    parquet = pytest.importorskip("pyarrow.parquet")
    file = CORPORA / f"{name}.parquet"
    if not file.is_file():
        pytest.skip("the corpora are not on this machine")
    texts = [text or "" for text in parquet.read_table(file, columns=[column])[column].to_pylist()]
    texts = texts[:: max(len(texts) // rows, 1)][:rows]
    ours = [words for start in range(0, len(texts), 200) for words in cutter.words(texts[start : start + 200])]
    different = [number for number, text in enumerate(texts) if ours[number] != by_underthesea(text)]
    assert not different


def test_what_is_remembered_is_bounded(monkeypatch):
    monkeypatch.setattr(_words, "PIECES", 20)
    cutter = Cutter()
    for start in range(0, 300, 10):
        texts = [f"từ{number} Việt Nam" for number in range(start, start + 10)]
        assert cutter.words(texts) == [by_underthesea(text) for text in texts]
        assert len(cutter._pieces) <= 40
    monkeypatch.setattr(_words, "CHARACTERS", 5)
    assert cutter.words(["Giá điện tăng"]) == cutter.words(["Giá điện tăng"]) == [["Giá", "điện", "tăng"]]
    assert len(cutter._pieces) == 3


def test_half_surrogate_pairs_are_cut_too(cutter):
    assert " ".join(cutter.words(["\ud800 " * 20])[0]).split() == ["\ud800"] * 20


def test_what_was_broken_off_is_forgotten(monkeypatch):
    """Ctrl-C may come at any moment: half a table must not give wrong words ever after."""
    cutter = Cutter()
    texts = ["Bộ Giáo dục và Đào tạo", "Sở Y tế Hà Nội"]
    with monkeypatch.context() as broken:
        broken.setattr(_words, "_is_title", lambda token: 1 // 0)
        with pytest.raises(ZeroDivisionError):
            cutter.words(texts)
    assert cutter.words(texts) == [by_underthesea(text) for text in texts]


def test_forgetting_may_be_broken_off_at_any_line(monkeypatch):
    monkeypatch.setattr(_words, "PIECES", 3)
    lines, first = inspect.getsourcelines(Cutter._forget)
    for stop in range(first, first + len(lines)):

        def interrupt(frame, event, argument, stop=stop):
            if frame.f_code is Cutter._forget.__code__ and event == "line" and frame.f_lineno == stop:
                raise KeyboardInterrupt
            return interrupt

        cutter = Cutter()
        cutter.words(["Bộ Giáo dục và Đào tạo"])
        before = sys.gettrace()
        sys.settrace(interrupt)
        with suppress(KeyboardInterrupt):
            cutter.words(["Sở Y tế Hà Nội họp"])
        sys.settrace(before)
        for text in ("Sở Y tế Hà Nội họp", "Bộ Giáo dục và Đào tạo"):
            assert cutter.words([text]) == [by_underthesea(text)]


def test_threads_share_a_cutter(monkeypatch):
    monkeypatch.setattr(_words, "PIECES", 30)
    cutter = Cutter()
    texts = [f"{title} {number} ở Việt Nam" for number in range(60) for title in ("Sở Y tế", "Bộ Giáo dục")]
    with ThreadPoolExecutor(8) as threads:
        found = list(threads.map(lambda text: cutter.words([text])[0], texts))
    assert found == [by_underthesea(text) for text in texts]


HOSTILE_RUNS = {
    "dots": lambda n: "a." * n,
    "protocol": lambda n: "http://" + "." * n,
    "protocols": lambda n: "http:" * n,
    "brackets": lambda n: "http://x" + "(" * n + ")" * n,
    "open brackets": lambda n: "http://x.(" * n,
    "nested brackets": lambda n: "http://x" + "((a)" * n,
    "closed brackets": lambda n: "http://x" + "(.)." * n + "(",
    "at": lambda n: "a@" * n,
    "signs": lambda n: "a+-" * n + ".",
    "figures": lambda n: "1a." * n,
}


@pytest.mark.parametrize("run", HOSTILE_RUNS.values(), ids=HOSTILE_RUNS)
def test_hostile_runs_take_linear_time(run):
    """Sixteen times the length in far less than the 256 times of quadratic time, whatever the machine is doing."""

    def seconds(size):
        text = run(size)
        best = float("inf")
        for _ in range(3):
            start = time.process_time()
            tokens(text)
            best = min(best, time.process_time() - start)
        return best

    assert seconds(16_000) < 100 * max(seconds(1_000), 1e-4)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.lists(st.floats(-3, 3), min_size=1, max_size=60), min_size=1, max_size=4), st.booleans())
def test_decoding_is_viterbi(texts, turned):
    transitions = np.array([[-0.4, 0.4], [0.4, -0.6]]) * (-1 if turned else 1)
    expected = []
    for scores in texts:
        lead, leads = 0.0, []
        for place, score in enumerate(scores):
            if place:
                score += max(transitions[0, 1], lead + transitions[1, 1]) - max(
                    transitions[0, 0], lead + transitions[1, 0]
                )
            lead = score
            leads.append(lead)
        labels = [leads[-1] > 0]
        for lead in leads[-2::-1]:
            after = int(labels[-1])
            labels.append(lead > transitions[0, after] - transitions[1, after])
        expected += labels[::-1]
    first = np.concatenate([[True] + [False] * (len(scores) - 1) for scores in texts])
    found, tied = _crf.decode(transitions, np.concatenate([np.array(scores) for scores in texts]), first)
    assume(not tied.any())
    assert found.tolist() == expected


def test_a_long_run_of_doubt_is_decoded_in_linear_time():
    transitions = np.array([[-0.436, 0.400], [0.401, -0.606]])
    score = np.zeros(200_000)
    first = np.zeros(len(score), dtype=bool)
    first[0] = True
    score[0] = 0.7
    start = time.process_time()
    _crf.decode(transitions, score, first)
    assert time.process_time() - start < 30


def test_tables_are_kept_and_read_again(tmp_path, monkeypatch):
    monkeypatch.setenv("CTNLP_CACHE", str(tmp_path))
    first = Cutter().words(["Bộ Giáo dục và Đào tạo"])
    (kept,) = (tmp_path / "tables").iterdir()
    monkeypatch.setattr(_underthesea, "_compiled", lambda: pytest.fail("compiled again"))
    assert Cutter().words(["Bộ Giáo dục và Đào tạo"]) == first
    monkeypatch.undo()
    monkeypatch.setenv("CTNLP_CACHE", str(tmp_path))
    for broken in (b"", b"PK\x03\x04", kept.read_bytes()[:5000], kept.read_bytes()[:-9] + b"manipulated"):
        kept.write_bytes(broken)
        assert Cutter().words(["Bộ Giáo dục và Đào tạo"]) == first
        assert len(kept.read_bytes()) > 1_000_000, "a broken file is made anew"


def test_without_a_cache_folder_tables_are_compiled_each_time(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("CTNLP_CACHE", str(tmp_path / "file"))
    assert Cutter().words(["Giá điện"]) == [["Giá", "điện"]]


def test_another_underthesea_is_not_known(monkeypatch):
    assert _underthesea.known()
    monkeypatch.setattr(_underthesea, "CORE", frozenset({"0.1"}))
    assert not _underthesea.known()
    monkeypatch.undo()
    monkeypatch.setattr(_underthesea, "FILES", (*_underthesea.FILES, "no/such.bin"))
    assert not _underthesea.known()


def test_a_file_that_names_a_class_is_not_read(tmp_path, monkeypatch):
    (tmp_path / "evil.bin").write_bytes(pickle.dumps(os.getcwd))
    monkeypatch.setattr(_underthesea, "_installed", lambda name: tmp_path / name)
    with pytest.raises(pickle.UnpicklingError, match="getcwd"):
        _underthesea._plain("evil.bin")


def test_what_is_no_model_is_refused():
    with pytest.raises(ValueError, match="CRFsuite"):
        _underthesea.parse(b"lCRF" + bytes(100))


def test_normalised_text_is_that_of_underthesea():
    from underthesea.pipeline.text_normalize.character_normalize import normalize_characters_in_text

    for text in ("Ðà Nẵng ðẹp", "Hoa\u0300 bi\u0300nh", "abc", "", os.linesep):
        assert normalised(text) == normalize_characters_in_text(text)


@pytest.fixture(scope="module")
def normalising():
    return Cutter(normalising=True)


@settings(max_examples=1500, deadline=None)
@given(st.text(alphabet=st.sampled_from(LETTERS + ODD + "ＴｈＳ．ﬁoòaàuỷHÀ\x1f\u115f\u3164"), max_size=30))
@example("Th\u200b s")
@example("Th  Sáng")
@example("Ở TP．")
@example("Ở TP.\u200b")
@example("a\x1fb")
@example("Xem TP.\u3164")
@example("TP.\uffa0")
@example("Ở \u200b\u0301 A.\n\n")
def test_pieces_are_normalised_as_whole_texts_are(cutter, normalising, text):
    assert normalising.words([text]) == cutter.words([normalise(text)])


@settings(max_examples=500, deadline=None)
@given(
    st.lists(
        st.sampled_from(
            ["TTOSáng", "(TTXVN)", "–", "NHẬT", "BẢNCác", "tàu", "Th", "S", "hoà", "thuỷ", "\u200b", "Ａ．"]
        ),
        max_size=7,
    ),
    st.sampled_from([" ", "  ", "\n", "\u200b", "\u00a0"]),
)
def test_beginnings_are_normalised_as_whole_texts_are(cutter, normalising, pieces, gap):
    text = gap.join(pieces)
    assert normalising.words([text]) == cutter.words([normalise(text)])
