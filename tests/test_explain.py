import unicodedata

import pytest

from ctnlp.explain import PHRASES, Span, explain, spans_of
from ctnlp.features import documents
from ctnlp.normalise import with_new_tone_marks
from ctnlp.registry import load

TITLE = "Cháy lớn ở khu công nghiệp"
TEXT = "Hỏa hoạn thiêu rụi kho  xưởng, hai công nhân thiệt mạng. Nhà máy sản xuất đồ gỗ ngừng hoạt động từ sáng 12/9."


@pytest.fixture(scope="module", params=["topic", "sentiment"])
def model(request):
    return load(request.param)[0]


def without(text, phrase, part):
    for span in sorted((span for span in phrase.spans if span.part == part), reverse=True):
        text = text[: span.start] + text[span.end :]
    return text


@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_the_score_falls_by_what_was_said_when_a_phrase_is_taken_out(model, form):
    text, title = unicodedata.normalize(form, TEXT), unicodedata.normalize(form, TITLE)
    for why in explain(model, text, title):
        label = model.labels.index(why.label)
        assert why.score == pytest.approx(model.decision_function(documents([text], [title]))[0][label])
        for phrase in why.phrases:
            cut = documents([without(text, phrase, "text")], [without(title, phrase, "title")])
            assert why.score - phrase.weight == pytest.approx(model.decision_function(cut)[0][label])


def test_phrases_and_rest_add_up_to_the_score_strongest_first(model):
    for why in explain(model, TEXT, TITLE):
        assert why.rest + sum(phrase.weight for phrase in why.phrases) == pytest.approx(why.score)
        strengths = [abs(phrase.weight) for phrase in why.phrases]
        assert strengths == sorted(strengths, reverse=True) and 0 < len(strengths) <= PHRASES


@pytest.mark.parametrize(
    "change",
    [
        lambda text: unicodedata.normalize("NFD", text),
        with_new_tone_marks,
        str.upper,
        lambda text: text.replace(" ", " \u200b\n "),
        lambda text: f"（Chinhphu.vn）– {text}",
    ],
    ids=["decomposed", "tone-marks", "capitals", "spaces", "agency"],
)
def test_places_are_those_of_the_text_as_it_was_given(model, change):
    text = change(TEXT)
    for why in explain(model, text):
        for phrase in why.phrases:
            for part, start, end in phrase.spans:
                assert part == "text"
                # A phrase begins with a letter and ends with one, its marks included.
                assert unicodedata.normalize("NFC", text[start:end])[0].isalnum()
                assert unicodedata.normalize("NFC", text[start:end])[-1].isalnum()
                assert end == len(text) or not unicodedata.combining(text[end])
            first = phrase.spans[0]
            assert " ".join(text[first.start : first.end].split()) == phrase.text


@pytest.mark.parametrize(
    ("text", "words", "spans"),
    [
        ("Giá điện tăng", ["Giá", "điện", "tăng"], [(0, 3), (4, 8), (9, 13)]),
        ("Bộ  Y\ntế", ["Bộ Y tế"], [(0, 8)]),
        ("（ĐBQH）nói", ["(", "ĐBQH", ")", "nói"], [None, (1, 5), None, (6, 9)]),
        ("Tie\u0302\u0301n", ["Tiến"], [(0, 6)]),
        ("ﬁnal 12/9", ["final", "12/9"], [(0, 4), (5, 9)]),
        ("Giá điện", ["Giá", "xăng"], [None, None]),
        ("", [], []),
    ],
    ids=["plain", "spaces", "full-width", "decomposed", "ligature", "other-words", "nothing"],
)
def test_words_are_found_in_the_text_letter_by_letter(text, words, spans):
    assert spans_of(text, words) == spans


def test_title_and_text_have_their_own_places(model):
    spans = {span.part for why in explain(model, TEXT, TITLE) for phrase in why.phrases for span in phrase.spans}
    assert spans == {"title", "text"}
    assert all(isinstance(span, Span) for why in explain(model, TEXT) for p in why.phrases for span in p.spans)


def test_a_blank_text_has_nothing_to_explain(model):
    assert explain(model, " ", "") == []
    assert explain(model, "", TITLE)


def test_a_text_of_signs_alone_has_no_phrases(model):
    (why,) = explain(model, "!?")[:1]
    assert why.phrases == () and why.rest == pytest.approx(why.score)
