import gzip
import random
import unicodedata

import pyarrow as pa
import pytest

from ctnlp.errors import RecordError
from ctnlp.records.text import TextFile, detect_encoding, named_encoding

NEWS = """tiêu đề,nội dung
Giá điện,Bộ Công Thương đề xuất tăng giá bán lẻ điện từ tháng 5
Y tế,Hà Nội có 12 ca sốt xuất huyết
"""


def to_cp1258(text: str) -> bytes:
    """Code page 1258 has the letters with their vowel marks, and tones as combining marks after them."""
    encoded = b""
    for char in unicodedata.normalize("NFC", text):
        try:
            encoded += char.encode("cp1258")
        except UnicodeEncodeError:
            apart = unicodedata.normalize("NFD", char)
            tones = [mark for mark in apart[1:] if mark in "\u0300\u0301\u0303\u0309\u0323"]
            base = unicodedata.normalize("NFC", "".join(mark for mark in apart if mark not in tones))
            encoded += (base + "".join(tones)).encode("cp1258")
    return encoded


@pytest.mark.parametrize(
    ("data", "encoding"),
    [
        (NEWS.encode(), "utf-8"),
        (unicodedata.normalize("NFD", NEWS).encode(), "utf-8"),
        (NEWS.encode("utf-8-sig"), "utf-8-sig"),
        (NEWS.encode("utf-16"), "utf-16"),
        (b"\xfe\xff" + NEWS.encode("utf-16-be"), "utf-16"),
        (NEWS.encode("utf-16-le"), "utf-16-le"),
        (NEWS.encode("utf-16-be"), "utf-16-be"),
        (NEWS.encode("utf-32"), "utf-32"),
        (b"\x00\x00\xfe\xff" + NEWS.encode("utf-32-be"), "utf-32"),
        (to_cp1258(NEWS), "cp1258"),
    ],
    ids=[
        "utf-8",
        "utf-8-decomposed",
        "utf-8-bom",
        "utf-16-le-bom",
        "utf-16-be-bom",
        "utf-16-le",
        "utf-16-be",
        "utf-32-le-bom",
        "utf-32-be-bom",
        "cp1258",
    ],
)
def test_the_encoding_is_found_and_reads_right(tmp_path, data, encoding):
    path = tmp_path / "in.csv"
    path.write_bytes(data)
    assert detect_encoding(path, None) == encoding
    text = "".join(TextFile(path, None, encoding).lines())
    assert unicodedata.normalize("NFC", text) == NEWS


@pytest.mark.parametrize(
    "data", [b"title,body\nplain,ASCII\n", b"\n", b"x", b""], ids=["ascii", "blank", "byte", "empty"]
)
def test_plain_ascii_counts_as_utf_8(tmp_path, data):
    path = tmp_path / "in.csv"
    path.write_bytes(data)
    assert detect_encoding(path, None) == "utf-8"


def test_a_character_cut_by_the_end_of_the_sample_is_no_fault(tmp_path):
    path = tmp_path / "in.csv"
    path.write_bytes(b"a" + "ế".encode() * 400_000)
    assert detect_encoding(path, None) == "utf-8"


@pytest.mark.parametrize(
    "data",
    [
        NEWS.encode() + b"3,\xff\n",
        "a,b\n1,Thông tin và giá\n".encode() + b"2,\xff\n",
        (NEWS * 2).encode() + "Café à la crème, déjà".encode("latin-1"),
        (NEWS * 5).encode() + to_cp1258("Hà Nội"),
    ],
    ids=["one-byte", "text-that-reads-as-cp1258", "a-row-of-latin-1", "a-row-of-cp1258"],
)
def test_stray_bytes_do_not_change_what_the_file_is(tmp_path, data):
    path = tmp_path / "in.csv"
    path.write_bytes(data)
    assert detect_encoding(path, None) == "utf-8"


