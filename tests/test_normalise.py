import unicodedata

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ctnlp.normalise import normalise, strip_diacritics

TONES = ["", "\u0300", "\u0301", "\u0303", "\u0309", "\u0323"]
LETTERS = [unicodedata.normalize("NFC", vowel + tone) for vowel in "aăâeêioôơuưyAĂÂEÊIOÔƠUƯY" for tone in TONES]
WILD = st.one_of(
    st.sampled_from([*LETTERS, *"bcdđghklmnpqrstvxBCDĐGHKLMNPQRSTVX"]),
    st.sampled_from("\u0300\u0301\u0303\u0309\u0323\u0302\u0306\u031b\u0308\u0340\u0341\u0344"),
    st.sampled_from("\u200b\u200d\u200e\u202e\u2060\ufeff\u00ad\u034f\ufe0f\U000e0041"),
    st.sampled_from("ＡａＯ（）－１～𝐀𝑎𝟎ﬁﬅÐðƉɖ"),
    st.sampled_from("\x00\x07\x0b\x1c\x1f\x7f\x85\x9f\r\n\t \u00a0\u2028\u3000"),
    st.sampled_from("\ud800\udbff\udc80\udfff"),
    st.sampled_from([*".,()-–—_19", "TTO", "NLĐO", "(TTO) ", "ĐÀ ", "oà"]),
    st.characters(),
)
TEXTS = st.lists(WILD, max_size=12).map("".join)


@settings(max_examples=300, deadline=None)
@given(TEXTS)
@example("hoa\u200b\u0300")
@example("hoà\u0308")
@example("（\u200bTTO）–hoà")
def test_normalising_twice_changes_nothing_more(text):
    once = normalise(text)
    assert normalise(once) == once


@settings(max_examples=300, deadline=None)
@given(TEXTS)
def test_composed_and_decomposed_text_become_the_same(text):
    composed, decomposed = unicodedata.normalize("NFC", text), unicodedata.normalize("NFD", text)
    assert normalise(composed) == normalise(decomposed) == normalise(text)


@settings(max_examples=300, deadline=None)
@given(TEXTS)
def test_the_result_is_trimmed_nfc_without_surrogates_controls_or_odd_spaces(text):
    result = normalise(text)
    assert unicodedata.is_normalized("NFC", result)
    assert result == result.strip()
    assert not [char for char in result if unicodedata.category(char) in ("Cc", "Cs", "Zl", "Zp") and char != "\n"]
    assert not [char for char in result if char.isspace() and char not in " \n"]
    assert "  " not in result and "\n\n" not in result and " \n" not in result and "\n " not in result


@pytest.mark.parametrize("letter", LETTERS)
def test_every_vietnamese_letter_survives_in_its_composed_form(letter):
    assert normalise(unicodedata.normalize("NFD", letter)) == letter


@pytest.mark.parametrize(
    ("new", "old"),
    [
        ("hoà", "hòa"),
        ("hoá đơn", "hóa đơn"),
        ("hoạ sĩ", "họa sĩ"),
        ("xoã", "xõa"),
        ("toả", "tỏa"),
        ("khoẻ", "khỏe"),
        ("loè", "lòe"),
        ("thuỷ lợi", "thủy lợi"),
        ("uỷ ban", "ủy ban"),
        ("luỹ kế", "lũy kế"),
        ("tuỵ", "tụy"),
        ("Hoà Bình", "Hòa Bình"),
        ("Uỷ ban", "Ủy ban"),
        ("HOÀ BÌNH", "HÒA BÌNH"),
        ("(thuỷ)", "(thủy)"),
        ("nghoè", "nghòe"),
    ],
)
def test_both_styles_of_tone_marks_become_that_of_the_press(new, old):
    assert normalise(new) == old
    assert normalise(old) == old
    assert normalise(unicodedata.normalize("NFD", new)) == old


@pytest.mark.parametrize(
    "text",
    [
        "quý",
        "Quý",
        "QUÝ",
        "quà",
        "quả",
        "quỳ",
        "quỵ",
        "quẻ",
        "toàn",
        "hoàn",
        "hoạt",
        "khuỷu",
        "Huỳnh",
        "ngoẻo",
    ],
)
def test_words_whose_mark_has_one_place_stay(text):
    assert normalise(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "iPhone 17 giá 25.000.000 đ/kg, tăng 3,5%…",
        "10 km² và ½ ha",
        "VNPay, TP.HCM, ĐHQGHN, THPTQG",
        "ngày 20–25/9 (giữa) – cuối tháng",
        "ĐÀ NẴNG - Sáng 12/9",
        "(Dân trí) - Giá vàng",
        "dòng một\ndòng hai",
        "👍🏽 tốt",
    ],
)
def test_other_text_stays_as_it_is(text):
    assert normalise(text) == text


@pytest.mark.parametrize(
    ("glued", "apart"),
    [
        ("TTOSáng nay", "TTO - Sáng nay"),
        ("NLĐOChiều 5/9", "NLĐO - Chiều 5/9"),
        ("SGGPONgày 1/1", "SGGPO - Ngày 1/1"),
        ("NHẬT BẢNCác tàu", "NHẬT BẢN - Các tàu"),
        ("HÀ NỘINgày 3/2", "HÀ NỘI - Ngày 3/2"),
        ("PHÚ YÊNÔng Nam", "PHÚ YÊN - Ông Nam"),
        ("(TTO)-Giá điện", "(TTO) - Giá điện"),
        ("(Chinhphu.vn) – Sáng", "(Chinhphu.vn) - Sáng"),
        ("（NLĐO）—Sáng", "(NLĐO) - Sáng"),
        ("ĐÀ NẴNGHoà", "ĐÀ NẴNG - Hòa"),
    ],
)
def test_a_dateline_or_byline_is_set_apart_from_the_first_word(glued, apart):
    assert normalise(glued) == apart


@pytest.mark.parametrize("text", ["VNPay ra mắt", "WHOTổ chức", "Theo NHẬT BẢNCác tàu", "tin (TTO)-Giá", "(a b)-c"])
def test_brands_and_text_after_the_start_are_no_datelines(text):
    assert normalise(text) == text


@pytest.mark.parametrize(
    ("raw", "clean"),
    [
        ("a\u200b\u0300", "à"),
        ("\ufeffTin\u00ad tức\u2060", "Tin tức"),
        ("Ｔin １２", "Tin 12"),
        ("𝐓in ﬁle", "Tin file"),
        ("Ðường ðá Ɖ ɖ", "Đường đá Đ đ"),
        ("a\u0340 a\u0341", "à á"),
        ("\ud83dx\udc80", "\ufffdx\ufffd"),
        (" a\t\u00a0 b ", "a b"),
        ("a\r\n\r\n b\u2028c\x85d", "a\nb\nc\nd"),
        ("a\x00b\x07", "ab"),
        ("", ""),
        ("\u200b \n", ""),
    ],
    ids=ascii,
)
def test_invisible_disguised_and_broken_characters_are_settled(raw, clean):
    assert normalise(raw) == clean


def test_diacritics_are_stripped_from_every_letter():
    assert strip_diacritics("Đường sắt đô thị, QUÝ II, huyện Ưng Hoà") == "Duong sat do thi, QUY II, huyen Ung Hoa"
    assert strip_diacritics("".join(LETTERS)).isascii()


@settings(max_examples=200, deadline=None)
@given(TEXTS.map(normalise))
def test_stripping_keeps_the_length_and_is_done_after_one_go(text):
    plain = strip_diacritics(text)
    assert len(plain) == len(text)
    assert strip_diacritics(plain) == plain
