import logging
import pickle
import subprocess
import sys

import pytest
from underthesea import word_tokenize

from ctnlp import _underthesea
from ctnlp import segment as module
from ctnlp.segment import Segmenter, default_segmenter, segment, segment_many

SENTENCES = [
    "Bộ Giáo dục và Đào tạo công bố phương án tuyển sinh đại học năm 2026",
    "Giá xăng RON 95-III giảm 350 đồng/lít từ 15h ngày 12/9.",
    "Thủ tướng Phạm Minh Chính chủ trì phiên họp Chính phủ thường kỳ",
    'Ông Nam nói: "Chúng tôi sẽ khởi công trong quý III", theo VnExpress.',
    "TP.HCM kiến nghị mở rộng cao tốc TP.HCM - Long Thành - Dầu Giây",
    "CPI tăng 3,27% so với cùng kỳ; lạm phát cơ bản tăng 2,9%...",
    "Đội tuyển U23 Việt Nam thắng 2-1 trên sân Mỹ Đình!",
    "Xem thêm tại https://chinhphu.vn/tin?id=1 hoặc gửi về info@bao.vn",
    "Vì sao 5G chậm phủ sóng ở vùng sâu, vùng xa?",
    "bo giao duc va dao tao cong bo",
    "Dòng một\nDòng hai\n\nDòng ba",
    "Ca sĩ nhận huy chương vàng 😀 👍🏽",
    "Nghị định 15/2020/NĐ-CP xử phạt hành vi đưa tin sai sự thật",
]


class PanicException(BaseException):
    """What PyO3 raises, by its name."""


@pytest.fixture
def panicking():
    """A segmenter that cuts at spaces and panics on any text with the marker."""

    def tokenize(text: str) -> list[str]:
        if "☠" in text:
            raise PanicException
        return [f"<{word}>" for word in text.split()]

    segmenter = Segmenter()
    segmenter._cutter = segmenter._normalising_cutter = None
    segmenter._tokenize = tokenize
    return segmenter


@pytest.mark.parametrize("text", SENTENCES)
def test_the_words_are_those_of_underthesea(text):
    assert segment(text) == word_tokenize(text)


@pytest.mark.parametrize("text", ["", " ", "\n\t \u00a0\u3000"], ids=ascii)
def test_blank_text_has_no_words(text):
    assert segment(text) == []


def test_syllables_of_a_word_are_joined_by_a_space():
    assert segment(SENTENCES[0])[:3] == ["Bộ", "Giáo dục và Đào tạo", "công bố"]


@pytest.mark.parametrize("own", ["", "root.addHandler(logging.NullHandler())"], ids=["no-handler", "own-handler"])
def test_segmenting_leaves_the_root_logger_alone(own):
    code = (
        f"import logging; root = logging.getLogger(); {own}\n"
        "before = (root.handlers[:], root.level, root.disabled)\n"
        "from ctnlp.segment import segment; segment('Giá điện tăng')\n"
        "assert before == (root.handlers, root.level, root.disabled), (before, root.handlers, root.level)\n"
        "assert 'underthesea' not in __import__('sys').modules, 'its files are read, it is not imported'\n"
        "print('alone')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, encoding="utf-8")
    assert (done.stdout.strip(), done.stderr) == ("alone", "")


def test_only_handlers_that_the_import_added_are_taken_off(monkeypatch):
    root = logging.getLogger()
    before = root.handlers[:]
    mine = logging.NullHandler()
    root.addHandler(mine)
    try:
        assert module._import_word_tokenize()("Giá điện tăng") == ["Giá", "điện", "tăng"]
        assert root.handlers == [*before, mine]
    finally:
        root.removeHandler(mine)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("một hai. ba ☠ bốn! năm", ["<một>", "<hai.>", "ba", "☠", "bốn", "!", "<năm>"]),
        ("☠", ["☠"]),
        ("a ☠b, c\nmột hai", ["a", "☠", "b", ",", "c", "<một>", "<hai>"]),
        ("một? hai ☠", ["<một?>", "hai", "☠"]),
        ("một hai", ["<một>", "<hai>"]),
    ],
)
def test_a_panic_costs_the_words_of_its_sentence_only(panicking, text, words):
    assert panicking.words(text) == words


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, MemoryError, ValueError])
def test_other_exceptions_pass_through(panicking, error):
    def fail(text: str) -> list[str]:
        raise error

    panicking._tokenize = fail
    with pytest.raises(error):
        panicking.words("một hai")


