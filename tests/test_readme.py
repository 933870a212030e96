import contextlib
import csv
import io
import re
import shlex
import shutil
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import ctnlp.cli
from ctnlp import batch, places, registry
from ctnlp.cli import main
from ctnlp.records.formats import COMPRESSIONS, FORMATS
from ctnlp.taxonomy import default

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
DEMO = ROOT / "data" / "demo" / "articles.csv"
BLOCKS = re.findall(r"^```(\w*)\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
PYTHON = [code for language, code in BLOCKS if language == "python"]
COMMANDS = [
    line for language, code in BLOCKS if not language for line in code.splitlines() if line.startswith("ctnlp ")
]
COMMANDS += [command for command in re.findall(r"`(ctnlp [^`]+)`", README) if command not in COMMANDS]
NUMBERS = {"Sixteen": 16, "Six": 6, "Three": 3, "Mười sáu": 16, "sáu": 6, "ba": 3}


def rows(count):
    with DEMO.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))[:count]


@pytest.fixture(scope="module")
def desk(tmp_path_factory):
    """A folder with all files that the commands of the README name."""
    folder = tmp_path_factory.mktemp("desk")
    for name in ("articles.csv", "tin-bai.csv"):
        with (folder / name).open("w", encoding="utf-8", newline="") as file:
            out = csv.DictWriter(file, rows(1)[0])
            out.writeheader()
            out.writerows(rows(5))
    pq.write_table(pa.Table.from_pylist(rows(5)), folder / "articles.parquet")
    labelled = "text,topics,split\nGiá điện tăng,cong_thuong,test\nTuyển nữ thắng đậm,van_hoa_the_thao_du_lich,test\n"
    (folder / "my-labelled.csv").write_text(labelled, encoding="utf-8")
    for head in ("topic", "programme", "sentiment"):
        version = registry.current(head)
        shutil.copytree(places.find("models") / head / version, folder / "my-models" / head / version)
        (folder / "my-models" / head / "CURRENT").write_text(f"{version}\n")
    return folder


@pytest.fixture(autouse=True)
def english():
    yield
    ctnlp.cli.translate(ctnlp.cli.cli, "en")


@pytest.mark.parametrize("code", PYTHON, ids=lambda code: code.strip().splitlines()[-1][:40])
def test_python_blocks_run_and_print_what_they_say(code):
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(code, {"__name__": "readme"})
    said = re.findall(r"^print\(.*  # (.+)$", code, re.MULTILINE)
    lines = printed.getvalue().splitlines()
    assert lines
    assert lines == said or not said


@pytest.mark.parametrize("command", COMMANDS)
def test_commands_run(desk, monkeypatch, capsys, command):
    words = shlex.split(command)[1:]
    if words[0] == "train":
        words.append("--help")  # options are checked, minutes of training spared
    monkeypatch.chdir(desk)
    assert main(words) == 0, capsys.readouterr().err
    if "-o" in words:
        assert (desk / words[words.index("-o") + 1]).is_file()


def test_the_readme_has_commands_and_python():
    assert len(PYTHON) >= 2
    assert {command.split()[1] for command in COMMANDS} >= {"classify", "score", "train", "evaluate", "models", "data"}


def test_the_commands_of_the_makefile_have_options_that_exist(capsys):
    commands = re.findall(r"^\t\$\(BIN\)/ctnlp (.+)$", MAKEFILE, re.MULTILINE)
    assert commands
    for command in commands:
        assert main([*shlex.split(command), "--help"]) == 0, command


def test_make_targets_exist():
    named = set(
        re.findall(r"\bmake ([\w-]+)\b", "\n".join([*re.findall(r"`([^`\n]+)`", README), *(b for _, b in BLOCKS)]))
    )
    targets = set(re.findall(r"^([\w-]+):", MAKEFILE, re.MULTILINE))
    phony = set(re.search(r"^\.PHONY: (.+)$", MAKEFILE, re.MULTILINE)[1].split())
    assert {"demo", "test"} <= named <= targets
    assert phony == targets - {"PYTHON", "BIN"}


def test_what_make_demo_does_is_what_the_readme_says():
    assert f"the {len(rows(None))} articles of `{DEMO.relative_to(ROOT)}`" in README
    assert f"chấm {len(rows(None))} bài mẫu trong `{DEMO.relative_to(ROOT)}`" in README
    assert "ctnlp score data/demo/articles.csv -o demo/scored.csv" in MAKEFILE


def test_links_lead_somewhere():
    links = [link for link in re.findall(r"\]\(([^)#]+)\)", README) if "://" not in link]
    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []


def test_exit_codes_are_those_of_the_command_line():
    codes = re.search(r"Exit codes: 0 done,\s1 an error, 2 wrong usage, (\d) done but some rows were rejected", README)
    assert int(codes[1]) == ctnlp.cli.options.REJECTED
    assert f"{ctnlp.cli.options.REJECTED} done but some rows were rejected" in ctnlp.cli.__doc__


def test_numbers_of_labels_are_those_of_the_taxonomy():
    found = re.search(r"(\w+) \*\*topics\*\*.*?(\w+) \*\*programme\*\* groups.*?(\w+) tones", README, re.DOTALL)
    vietnamese = re.search(
        r"(\w+ \w+) \*\*lĩnh vực\*\*.*?(\w+) \*\*nhóm nhiệm vụ\*\*.*?(\w+) \*\*sắc thái\*\*", README, re.DOTALL
    )
    expected = [len(head.labels) for head in default().heads]
    assert [NUMBERS[word] for word in found.groups()] == expected
    assert [NUMBERS[word] for word in vietnamese.groups()] == expected


def test_the_names_of_columns_that_are_found_are_those_in_the_readme():
    found = re.search(r"tìm theo tên thường gặp \((.+?)\)", README, re.DOTALL)
    named = re.findall(r"`(\w+)`", found[1])
    assert named
    assert set(named) <= {*batch._TEXT_NAMES, *batch._TITLE_NAMES}


def test_formats_are_those_that_are_read():
    assert "CSV, TSV, JSON Lines and Parquet (text also as `.gz` and `.zst`" in README
    assert {*FORMATS.values()} == {"csv", "tsv", "jsonl", "parquet"}
    assert {*COMPRESSIONS} == {".gz", ".zst"}
