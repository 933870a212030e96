import importlib.metadata
import io
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
import warnings
from pathlib import Path

import click
import joblib
import pytest

import ctnlp.card
import ctnlp.cli
import ctnlp.sources
import ctnlp.train
from ctnlp import __version__, corpus, places, registry
from ctnlp.classify import Classifier
from ctnlp.cli import cli, main
from ctnlp.sources import BENCHMARKS, SOURCES
from ctnlp.taxonomy import default

EXAMS = "Bộ Giáo dục và Đào tạo công bố phương án tuyển sinh đại học năm 2026"
FIRE = "Cháy lớn tại kho xưởng, hai công nhân thiệt mạng"
HEART = "Bộ Y tế công bố ca ghép tim thành công đầu tiên, bệnh nhân xuất viện khỏe mạnh"
HEADS = ("topic", "programme", "sentiment")
LOCALES = ("LC_ALL", "LC_MESSAGES", "LANG")


def tree(command=cli, path=()):
    """Every command and group with the words that call it."""
    yield path, command
    for name, sub in getattr(command, "commands", {}).items():
        yield from tree(sub, (*path, name))


COMMANDS = dict(tree())


def options(command):
    with click.Context(command, help_option_names=["-h", "--help"]) as context:
        return [option for option in command.get_params(context) if isinstance(option, click.Option)]


@pytest.fixture(autouse=True)
def plain_surroundings(monkeypatch, tmp_path):
    for name in (*LOCALES, "CTNLP_MODELS", "CTNLP_DATA"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("LANG", "en_US.UTF-8")
    monkeypatch.setenv("CTNLP_CACHE", str(tmp_path / "cache"))
    with warnings.catch_warnings():
        yield
    ctnlp.cli.translate(cli, "en")


@pytest.fixture
def run(capsys):
    """Run the command line in this process: exit code, standard output, standard error."""

    def runner(*arguments):
        code = main([str(argument) for argument in arguments])
        return (code, *capsys.readouterr())

    return runner


@pytest.fixture
def stdin(monkeypatch):
    def give(data):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))

    return give


@pytest.fixture
def models(tmp_path):
    """The models in use, to be changed at will."""
    root = tmp_path / "models"
    for head in HEADS:
        version = registry.current(head)
        shutil.copytree(places.find("models") / head / version, root / head / version)
        (root / head / "CURRENT").write_text(f"{version}\n")
    return root


@pytest.fixture
def second(models):
    """A second version of the tone."""
    model, _ = registry.load("sentiment", root=models)
    return registry.save(model, training_data=[], parameters={}, seed=0, metrics={}, root=models).version


@pytest.fixture
def articles(tmp_path):
    path = tmp_path / "articles.csv"
    path.write_text(f"id,title,body\n1,Tin,{EXAMS}\n2,,{FIRE.replace(',', '')}\n", encoding="utf-8")
    return path


@pytest.fixture
def labelled(tmp_path):
    path = tmp_path / "labelled.csv"
    path.write_text(
        f"text;topics;programme;sentiment\n{EXAMS};giao_duc;;neutral\n{FIRE};quoc_phong_an_ninh;;negative\n"
        f"{HEART};y_te;;positive\nCông thức nấu phở bò;;;neutral\n",
        encoding="utf-8",
    )
    return path


@pytest.fixture
def data(tmp_path):
    """A data folder with one sample."""
    sample = {"id": "a", "title": "", "text": EXAMS, "topics": ["giao_duc"], "programme": [], "sentiment": "neutral"}
    sample |= {"kind": "lead", "register": "r", "source": "s", "license": "l", "split": "test"}
    (tmp_path / "data" / "policy_news").mkdir(parents=True)
    (tmp_path / "data" / "policy_news" / "a.jsonl").write_text(json.dumps(sample) + "\n")
    return tmp_path / "data"


def shell(*arguments, **options):
    """Run the command line in a process of its own."""
    env = {name: value for name, value in os.environ.items() if name not in LOCALES} | options.pop("env", {})
    command = [sys.executable, "-m", "ctnlp", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, encoding="utf-8", env=env, check=False, **options)


