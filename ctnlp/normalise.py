"""Canonical Unicode for Vietnamese: the same text always has the same characters.

The wild has NFC and NFD, two styles of tone marks ("hòa", "hoà"), full-width and "fancy" letters, zero-width characters
pasted from web pages, and datelines glued to the first word. `normalise` settles these and nothing else: case,
punctuation, numbers, abbreviations and line breaks between paragraphs stay as they are.
"""

import re
import unicodedata
from typing import Final

__all__ = ["VERSION", "begins_plainly", "normalise", "normalise_piece", "strip_diacritics", "with_new_tone_marks"]

VERSION: Final = "1"
"""Number of these rules. Models record it: a change of rules that changes output needs a new number."""

_LINE_ENDS: Final = dict.fromkeys(map(ord, "\r\v\f\x1c\x1d\x1e\x85\u2028\u2029"), "\n")
# Look-alikes of Đ/đ that keyboards and OCR produce (Icelandic eth, African d), and the two deprecated tone marks.
_LOOKALIKES: Final = {0xD0: "Đ", 0xF0: "đ", 0x189: "Đ", 0x256: "đ", 0x340: "\u0300", 0x341: "\u0301"}
# Presentation ligatures, full-width ASCII, mathematical alphanumerics: letters in disguise. Superscripts ("km²"), "…"
# and "½" are left: their compatibility forms read worse.
_DISGUISED: Final = re.compile("[\ufb00-\ufb06\uff01-\uff5e\U0001d400-\U0001d7ff]")
_INVISIBLE: Final = re.compile(
    "[\x00-\x08\x0e-\x1b\x1f\x7f-\x84\x86-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f"
    "\u202a-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff9-\ufffb\U000e0000-\U000e007f\U000e0100-\U000e01ef]"
)
_SURROGATE: Final = re.compile("[\ud800-\udfff]")
_SPACES: Final = re.compile(r"[^\S\n]+")
_BREAKS: Final = re.compile(r" ?\n[ \n]*")

# New style (mark on the second vowel) -> old style (on the first), as the press and underthesea write it.
_TONES: Final = "\u0300\u0301\u0303\u0309\u0323"
_PAIRS: Final = {
    unicodedata.normalize("NFC", first + second + tone): unicodedata.normalize("NFC", first + tone + second)
    for first, second in ("oa", "oe", "uy", "Oa", "Oe", "Uy", "OA", "OE", "UY")
    for tone in _TONES
}
_ONSETS: Final = frozenset("|b|c|ch|d|đ|g|gh|h|k|kh|l|m|n|ng|ngh|nh|p|ph|r|s|t|th|tr|v|x".split("|"))
# A pair at the end of a syllable. What stands before it is looked at only then: pairs are rare, and text is long.
_NEW_STYLE: Final = re.compile(
    f"[{''.join({pair[0] for pair in _PAIRS})}][{''.join({pair[1] for pair in _PAIRS})}](?![^\\W\\d_])"
)
_LETTERS_BEFORE: Final = re.compile(r"[^\W\d_]*$")

_TO_NEW: Final = {old: new for new, old in _PAIRS.items()}
_OLD_STYLE: Final = re.compile(rf"(?<![qQ])(?:{'|'.join(_TO_NEW)})(?![^\W\d_])")

# A dateline or agency name glued to the first word ("NHẬT BẢNCác tàu", "TTOSáng nay"): at the very start only, and only
# names that can't be a brand such as "VNPay": agencies we know, or capitals with a Vietnamese letter.
_MARKED: Final = "".join(c for c in map(chr, [*range(0xC0, 0x1B1), *range(0x1EA0, 0x1EFA)]) if c.isupper())
_UPPER: Final = f"A-Z{_MARKED}"
_GLUED: Final = re.compile(
    rf"(TTO|TNO|NLĐO|TTXVN|VOV|PLO|SGGPO|(?=[A-Z ]*[{_MARKED}])[{_UPPER}]{{2,}}(?: [{_UPPER}]{{2,}}){{0,3}})"
    rf"(?=[{_UPPER}][{_MARKED.lower()}a-z])"
)
# A small letter or a space follows the first one: no capitals in a row, no bracket.
_PLAIN_BEGINNING: Final = re.compile(rf"\s*[\"'“‘]?[{_UPPER}a-z{_MARKED.lower()}][ a-z{_MARKED.lower()}]")
_SPACE: Final = re.compile(r"\s")
_BYLINE: Final = re.compile(r"\(([\w.]{2,20})\) ?[-–—] ?(?=\w)")