@pytest.mark.parametrize(
    "data",
    [
        b"ti\xaau \xae\xd2,n\xe9i dung\nGi\xb8 \xaei\xd6n,t\xa8ng gi\xb8 b\xb8n l\xce \xaei\xd6n t\xf5 th\xb8ng 5\n",
        "tieâu ñeà,noäi dung\nGiaù ñieän,taêng giaù baùn leû ñieän töø thaùng 5\n".encode("latin-1"),
        "Les élèves français ont été reçus\n".encode("latin-1"),
        "新闻标题,内容\n电价上涨,五月起\n".encode("gbk"),
        b"\xfd\xf5 t\xcc\n" * 20,
        random.Random(1).randbytes(5000),
    ],
    ids=["tcvn3", "vni", "latin-1", "gbk", "marks-on-no-vowel", "no-text"],
)
def test_other_encodings_are_refused_with_a_way_out(tmp_path, data):
    path = tmp_path / "in.csv"
    path.write_bytes(data)
    with pytest.raises(
        RecordError, match=r"not UTF-8, UTF-16 or code page 1258 .*save it as UTF-8 .*--encoding"
    ) as caught:
        detect_encoding(path, None)
    assert caught.value.path == path


@pytest.mark.parametrize(
    ("name", "canonical"),
    [("utf-8", "utf-8-sig"), ("UTF8", "utf-8-sig"), ("windows-1258", "cp1258"), ("Latin1", "iso8859-1")],
)
def test_a_named_encoding_has_one_spelling(tmp_path, name, canonical):
    assert named_encoding(name, tmp_path) == canonical


@pytest.mark.parametrize("name", ["tcvn3", "base64"])
def test_a_name_of_no_text_encoding_is_refused(tmp_path, name):
    with pytest.raises(RecordError, match=f"{name}.*expected a name such as utf-8 or cp1258"):
        named_encoding(name, tmp_path / "in.csv")


def test_lines_keep_their_ends_and_only_line_ends_end_them(tmp_path):
    path = tmp_path / "in.txt"
    path.write_bytes("a\r\nb\nc\rd\u2028e\x85f\x0cg".encode())
    assert list(TextFile(path, None, "utf-8").lines()) == ["a\r\n", "b\n", "c\r", "d\u2028e\x85f\x0cg"]


def test_bytes_that_are_no_utf_8_are_handed_on_as_surrogates(tmp_path):
    path = tmp_path / "in.txt"
    path.write_bytes(b"a\xff\nb\n")
    assert list(TextFile(path, None, "utf-8").lines()) == ["a\udcff\n", "b\n"]


@pytest.mark.parametrize("compression", ["gzip", "zstd"])
def test_a_packed_file_that_is_not_packed_can_not_be_read(tmp_path, compression):
    path = tmp_path / "in.csv.packed"
    path.write_bytes(b"title,body\n")
    with pytest.raises(RecordError, match="can't be read"):
        detect_encoding(path, compression)


def test_a_damaged_file_tells_its_last_good_line(tmp_path):
    path = tmp_path / "in.txt.gz"
    packed = bytearray(gzip.compress(b"".join(b"%d\n" % number for number in range(50_000))))
    packed[-8] ^= 0xFF  # the checksum
    path.write_bytes(packed)
    good = []
    with pytest.raises(RecordError, match="the file ends early or is damaged") as caught:
        for line in TextFile(path, "gzip", "utf-8").lines():
            good.append(line)
    assert 0 < caught.value.line == len(good) < 50_000
    assert good[-1] == f"{len(good) - 1}\n"


def test_text_that_breaks_off_in_a_strict_encoding_tells_its_last_good_line(tmp_path):
    path = tmp_path / "in.txt"
    path.write_bytes("một\nhai\nba\n".encode("utf-16")[:-1])
    lines = TextFile(path, None, "utf-16").lines()
    assert [next(lines), next(lines)] == ["một\n", "hai\n"]
    with pytest.raises(RecordError, match=r"not utf-16 after this line .*; save the file as UTF-8") as caught:
        list(lines)
    assert caught.value.line == 2


@pytest.mark.parametrize(
    ("compression", "pack"),
    [("gzip", gzip.compress), ("zstd", lambda data: pa.compress(data, codec="zstd", asbytes=True))],
    ids=["gzip", "zstd"],
)
def test_packed_files_that_were_put_together_are_read_to_the_end(tmp_path, compression, pack):
    path = tmp_path / "in.txt.packed"
    path.write_bytes(pack(b"a\nb") + pack(b"c\nd\n"))
    assert list(TextFile(path, compression, "utf-8").lines()) == ["a\n", "bc\n", "d\n"]
