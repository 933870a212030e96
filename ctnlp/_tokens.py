"""Text -> tokens, exactly as underthesea's regular expression cuts them, in linear time.

The expression is underthesea's (Apache-2.0; `underthesea/pipeline/word_tokenize/regex_tokenize.py`, 9.5.0; its patterns
for addresses are NLTK's). Two of its alternatives, web and e-mail addresses, look far ahead at every token and try
every way to cut what they see: "a.a.a.a" takes quadratic time and "http://......" exponential time. They are matched
by hand here, with the same result, looking at each character a bounded number of times. The other alternatives stay
regular expressions: they see little, or take what they have seen.
"""

import re
import unicodedata
from collections.abc import Iterator
from typing import Final

__all__ = ["normalised", "tokens"]

_UPPER: Final = "[A-ZÀÁẢÃẠĂẰẮẲẴẶÂẦẤẨẪẬĐÈÉẺẼẸÊỀẾỂỄỆÌÍỈĨỊÒÓỎÕỌÔỒỐỔỖỘƠỜỚỞỠỢÙÚỦŨỤƯỪỨỬỮỰỲÝỶỸỴ]"
_LETTER: Final = f"[{_UPPER[1:-1]}{_UPPER.lower()[1:-1]}]"
_BEFORE_ADDRESSES: Final = "|".join(
    [
        # marks
        *(r"=\>", r"==>", r"->", r"\.{2,}", r"-{2,}", r">>", r"\d+x\d+", r"v\.v\.\.\.", r"v\.v\.", r"v\.v", r"°[CF]"),
        # abbreviations; the bare dots of "Th.S" match any character, also a space
        *(r"[A-ZĐ]+&[A-ZĐ]+", r"T\.Ư", rf"{_UPPER}+(?:\.{_LETTER}+)+\.?", f"{_LETTER}+['’]{_LETTER}+"),
        *(r"[A-ZĐ]+\.(?!$)", r"Tp\.", r"Mr\.", r"Mrs\.", r"Ms\.", r"Dr\.", r"ThS\.", "Th.S", "Th.s", "e-mail"),
        *(r"\d+[A-Z]+\d*-\d+", "NĐ-CP"),
    ]
)
_AFTER_ADDRESSES: Final = "|".join(
    [
        # telephone numbers, dates, names with figures, numbers
        *(r"\d{2,}-\d{3,}-\d{3,}", r"\d{1,2}\/\d{1,2}\/\d+", r"\d{1,2}\/\d{1,4}", r"\d{1,2}-\d{1,2}-\d+"),
        *(r"\d{1,2}-\d{1,4}", r"\d{1,2}\.\d{1,2}\.\d+", r"\d{4}\/\d{1,2}\/\d{1,2}", r"\d{2}:\d{2}:\d{2}"),
        *(r"\d+[A-Z]+\d+", r"\d+[A-Z]+"),
        *(r"\d+(?:\.\d+)+,\d+", r"\d+(?:\.\d+)+", r"\d+(?:,\d+)+", r"\d+(?:[\.,_]\d+)?"),
        # faces, punctuation, words, all else; what stands twice there can't match a second time
        *(r":\)\)*", r"=\)\)+", r"♥‿♥", r":D+(?=\s)", r":D+(?=$)", "<3", r"[.,()ʺ]"),
        *(r"\b\w+\-[\w+-]*\w+", r"\w+", r":+", r"[^\w\s]"),
    ]
)
_BEFORE: Final = re.compile(_BEFORE_ADDRESSES)
_AFTER: Final = re.compile(_AFTER_ADDRESSES)
_PLAIN: Final = re.compile(f"{_BEFORE_ADDRESSES}|{_AFTER_ADDRESSES}")