def normalise(text: str) -> str:
    r"""The canonical form of `text`. Applying it twice changes nothing more.

    NFC; invisible and control characters dropped; look-alikes and full-width letters made plain; tone marks in the
    style of the press; runs of white space to one space, paragraphs to one line break; datelines set apart.

    >>> normalise("Hoa\u0300 bi\u0300nh  \u200bva\u0300 thuỷ lợi")
    'Hòa bình và thủy lợi'
    >>> normalise("（Chinhphu.vn）– Sáng 12/9")
    '(Chinhphu.vn) - Sáng 12/9'
    """
    # Almost all text is settled in one round; a second settles what the first brought together (a dropped character
    # between a letter and its mark, say). Hypothesis looks for text that needs more.
    for _ in range(4):
        settled = _round(text)
        if settled == text:
            break
        text = settled
    return text


def _round(text: str) -> str:
    text = _letters(text)
    text = _BREAKS.sub("\n", _SPACES.sub(" ", text)).strip()
    text = _GLUED.sub(r"\1 - ", text, count=1) if _GLUED.match(text) else text
    return _BYLINE.sub(r"(\1) - ", text, count=1) if _BYLINE.match(text) else text


def _letters(text: str) -> str:
    if not text.isascii():
        text = _SURROGATE.sub("\ufffd", text.translate(_LOOKALIKES))
        text = _DISGUISED.sub(lambda match: unicodedata.normalize("NFKC", match[0]), text)
    text = _INVISIBLE.sub("", text.translate(_LINE_ENDS))
    return _NEW_STYLE.sub(_old_style, unicodedata.normalize("NFC", text))


def normalise_piece(piece: str) -> str | None:
    """A piece of text between white space as `normalise` leaves it inside a text, or None.

    None: what stands around it has a say. No rule but those about white space and about how texts begin (see
    `begins_plainly`) looks across white space, so pieces that repeat can be settled once.

    >>> normalise_piece("thuỷ"), normalise_piece("\u200b")
    ('thủy', None)
    """
    settled = _letters(piece)
    if settled != piece and _letters(settled) != settled:
        return None
    return settled if settled and not _SPACE.search(settled) else None


def begins_plainly(text: str) -> bool:
    """Whether none of the rules about how texts begin can apply: no dateline, agency or byline in sight.

    >>> begins_plainly("Giá điện tăng"), begins_plainly("(Chinhphu.vn)- Sáng"), begins_plainly("TTOSáng nay")
    (True, False, False)
    """
    return _PLAIN_BEGINNING.match(text) is not None


def _old_style(match: re.Match[str]) -> str:
    start = match.start()
    letters = _LETTERS_BEFORE.search(match.string, max(start - 4, 0), start)
    whole = letters is not None and letters[0].lower() in _ONSETS
    # Mixed case such as "oÀ" is no Vietnamese spelling; leave it.
    return _PAIRS.get(match[0], match[0]) if whole else match[0]


def with_new_tone_marks(text: str) -> str:
    """`text` with tone marks on the second vowel of oa, oe, uy ("hoà", "khoẻ"), as schools and some papers write.

    >>> with_new_tone_marks("Hòa bình và thủy lợi")
    'Hoà bình và thuỷ lợi'
    """
    return _OLD_STYLE.sub(lambda match: _TO_NEW[match[0]], text)


def strip_diacritics(text: str) -> str:
    """`text` without tone and vowel marks, as people type in a hurry: same length for NFC text.

    >>> strip_diacritics("Đường sắt đô thị")
    'Duong sat do thi'
    """
    return text.translate(_PLAIN)


class _Plain(dict[int, str]):
    """A translation table that fills itself: one decomposition for each character ever seen (at most 0x110000)."""

    def __missing__(self, code: int) -> str:
        self[code] = plain = unicodedata.normalize("NFD", chr(code))[0]
        return plain


_PLAIN: Final = _Plain({ord("đ"): "d", ord("Đ"): "D"})