@pytest.mark.parametrize("longest", [1, 2, 7, 20, 1000])
@pytest.mark.parametrize("gap", [" ", "\n", " \n ", "  "], ids=repr)
def test_long_text_is_cut_without_losing_a_token(panicking, monkeypatch, longest, gap):
    seen = []
    panicking._tokenize = lambda text: seen.append(text) or text.split()
    monkeypatch.setattr(module, "LONGEST_PIECE", longest)
    text = gap.join(["một", "hai", "ba", "bốnnămsáu"] * 5)
    words = panicking.words(text)
    assert "".join(words) == "".join(text.split())
    assert max(map(len, seen)) <= longest
    if longest > 10:
        assert words == text.split()


@pytest.fixture
def unknown(monkeypatch):
    """A segmenter that takes the installed underthesea for one that it doesn't know."""
    monkeypatch.setattr(_underthesea, "KNOWN", "0" * 64)
    return Segmenter()


@pytest.mark.parametrize("text", SENTENCES)
def test_an_unknown_underthesea_is_called(unknown, text):
    assert unknown._cutter is None
    assert unknown.words(text) == segment(text)
    assert unknown.words_of([text, ""]) == [segment(text), []]
    assert unknown.words_of([f"{text}\u200b", ""], normalising=True) == segment_many([text, ""], normalising=True)


def test_long_text_keeps_the_words_of_an_unknown_underthesea_but_at_the_cuts(unknown, monkeypatch):
    text = "\n".join(SENTENCES)
    monkeypatch.setattr(module, "LONGEST_PIECE", max(map(len, SENTENCES)) + 1)
    assert "".join(unknown.words(text)).replace(" ", "") == "".join(word_tokenize(text)).replace(" ", "")
    assert len(list(module._pieces(text, module.LONGEST_PIECE))) > 5


def test_the_identity_names_the_version_and_the_model():
    name, version, digest = default_segmenter().identity.split()
    assert name == "underthesea" and version[0].isdigit()
    assert len(digest) == 16 and int(digest, 16)
    assert Segmenter().identity == default_segmenter().identity


@pytest.mark.parametrize("batch", [1, 4, 256])
def test_many_texts_come_in_their_order(monkeypatch, batch):
    monkeypatch.setattr(module, "BATCH", batch)
    texts = [*SENTENCES, "", *reversed(SENTENCES)]
    assert segment_many(iter(texts)) == [segment(text) for text in texts]
    assert segment_many([]) == []


def test_two_processes_give_the_same_as_one(monkeypatch):
    monkeypatch.setattr(module, "BATCH", 3)
    assert segment_many(SENTENCES, n_jobs=2) == segment_many(SENTENCES)


def test_the_cache_answers_the_second_time(tmp_path, monkeypatch):
    first = segment_many(SENTENCES, cache_dir=tmp_path / "cache")
    assert first == segment_many(SENTENCES)
    assert list((tmp_path / "cache").rglob("output.pkl"))
    monkeypatch.setattr(Segmenter, "words_of", lambda self, texts, normalising: pytest.fail("segmented again"))
    assert segment_many(SENTENCES, cache_dir=str(tmp_path / "cache")) == first


def test_the_cache_knows_texts_and_segmenters_apart(tmp_path, monkeypatch):
    segment_many(["Giá điện"], cache_dir=tmp_path)
    assert segment_many(["Y tế"], cache_dir=tmp_path) == [["Y tế"]]
    other = Segmenter()
    other.identity = "other 1"
    other._cutter = other._normalising_cutter = None
    other._tokenize = str.split
    monkeypatch.setattr(module, "default_segmenter", lambda: other)
    assert segment_many(["Y tế"], cache_dir=tmp_path) == [["Y", "tế"]]
    assert len(list(tmp_path.rglob("output.pkl"))) == 3


def test_the_cache_knows_the_rules_of_normalising(tmp_path, monkeypatch):
    segment_many(["Hoà bình"], normalising=True, cache_dir=tmp_path)
    monkeypatch.setattr(module, "normalise_rules", "others")
    segment_many(["Hoà bình"], normalising=True, cache_dir=tmp_path)
    assert len(list(tmp_path.rglob("output.pkl"))) == 2


def test_a_segmenter_can_be_handed_to_another_process():
    known = Segmenter()
    assert known.words("Giá điện tăng") == ["Giá", "điện", "tăng"]
    copy = pickle.loads(pickle.dumps(known))
    assert copy.words("Giá điện tăng") == ["Giá", "điện", "tăng"]