_PROTOCOL: Final = re.compile(r"(?:ftp|http)s?:(?P<slashes>/{0,3})")
_HOST: Final = re.compile(r"[a-z0-9.\-]+")
_CHAIN: Final = re.compile(r"[a-z0-9]+(?:[.\-][a-z0-9]+)*")
_DOMAIN: Final = re.compile(r"\.[a-z]{2,13}\b/?(?!@)")
_MAILBOX: Final = re.compile(r"[a-zA-Z0-9_.+-]+")
_MAIL_HOST: Final = re.compile(r"@[a-zA-Z0-9-]+\.[a-zA-Z0-9-.]+")
_PATH: Final = re.compile(r"[^\s()<>{}\[\]]*")
_PATH_END: Final = re.compile(r".*[^\s`!()\[\]{};:'\".,<>?«»“”‘’]", re.DOTALL)
_NESTED: Final = re.compile(r"\([^\s()]*?\([^\s()]+\)[^\s()]*?\)")
_NO_SPACE: Final = re.compile(r"\S*")


def normalised(text: str) -> str:
    """`text` as underthesea reads it: NFC, and the Icelandic eth that keyboards give for đ made one.

    >>> normalised("Ðà Nẵng")
    'Đà Nẵng'
    """
    return text if text.isascii() else unicodedata.normalize("NFC", text).replace("ð", "đ").replace("Ð", "Đ")


def tokens(text: str) -> list[str]:
    """The tokens of normalised text, before any are joined to words.

    >>> tokens("Nghị định 12/2026/NĐ-CP, xem chinhphu.vn")
    ['Nghị', 'định', '12/2026', '/', 'NĐ-CP', ',', 'xem', 'chinhphu.vn']
    """
    if "." not in text and ":" not in text and "@" not in text:
        return _PLAIN.findall(text)
    return list(_Addresses(text).tokens())


class _Addresses:
    """A text that may hold addresses, and what has been found out about the runs of characters looked at last."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.brackets = _Brackets(text)
        self.host = self.chain = self.mailbox = -1  # where the run looked at last ends
        self.host_match = self.chain_match = self.mail_match = -1  # where its address ends, or -1
        self.host_dot = self.chain_dot = -1  # the last dot before which the address must begin

    def tokens(self) -> Iterator[str]:
        text, position, end = self.text, 0, len(self.text)
        while position < end:
            match = _BEFORE.match(text, position)
            after = match.end() if match else self.web(position)
            if after < 0:
                after = self.mail(position)
            if after < 0:
                match = _AFTER.match(text, position)
                after = match.end() if match else -1
            if after > position:
                yield text[position:after]
            position = max(after, position + 1)

    def web(self, start: int) -> int:
        """The end of a web address that begins at `start`, or -1."""
        text = self.text
        if protocol := _PROTOCOL.match(text, start):
            first = protocol.start("slashes")
            for begin in range(protocol.end(), first, -1):
                if (end := _path(text, begin, self.brackets)) > 0:
                    return end
            if text[first : first + 1] in _ALPHANUMERIC and (end := _path(text, first + 1, self.brackets)) > 0:
                return end
        if text[start] not in _HOST_CHARACTERS:
            return -1
        return end if (end := self._host(start)) > 0 else self._naked(start)

    def _host(self, start: int) -> int:
        """'baochinhphu.vn/kinh-te': letters after the last dot, a slash, a path."""
        text = self.text
        if start >= self.host:
            match = _HOST.match(text, start)
            self.host = match.end() if match else start
            self.host_match, self.host_dot = -1, text.rfind(".", start, self.host)
            ending = text[self.host_dot + 1 : self.host]
            if text[self.host : self.host + 1] == "/" and 2 <= len(ending) <= 13 and _LOWER.issuperset(ending):
                self.host_match = _path(text, self.host + 1, self.brackets)
        return self.host_match if start < self.host_dot else -1

    def _naked(self, start: int) -> int:
        """'baochinhphu.vn': as much as ends in a dot and letters."""
        text = self.text
        if text[start] in ".-" or (start and text[start - 1] == "@"):
            return -1
        if start >= self.chain:
            match = _CHAIN.match(text, start)
            self.chain = match.end() if match else start
            self.chain_match = self.chain_dot = -1
            # A slash may follow, and what follows that decides whether it belongs to the address.
            for found in _DOMAIN.finditer(text, start, self.chain + 2):
                self.chain_match, self.chain_dot = found.end(), found.start()
        return self.chain_match if start < self.chain_dot else -1

    def mail(self, start: int) -> int:
        """The end of an e-mail address that begins at `start`, or -1."""
        if start >= self.mailbox:
            match = _MAILBOX.match(self.text, start)
            if not match:
                return -1
            self.mailbox = match.end()
            host = _MAIL_HOST.match(self.text, self.mailbox)
            self.mail_match = host.end() if host else -1
        return self.mail_match


_LOWER: Final = frozenset("abcdefghijklmnopqrstuvwxyz")
_HOST_CHARACTERS: Final = _LOWER | frozenset("0123456789.-")
_ALPHANUMERIC: Final = _LOWER | frozenset("0123456789%")


class _Brackets:
    """Where the closing brackets of a text are: what was looked up last is remembered."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.begin = self.end = self.asked = self.found = 0

    def close(self, bracket: int, earliest: int) -> int:
        """The first closing bracket at `earliest` or later with no white space between it and `bracket`, or -1."""
        if not self.begin <= bracket < self.end:
            match = _NO_SPACE.match(self.text, bracket)
            self.begin, self.end = bracket, match.end() if match else bracket
            self.asked, self.found = self.end, -1
        if not (self.asked <= earliest and (self.found < 0 or earliest <= self.found)):
            self.asked, self.found = earliest, self.text.find(")", earliest, self.end)
        return self.found