def is_one_line(err):
    return err.count("\n") == 1 and err.startswith("ctnlp: ") and "Traceback" not in err


# Help


@pytest.mark.parametrize("path", COMMANDS, ids=lambda path: " ".join(path) or "ctnlp")
@pytest.mark.parametrize("name", ["-h", "--help"])
def test_every_command_shows_its_help(run, path, name):
    code, out, err = run(*path, name)
    assert (code, err) == (0, "")
    assert out.startswith(f"Usage: {' '.join(['ctnlp', *path])} ")
    assert "Show this message and exit." in out


@pytest.mark.parametrize("path", COMMANDS, ids=lambda path: " ".join(path) or "ctnlp")
def test_every_command_and_option_has_an_english_and_a_vietnamese_help(path):
    vietnamese = ctnlp.cli.language.vietnamese()
    for thing in (COMMANDS[path], *options(COMMANDS[path])):
        english = re.sub(r"\n +", "\n", thing.help or "").strip()
        assert english and english.isascii(), thing.name
        assert not vietnamese[english].isascii(), thing.name


def test_the_vietnamese_help_has_no_text_that_is_not_used():
    used = {
        re.sub(r"\n +", "\n", thing.help).strip()
        for command in COMMANDS.values()
        for thing in (command, *options(command))
    }
    path = Path(ctnlp.cli.__file__).with_name("vi.toml")
    assert set(tomllib.loads(path.read_text(encoding="utf-8"))) == used


@pytest.mark.parametrize("path", COMMANDS, ids=lambda path: " ".join(path) or "ctnlp")
def test_the_vietnamese_help_is_whole(run, path):
    code, out, err = run("--lang", "vi", *path, "--help")
    assert (code, err) == (0, "")
    assert "Hiện phần trợ giúp này rồi thoát." in out
    for thing in (COMMANDS[path], *options(COMMANDS[path])):
        assert " ".join(thing.help.split())[:40] in " ".join(out.split())


@pytest.mark.parametrize(
    ("environment", "arguments", "vietnamese"),
    [
        ({"LANG": "vi_VN.UTF-8"}, [], True),
        ({"LANG": "vi"}, [], True),
        ({"LC_MESSAGES": "vi_VN.UTF-8"}, [], True),
        ({"LC_ALL": "C", "LANG": "vi_VN.UTF-8"}, [], False),
        ({"LANG": "en_GB.UTF-8"}, [], False),
        ({"LANG": "vi_VN.UTF-8"}, ["--lang", "en"], False),
        ({}, ["--lang", "vi"], True),
    ],
    ids=["LANG", "short", "LC_MESSAGES", "LC_ALL-first", "english", "option-over-locale", "option"],
)
def test_the_language_of_the_help(run, monkeypatch, environment, arguments, vietnamese):
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    _, out, _ = run(*arguments, "--help")
    assert ("sắc thái" in out) == vietnamese


def test_the_version_is_that_of_the_package(run):
    assert run("--version")[:2] == (0, f"ctnlp, version {__version__}\n")


def test_the_command_is_installed_under_its_name():
    (entry,) = importlib.metadata.entry_points(group="console_scripts", name="ctnlp")
    assert entry.load() is main


# Texts


def test_classify_prints_labels_with_their_names(run):
    code, out, err = run("classify", HEART, "--title", HEART)
    assert (code, err) == (0, "")
    assert re.search(r"^topic +y_te +[01]\.\d\d  Y tế.* / Health$", out, re.MULTILINE)
    assert re.search(r"^sentiment +positive +[01]\.\d\d  .+$", out, re.MULTILINE)


def test_classify_explains(run):
    _, out, _ = run("classify", EXAMS, "--explain")
    for head in HEADS:
        assert re.search(rf"^why {head} \w+ \([01]\.\d\d\): .+ [+-]\d\.\d\d; all else [+-]\d\.\d\d$", out, re.MULTILINE)


