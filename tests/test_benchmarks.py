import json
import random
import sys

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sklearn.metrics import accuracy_score, f1_score

from benchmarks import accuracy, equality, real_or_written, speed
from ctnlp.sources import BENCHMARKS

GOOD = ["giảng viên nhiệt tình", "bài giảng dễ hiểu", "môn học hữu ích", "thầy dạy rất hay"]
BAD = ["phòng học quá nóng", "bài tập quá khó", "thầy nói nhỏ", "máy chiếu bị hỏng"]


@pytest.fixture
def table(tmp_path):
    def put(name, column="label", count=40):
        rng = random.Random(count)
        rows = [
            {
                "text": f"{rng.choice(GOOD if k % 2 else BAD)} {rng.choice('abcdefgh')}{k}",
                column: "tốt" if k % 2 else "kém",
            }
            for k in range(count)
        ]
        pq.write_table(pa.Table.from_pylist(rows), tmp_path / name)
        return tmp_path / name

    return put


def run(monkeypatch, capsys, *arguments):
    monkeypatch.setattr(sys, "argv", ["accuracy", *map(str, arguments)])
    accuracy.main()
    return capsys.readouterr().out


def test_figures_are_those_of_scikit_learn():
    rng = random.Random(1)
    gold = [rng.choice("aaabbc") for _ in range(300)]
    given = [one if rng.random() < 0.7 else rng.choice("abcd") for one in gold]
    found = accuracy.figures(gold, given)
    assert found["accuracy"][0] == pytest.approx(accuracy_score(gold, given))
    assert found["macro_f1"][0] == pytest.approx(f1_score(gold, given, average="macro", labels=["a", "b", "c"]))
    assert found["weighted_f1"][0] == pytest.approx(f1_score(gold, given, average="weighted"))
    assert all(low < value < high for value, low, high in found.values())


@pytest.mark.parametrize("name", sorted(accuracy.SETTINGS))
def test_every_benchmark_is_registered_with_its_licence(name):
    assert BENCHMARKS[name].license


def test_all_systems_are_measured_on_the_test_file(monkeypatch, capsys, table, tmp_path):
    monkeypatch.setenv("CTNLP_CACHE", str(tmp_path / "cache"))
    out = run(
        monkeypatch,
        capsys,
        "vsfc-topic",
        *("--train", table("train.parquet", "topic", 120), "--test", table("test.parquet", "topic", 30)),
        *("--json", "--jobs", "1"),
    )
    found = json.loads(out)
    assert [one["system"] for one in found["results"]] == list(accuracy.SYSTEMS)
    assert all(one["figures"]["accuracy"][0] > 0.9 for one in found["results"])
    assert all(one["model_bytes"] > 0 for one in found["results"])


def test_without_a_test_file_it_is_cross_validated(monkeypatch, capsys, table):
    arguments = ("vlsp2016", "--train", table("all.parquet"), "--systems", "TF-IDF + LinearSVC")
    out = run(monkeypatch, capsys, *arguments)
    assert "tested on 5-fold cross-validation, 2 times (80 texts)" in out
    assert "TF-IDF + LinearSVC" in out and "underthesea_core" not in out


def test_a_table_without_labels_is_told(monkeypatch, capsys, table):
    with pytest.raises(SystemExit, match="lacks the columns topic; it has text, label"):
        run(monkeypatch, capsys, "vsfc-topic", "--train", table("train.parquet"))


def test_what_gives_us_away_is_found():
    written = {f"w{k}": f"hai ba bốn {k} tin tức chung" for k in range(30)}
    real = [f"theo tuổi trẻ {k} tin tức chung" for k in range(40)]
    found = real_or_written.tell(written, real)
    assert (found.ours, found.real, found.accuracy) == (30, 30, 1.0)
    assert {"hai", "ba", "bốn"} & set(found.ours_by) and {"tuổi", "trẻ"} & set(found.real_by)


@pytest.fixture
def news(tmp_path):
    rows = [{"text": f"Giá xăng hôm nay tăng {k} đồng, người dân TP. Huế lo lắng"} for k in range(30)]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "news.parquet")
    return tmp_path / "news.parquet"


def test_speed_is_told_as_ratios(monkeypatch, capsys, news):
    for name, value in (("TRAINING", 60), ("SIZES", (10, 20)), ("LENGTHS", (1, 2))):
        monkeypatch.setattr(speed, name, value)
    monkeypatch.setattr(sys, "argv", ["speed", "--corpus", str(news), "--rows", "24", "--json"])
    speed.main()
    found = json.loads(capsys.readouterr().out)
    for key in ("segment_ratio", "pipeline_ratio", "two_process_gain", "vs_core_classifier"):
        assert found[key] > 0
    assert found["tokens_identical"] is True
    assert list(found["milliseconds_a_text"]) == ["10", "20"]
    monkeypatch.setattr(sys, "argv", ["speed", "--corpus", str(news), "--rows", "24"])
    speed.main()
    assert "pipeline_ratio" in capsys.readouterr().out


def test_speed_asks_for_enough_texts(monkeypatch, tmp_path):
    pq.write_table(pa.table({"text": ["Giá xăng tăng"]}), tmp_path / "one.parquet")
    monkeypatch.setattr(sys, "argv", ["speed", "--corpus", str(tmp_path / "one.parquet")])
    with pytest.raises(SystemExit, match=r"1 texts of .*one\.parquet, expected 3"):
        speed.main()


@pytest.mark.parametrize("wrong", [False, True])
def test_equality_is_checked_word_for_word(monkeypatch, capsys, news, wrong):
    if wrong:
        monkeypatch.setattr(
            equality.default_segmenter(), "words_of", lambda texts, normalising: [["khác"]] * len(texts), raising=False
        )
    monkeypatch.setattr(sys, "argv", ["equality", str(news), "--jobs", "1"])
    with pytest.raises(SystemExit) as stop:
        equality.main()
    assert bool(stop.value.code) is wrong
    assert f"30 texts, 330 words, {30 if wrong else 0} texts differ" in capsys.readouterr().out
