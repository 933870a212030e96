import codecs
import gzip
import io
import re
import struct
import sys
import tarfile
import zipfile
import zlib

import pytest

from ctnlp.archives import KINDS, LARGEST, commit_of, members
from ctnlp.errors import FetchError, MissingExtra

WANTED = re.compile(r"/train/(?P<label>[^/]+)/(?P<file>[^/]+\.txt)$")
FILES = {
    "corpus-1ba8/README.md": b"none",
    "corpus-1ba8/train/Doi song/a.txt": "Gia đình".encode(),
    "corpus-1ba8/train/Phap luat/b (1).txt": codecs.BOM_UTF16_LE + "Tòa án\r\n".encode("utf-16-le"),
    "corpus-1ba8/test/Phap luat/c.txt": b"not wanted",
}


def stored_rar(files):
    """A RAR 3 archive whose files are stored as they are, by the published format."""

    def block(kind, flags, fields, data=b""):
        head = struct.pack("<BHH", kind, flags, 7 + len(fields)) + fields
        return struct.pack("<H", zlib.crc32(head) & 0xFFFF) + head + data

    parts = [b"Rar!\x1a\x07\x00", block(0x73, 0, bytes(6))]
    for name, content in files.items():
        raw = name.replace("/", "\\").encode()
        sizes = struct.pack("<IIBIIBBHI", len(content), len(content), 2, zlib.crc32(content), 0, 20, 0x30, len(raw), 32)
        parts.append(block(0x74, 0x8000, sizes + raw, content))
    return b"".join([*parts, block(0x7B, 0x4000, b"")])


@pytest.fixture
def packed(tmp_path):
    def pack(kind, files=FILES, comment="1ba8d037"):
        path = tmp_path / f"corpus{kind}"
        if kind == "":
            for name, content in files.items():
                (path / name).parent.mkdir(parents=True, exist_ok=True)
                (path / name).write_bytes(content)
        elif kind == ".zip":
            with zipfile.ZipFile(path, "w") as archive:
                for name, content in files.items():
                    archive.writestr(name, content)
        elif kind == ".rar":
            path.write_bytes(stored_rar(files))
        else:
            with tarfile.open(path, "w:gz", format=tarfile.PAX_FORMAT, pax_headers={"comment": comment}) as archive:
                for name, content in files.items():
                    entry = tarfile.TarInfo(name)
                    entry.size = len(content)
                    archive.addfile(entry, io.BytesIO(content))
        return path

    return pack


@pytest.mark.parametrize("kind", ["", *KINDS])
def test_the_texts_wanted_come_from_every_kind_of_archive(packed, kind):
    found = {(match["label"], match["file"]): text for match, text in members(packed(kind), WANTED)}
    assert found == {("Doi song", "a.txt"): "Gia đình", ("Phap luat", "b (1).txt"): "Tòa án\r\n"}


@pytest.mark.parametrize("kind", KINDS)
def test_an_archive_cut_short_is_told(packed, kind):
    path = packed(kind, {f"x/train/a/{k}.txt": bytes([k % 256, 65]) * 999 for k in range(60)})
    path.write_bytes(path.read_bytes()[:-700])
    with pytest.raises(FetchError, match=r"corpus\S+: (cut short, damaged|.* neither UTF-8)"):
        list(members(path, WANTED))


def test_wrong_bytes_inside_are_told(packed):
    path = packed(".zip", {"x/train/a/1.txt": b"abc" * 999})
    content = bytearray(path.read_bytes())
    content[100] ^= 0xFF
    path.write_bytes(bytes(content))
    with pytest.raises(FetchError, match="cut short, damaged or no such archive"):
        list(members(path, WANTED))


def test_a_page_in_place_of_an_archive_is_told(tmp_path):
    for kind in KINDS:
        (tmp_path / f"page{kind}").write_text("<html>sign in first</html>")
        with pytest.raises(FetchError, match="cut short, damaged or no such archive"):
            list(members(tmp_path / f"page{kind}", WANTED))


def test_an_archive_of_other_things_is_told(packed):
    with pytest.raises(FetchError, match=r"no file in it is named like /train/"):
        list(members(packed(".zip", {"a.txt": b"1"}), WANTED))


def test_another_kind_of_file_is_told(tmp_path):
    (tmp_path / "corpus.7z").write_bytes(b"")
    with pytest.raises(FetchError, match=r"expected a folder, a table, or an archive \(\.tar\.gz, \.tgz"):
        list(members(tmp_path / "corpus.7z", WANTED))


def test_a_text_in_another_encoding_is_named(packed):
    with pytest.raises(FetchError, match=r"x/train/a/1\.txt is neither UTF-8 nor UTF-16"):
        list(members(packed(".zip", {"x/train/a/1.txt": "Tòa".encode("cp1258", "replace") + b"\xff"}), WANTED))


def test_a_text_far_too_large_is_not_read(packed):
    with pytest.raises(FetchError, match="has more than 20,971,520 bytes"):
        list(members(packed(".tar.gz", {"x/train/a/1.txt": b" " * (LARGEST + 1)}), WANTED))


def test_git_says_in_the_archive_which_commit_it_is(packed, tmp_path):
    assert commit_of(packed(".tar.gz")) == "1ba8d037"
    assert commit_of(packed(".zip")) == ""
    (tmp_path / "bad.tar.gz").write_bytes(gzip.compress(b"no tar"))
    assert commit_of(tmp_path / "bad.tar.gz") == ""


def test_rar_without_its_package_names_the_extra(packed, monkeypatch):
    monkeypatch.setitem(sys.modules, "rarfile", None)
    with pytest.raises(MissingExtra, match=r'rarfile is not installed; run: pip install "ctnlp\[rar\]"'):
        list(members(packed(".rar"), WANTED))


def test_rar_without_a_program_to_unpack_it_says_so(packed, monkeypatch):
    import rarfile

    def no_program(*args, **kwargs):
        raise rarfile.RarCannotExec("no tool")

    monkeypatch.setattr(rarfile.RarFile, "open", no_program)
    with pytest.raises(FetchError, match="RAR needs a program to unpack it; install unar, unrar, 7z or bsdtar"):
        list(members(packed(".rar"), WANTED))