def test_phrases_are_coloured_on_a_terminal(run, monkeypatch):
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    monkeypatch.setenv("FORCE_COLOR", "1")
    _, out, _ = run("classify", EXAMS, "--explain")
    assert "\x1b[1;32m" in out


def test_min_confidence_says_what_needs_review(run):
    assert "needs review" in run("classify", EXAMS, "--min-confidence", "1")[1]
    assert "needs review" not in run("classify", EXAMS, "--min-confidence", "0")[1]
    code, _, err = run("classify", EXAMS, "--min-confidence", "80")
    assert code == 2 and "--min-confidence" in err


def test_a_blank_text_gets_a_line_that_says_so(run):
    assert run("classify", "  ")[:2] == (0, "topic      none\n")


@pytest.mark.parametrize("explain", [[], ["--explain"]], ids=["plain", "explained"])
def test_classify_as_json(run, explain):
    _, out, err = run("classify", EXAMS, "--json", *explain)
    answer = json.loads(out)
    assert err == "" and out.count("\n") == 1
    assert answer["topics"][0]["name"] == "giao_duc"
    assert answer["versions"] == {head: registry.current(head) for head in HEADS}
    assert ("explanations" in answer) == bool(explain)
    if explain:
        assert set(answer["explanations"]) == set(HEADS)
        one = answer["explanations"]["topic"][0]
        assert one["rest"] + sum(phrase["weight"] for phrase in one["phrases"]) == pytest.approx(one["score"])


def test_classify_says_what_the_library_says(run):
    answer = json.loads(run("classify", FIRE, "--title", EXAMS, "--json")[1])
    assert answer == Classifier.load().classify(FIRE, title=EXAMS).to_dict()


@pytest.mark.parametrize("mark", ["", "\ufeff"], ids=["plain", "bom"])
def test_texts_come_from_standard_input(run, stdin, mark):
    stdin(f"{mark}{EXAMS}\n".encode())
    assert "giao_duc" in run("classify", "-")[1]
    stdin(f"{mark}Giá điện tăng, phương án mới\n".encode())
    assert run("segment", "-") == (0, "Giá điện tăng , phương_án mới\n", "")


def test_words_as_json(run):
    assert json.loads(run("segment", "Giá điện tăng, phương án mới", "--json")[1])[2:] == [
        "tăng",
        ",",
        "phương án",
        "mới",
    ]


def test_standard_input_that_is_not_utf_8_is_told(run, stdin):
    stdin(b"abc\xff")
    code, out, err = run("segment", "-")
    assert (code, out) == (1, "")
    assert is_one_line(err) and "not UTF-8" in err and "byte 3" in err


# Tables


def test_score_writes_csv_to_standard_output(run, articles):
    code, out, err = run("score", articles)
    assert code == 0
    assert out.splitlines()[0].startswith("id,title,body,topic,topic_score")
    assert out.splitlines()[1].startswith(f"1,Tin,{EXAMS},giao_duc,")
    assert "2 rows scored\n" in err
    assert re.search(r"topic +giao_duc +1 +50\.0%  Giáo dục", err)


def test_score_takes_its_options(run, articles, tmp_path):
    articles.write_bytes(articles.read_text(encoding="utf-8").encode("utf-16"))
    arguments = ["--prefix", "ct_", "--text-column", "body", "--title-column", "title", "--encoding", "utf-16"]
    code, out, err = run("score", articles, "-o", tmp_path / "out.jsonl", *arguments)
    assert (code, out) == (0, "")
    assert f"2 rows scored into {tmp_path / 'out.jsonl'}\n" in err
    rows = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text(encoding="utf-8").splitlines()]
    assert [row["id"] for row in rows] == ["1", "2"]
    assert rows[0]["ct_topic"] == "giao_duc"


def test_score_reads_standard_input(run, stdin):
    stdin(f'{{"body": "{EXAMS}"}}\n'.encode())
    code, out, _ = run("score", "-")
    assert code == 0
    assert json.loads(out)["topic"] == "giao_duc"