def _path(text: str, start: int, brackets: _Brackets) -> int:
    """Where the path of an address that begins at `start` ends, or -1.

    A path is one or more of: a run without brackets; a bracket, also with one nested inside. It ends with a bracket
    or a character that is no punctuation. What a backtracking matcher finds first is found here: positions from which
    it would fail are never tried twice.
    """
    followed: dict[int, int] = {}  # closing brackets from which the path was followed, and the next one after each
    stack = [_Step(text, start, start)]
    while stack:
        step = stack[-1]
        after = step.next_bracket(text, brackets, followed)
        if after > 0:
            stack.append(_Step(text, after, start))
            continue
        if (end := step.end_in_bracket(text, brackets) if step.end > start else -1) > 0:
            return end
        if (end := step.end_in_run(text)) > 0:
            return end
        stack.pop()
    return -1


def _follow(bracket: int, earliest: int, brackets: _Brackets, followed: dict[int, int]) -> int:
    """The position after the first closing bracket at `earliest` or later that was not followed yet, or -1."""
    passed = []
    place = brackets.close(bracket, earliest)
    while place in followed:
        passed.append(place)
        place = followed[place]
    if place >= 0:
        followed[place] = brackets.close(bracket, place + 1)
    for one in passed:  # shorten the way for the next search
        followed[one] = place
    return place + 1 if place >= 0 else -1


class _Step:
    """A run of path characters from `begin`, and the bracket after it."""

    def __init__(self, text: str, begin: int, start: int) -> None:
        match = _PATH.match(text, begin)
        self.end = match.end() if match else begin
        # An ending needs a part before it.
        self.earliest = begin + 1 if begin == start else begin
        self.bracket = text[self.end : self.end + 1] == "("
        self.nested_tried = False

    def next_bracket(self, text: str, brackets: _Brackets, followed: dict[int, int]) -> int:
        """The next way through the bracket that follows the run, as the position after it; -1: no more."""
        if not self.bracket:
            return -1
        if not self.nested_tried:
            self.nested_tried = True
            nested = _NESTED.match(text, self.end)
            if nested and nested.end() - 1 not in followed:
                return _follow(self.end, nested.end() - 1, brackets, followed)
        return _follow(self.end, self.end + 2, brackets, followed)

    def end_in_bracket(self, text: str, brackets: _Brackets) -> int:
        """Where the path ends if the bracket after the run is its last part; -1: there is none."""
        if not self.bracket:
            return -1
        nested = _NESTED.match(text, self.end)
        return nested.end() if nested else brackets.close(self.end, self.end + 2) + 1 or -1

    def end_in_run(self, text: str) -> int:
        """Where the path ends if it does inside the run, or -1."""
        match = _PATH_END.match(text, self.earliest, self.end)
        return match.end() if match else -1