def test_rejected_rows_give_exit_code_3(run, articles, tmp_path):
    articles.write_text(articles.read_text(encoding="utf-8") + "3,cut\n", encoding="utf-8")
    code, _, err = run("score", articles, "-o", tmp_path / "out.csv")
    assert code == 3
    assert f"1 rows rejected, see {tmp_path / 'out.csv.rejected.jsonl'}\n" in err
    code, out, err = run("score", articles)
    assert code == 3
    assert "rows rejected\n" in err and '"line": 4' in err and '"line": 4' not in out


def test_a_terminal_gets_a_bar_and_the_results_stay_clean(run, articles, monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    code, out, err = run("score", articles)
    assert code == 0
    assert len(out.splitlines()) == 3
    assert "\x1b[" in err and "\x1b[" not in out


# Models


def test_models_list_marks_the_one_in_use(run, models, second):
    code, out, _ = run("models", "list", "--models", models)
    assert code == 0
    lines = [line.split() for line in out.splitlines()]
    assert ["*", "sentiment", registry.current("sentiment")] in lines
    assert ["sentiment", second] in lines
    assert len([line for line in lines if line[0] == "*"]) == 3


def test_models_show_prints_the_card_or_the_manifest(run, models):
    version = registry.current("topic")
    _, card, _ = run("models", "show", "topic", "--models", models)
    assert card == ctnlp.card.render(registry.read_manifest("topic"), default().head("topic"))
    assert card.startswith(f"# ctnlp topic {version}\n")
    _, out, _ = run("models", "show", "topic", "--version", version, "--json", "--models", models)
    assert json.loads(out) == json.loads((models / "topic" / version / "manifest.json").read_text(encoding="utf-8"))


def test_models_verify_finds_a_changed_byte(run, models):
    assert run("models", "verify", "--models", models)[1].splitlines() == [
        f"ok {head} {registry.current(head)}" for head in sorted(HEADS)
    ]
    weights = models / "sentiment" / registry.current("sentiment") / "weights.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"\x7f")
    code, _, err = run("models", "verify", "--models", models)
    assert code == 1
    assert is_one_line(err) and "weights.safetensors" in err


def test_models_are_promoted_and_rolled_back(run, models, second):
    first = registry.current("sentiment", models)
    assert run("models", "promote", "sentiment", "--models", models)[1] == f"sentiment {second} is in use\n"
    assert registry.current("sentiment", models) == second
    assert run("models", "rollback", "sentiment", "--models", models)[1] == f"sentiment {first} is in use\n"
    assert run("models", "promote", "sentiment", second, "--models", models)[:2] == (
        0,
        f"sentiment {second} is in use\n",
    )
    assert f'"sentiment": "{second}"' in run("classify", FIRE, "--json", "--models", models)[1]


def test_a_rollback_from_the_first_version_is_told(run, models):
    code, _, err = run("models", "rollback", "topic", "--models", models)
    assert code == 1
    assert is_one_line(err) and "no earlier version" in err


def test_models_export_writes_a_pipeline(run, tmp_path):
    path = tmp_path / "sentiment.joblib"
    assert run("models", "export", "sentiment", path)[:2] == (0, f"{path}\n")
    assert type(joblib.load(path)).__name__ == "Pipeline"


# Learning


@pytest.mark.parametrize("head", HEADS)
def test_evaluate_measures_ones_own_table(run, labelled, head):
    code, out, _ = run("evaluate", head, "--data", labelled, "--json")
    figures = json.loads(out)
    assert code == 0
    assert (figures["head"], figures["samples"]) == (head, 4)
    assert 0 <= figures["figures"]["accuracy"]["low"] <= figures["figures"]["accuracy"]["high"] <= 1


def test_evaluate_measures_the_test_split_where_there_is_one(run, labelled):
    lines = labelled.read_text(encoding="utf-8").splitlines()
    split = ["split", "test", "train", "test", ""]
    labelled.write_text("\n".join(";".join(pair) for pair in zip(lines, split, strict=True)), encoding="utf-8")
    assert run("evaluate", "sentiment", "--data", labelled)[1].startswith("sentiment: 2 samples, ")


def test_evaluate_measures_real_news(run, labelled, monkeypatch):
    monkeypatch.setattr(ctnlp.sources, "news_2026", lambda path: corpus.from_table(path).select([0, 1, 2]))
    assert run("evaluate", "sentiment", "--news", labelled)[1].startswith("sentiment: 3 samples, ")


def test_evaluate_draws_its_figures(run, labelled, tmp_path):
    path = tmp_path / "figures.svg"
    code, out, _ = run("evaluate", "sentiment", "--data", labelled, "--figure", path)
    assert (code, "accuracy" in out) == (0, True)
    assert path.read_bytes().startswith(b"<?xml")
    code, _, err = run("evaluate", "sentiment", "--data", labelled, "--figure", tmp_path / "gone" / "figures.svg")
    assert code == 1
    assert is_one_line(err) and "gone" in err


def own_table(path, tones, split="train"):
    """Different texts of random words, each with a tone."""
    lines = [
        f"{' '.join(f'từ{(number * 7 + k * k) % 97}' for k in range(12))},{tone}" for number, tone in enumerate(tones)
    ]
    rows = [f"{line},{'test' if number % 5 == 0 else split}" for number, line in enumerate(lines)]
    path.write_text("\n".join(["text,sentiment,split", *rows]), encoding="utf-8")
    return path


def test_training_on_too_few_samples_of_a_label_is_told(run, tmp_path):
    path = own_table(tmp_path / "own.csv", ["negative", "neutral"] * 20 + ["positive"] * 3)
    code, out, err = run("train", "sentiment", "--data", path, "--models", tmp_path / "models")
    assert (code, out) == (1, "")
    message = err.splitlines()[-1]
    assert message.startswith("ctnlp: label 'positive' of head 'sentiment' has 2 training samples")
    assert "add samples" in message and "Traceback" not in err
    assert not (tmp_path / "models").exists()


def test_news_that_can_not_be_read_are_told_before_the_training(run, tmp_path):
    path = own_table(tmp_path / "own.csv", ["negative", "neutral", "positive"] * 10)
    code, _, err = run("train", "sentiment", "--data", path, "--news", "gone.csv", "--models", tmp_path / "models")
    assert code == 1
    assert is_one_line(err) and "gone.csv: no such file" in err


def test_training_without_a_test_split_is_told(run, labelled, tmp_path):
    code, _, err = run("train", "topic", "--data", labelled, "--models", tmp_path / "models")
    assert code == 1
    assert is_one_line(err) and "no sample has split 'test'" in err


@pytest.mark.parametrize(
    ("extra", "message"),
    [
        ("vntc=", "--with takes SOURCE or SOURCE=FILE"),
        ("vntc", "vntc was not fetched yet; run: ctnlp data fetch vntc, or name a file"),
        ("wiki=wiki.csv", "unknown source 'wiki'"),
        ("vntc=gone.csv", "no such file"),
    ],
    ids=["no-file", "not-fetched", "unknown", "missing"],
)
def test_a_public_corpus_that_can_not_be_read_is_told(run, data, tmp_path, monkeypatch, extra, message):
    monkeypatch.setenv("CTNLP_CACHE", str(tmp_path))
    code, _, err = run("train", "topic", "--data", data, "--with", extra)
    assert code == 1
    assert is_one_line(err) and message in err


# Samples


def test_data_list_names_the_samples_and_the_corpora(run, data):
    code, out, _ = run("data", "list", "--data", data)
    assert code == 0
    assert re.search(r"^policy_news +1 samples  {'test': 1}$", out, re.MULTILINE)
    assert {line.split()[0] for line in out.splitlines()} == {"policy_news", *SOURCES, *BENCHMARKS}


def test_data_check_tells_every_problem(run, data):
    assert run("data", "check", "--data", data) == (0, "", "the samples are well\n")
    path = data / "policy_news" / "a.jsonl"
    path.write_text(path.read_text() + path.read_text().replace('"lead"', '"novel"'))
    code, out, err = run("data", "check", "--data", data)
    assert code == 1
    assert out.splitlines() == [
        "a: kind 'novel' is not one of headline, lead, article, comment",
        "a: the id stands twice",
    ]
    assert err == "ctnlp: 2 problems in the samples; mend the lines named above\n"


def test_data_check_reads_ones_own_table(run, labelled):
    assert run("data", "check", "--data", labelled)[0] == 0
    lines = labelled.read_text(encoding="utf-8").splitlines()
    labelled.write_text("\n".join([*lines, lines[1]]), encoding="utf-8")
    code, out, _ = run("data", "check", "--data", labelled)
    assert (code, out) == (1, "labelled.csv:6: near-duplicate of labelled.csv:2\n")


def test_data_stats_counts(run, data):
    assert json.loads(run("data", "stats", "--data", data, "--json")[1])["counts"]["topics"] == {"giao_duc": 1}
    out = run("data", "stats", "--data", data)[1]
    assert re.search(r"^programme\n  - +1$", out, re.MULTILINE)


def test_data_stats_counts_ones_own_table(run, labelled):
    counts = json.loads(run("data", "stats", "--data", labelled, "--json")[1])["counts"]
    assert counts["sentiment"] == {"neutral": 2, "negative": 1, "positive": 1}


def test_data_stats_compares_and_draws(run, data, tmp_path):
    (tmp_path / "press.csv").write_text("title,body\nGiá điện tăng,Từ hôm nay giá điện tăng\n", encoding="utf-8")
    figure = tmp_path / "stats.svg"
    code, out, _ = run("data", "stats", "--data", data, "--against", tmp_path / "press.csv", "--figure", figure)
    assert code == 0 and "compared with" in out
    assert "<svg" in figure.read_text(encoding="utf-8")


def test_data_check_compares_with_tables(run, data, tmp_path):
    path = data / "policy_news" / "a.jsonl"
    text = " ".join(f"âm{k}" for k in range(30))
    path.write_text(json.dumps(json.loads(path.read_text(encoding="utf-8")) | {"text": text}), encoding="utf-8")
    (tmp_path / "press.csv").write_text(f"body\n{text}\n", encoding="utf-8")
    code, out, err = run("data", "check", "--data", data, "--against", tmp_path / "press.csv")
    assert (code, is_one_line(err)) == (1, True)
    assert "stands in press.csv too" in out


def test_data_agreement_shows_kappa_by_head_and_label(run):
    out = run("data", "agreement", "news_2026")[1]
    assert re.search(r"^sentiment +0\.\d{3} +0\.\d{3} +4,996 +4,996$", out, re.MULTILINE)
    rows = json.loads(run("data", "agreement", "news_2026", "--json")[1])
    assert {row["head"] for row in rows} == {"topic", "programme", "sentiment"}


def test_data_fetch_takes_a_local_copy_or_tells_why_not(run, tmp_path, monkeypatch):
    monkeypatch.setenv("CTNLP_CACHE", str(tmp_path / "cache"))
    (tmp_path / "vntc.csv").write_text("id,text,label\n1,a,b\n")
    code, out, err = run("data", "fetch", "vntc", "--from", tmp_path / "vntc.csv")
    assert (code, out) == (1, "")
    assert "1 texts, VNTC: A Large-scale" in err.splitlines()[-1] and "has at least 33,759" in err


# Exit codes and messages


@pytest.mark.parametrize(
    "arguments",
    [
        ["classify", "a", "--models", "gone"],
        ["models", "list", "--models", "gone"],
        ["models", "show", "topic", "--version", "1999"],
        ["models", "promote", "topic", "--models", "."],
        ["score", "gone.csv"],
        ["score", "articles.xlsx"],
        ["score", "articles.csv", "-o", "articles.csv"],
        ["score", "articles.csv", "-o", "gone/out.csv"],
        ["score", "articles.csv", "--encoding", "klingon"],
        ["evaluate", "topic", "--data", "gone.csv"],
        ["data", "check", "--data", "gone"],
    ],
    ids=" ".join,
)
def test_an_error_of_ours_is_one_line_and_exit_code_1(run, articles, monkeypatch, arguments):
    monkeypatch.chdir(articles.parent)
    shutil.copy(articles, "articles.xlsx")
    code, out, err = run(*arguments)
    assert (code, out) == (1, "")
    assert is_one_line(err)


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["nope"],
        ["classify"],
        ["classify", "a", "--nope"],
        ["--lang", "fr", "--help"],
        ["train", "mood"],
        ["score", "a.csv", "--jobs", "0"],
        ["score", "a.csv", "--jobs", "two"],
        ["evaluate", "topic", "--figure", "out.txt"],
        ["models", "export", "topic", "a", "--format", "onnx"],
    ],
    ids=lambda arguments: " ".join(arguments) or "nothing",
)
def test_wrong_usage_is_exit_code_2(run, arguments):
    code, out, err = run(*arguments)
    assert (code, out) == (2, "")
    assert err.startswith("Usage: ctnlp ")


def test_a_warning_is_one_line(run, monkeypatch):
    here = ctnlp.train.text_protocol
    other = {"segmenter": "underthesea 99 00"}
    monkeypatch.setattr(ctnlp.train, "text_protocol", lambda blocks: here(blocks) | other)
    warnings.simplefilter("default")
    code, out, err = run("classify", EXAMS)
    assert (code, "giao_duc" in out) == (0, True)
    assert is_one_line(err) and err.startswith("ctnlp: warning: ") and "underthesea 99 00" in err


def test_an_interrupt_is_told_and_has_its_exit_code(run, monkeypatch):
    def interrupt(**options):
        raise KeyboardInterrupt

    monkeypatch.setattr(Classifier, "load", interrupt)
    code, _, err = run("classify", "a")
    assert (code, err.strip()) == (130, "ctnlp: stopped")


def test_a_full_disk_is_one_line(run, monkeypatch):
    def full(**options):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Classifier, "load", full)
    code, _, err = run("classify", "a")
    assert code == 1
    assert is_one_line(err) and "No space left" in err


@pytest.mark.parametrize(
    ("arguments", "code", "out", "err"),
    [
        (["segment", "Giá điện tăng"], 0, r"Giá điện tăng\n", ""),
        (["score", "bad.csv"], 3, r"text,topic,(.|\n)+", r"\{.+\}\n(.|\n)+1 rows rejected\n"),
        (["score", "gone.csv"], 1, "", r"ctnlp: gone\.csv: no such file\n"),
        (["score"], 2, "", r"Usage: ctnlp score (.|\n)+"),
    ],
    ids=["done", "rejected", "error", "usage"],
)
def test_a_process_ends_with_the_documented_exit_code(tmp_path, arguments, code, out, err):
    (tmp_path / "bad.csv").write_text("text\nGiá điện\na,b\n", encoding="utf-8")
    done = shell(*arguments, cwd=tmp_path)
    assert done.returncode == code
    assert re.fullmatch(out, done.stdout)
    assert re.fullmatch(err, done.stderr)


def test_vietnamese_is_printed_whatever_the_encoding_of_the_console():
    done = shell("--help", env={"LANG": "vi_VN.ISO8859-1", "PYTHONIOENCODING": "cp1252", "PYTHONUTF8": "0"})
    assert done.returncode == 0
    assert "sắc thái" in done.stdout


@pytest.mark.skipif(os.name != "posix", reason="pipes of POSIX")
@pytest.mark.parametrize("arguments", [["data", "stats"], ["--help"]], ids=["stats", "help"])
def test_a_reader_that_leaves_is_no_error(data, arguments):
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "wb") as gone:
        command = [sys.executable, "-m", "ctnlp", *arguments]
        env = os.environ | {"CTNLP_DATA": str(data)}
        done = subprocess.run(command, stdout=gone, stderr=subprocess.PIPE, text=True, env=env, check=False)
    assert (done.returncode, done.stderr) == (0, "")
