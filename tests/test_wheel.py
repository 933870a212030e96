import json
import os
import subprocess
import sys
import zipfile
from importlib.util import find_spec
from pathlib import Path

import pytest

from ctnlp import places, registry

ROOT = Path(__file__).parents[1]
HEADS = ("topic", "programme", "sentiment")
CODE = """
import json, pathlib, ctnlp
from ctnlp import corpus, places, registry
from ctnlp.cli import main
result = ctnlp.classify("Bộ Giáo dục và Đào tạo công bố phương án tuyển sinh đại học năm 2026")
files = [ctnlp.__file__, places.find("models"), places.find("data")]
print(json.dumps({
    "topic": result.topic.name,
    "versions": dict(result.versions),
    "samples": len(corpus.load()),
    "files": [str(pathlib.Path(file).resolve()) for file in files],
}))
assert main(["--lang", "vi", "--help"]) == 0
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The wheel of this checkout."""
    folder = tmp_path_factory.mktemp("wheel")
    # Without hatchling here, build fetches it.
    options = ["--no-isolation"] if find_spec("hatchling") else []
    command = [sys.executable, "-m", "build", "--wheel", *options, "--outdir", str(folder), str(ROOT)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    (path,) = folder.glob("*.whl")
    return path


@pytest.fixture(scope="module")
def names(wheel):
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


def test_the_wheel_is_for_every_machine(wheel):
    assert wheel.name.startswith("ctnlp-") and wheel.name.endswith("-py3-none-any.whl")


@pytest.mark.parametrize("head", HEADS)
def test_the_wheel_has_the_models_in_use(names, head):
    folder = f"ctnlp/_models/{head}"
    version = registry.current(head, ROOT / "models")
    assert f"{folder}/CURRENT" in names
    for file in ("manifest.json", "weights.safetensors", "vocabulary.json.gz", "README.md"):
        assert f"{folder}/{version}/{file}" in names


def test_the_wheel_has_all_samples_and_every_file_of_the_package(names):
    samples = {f"ctnlp/_data/policy_news/{path.name}" for path in (ROOT / "data" / "policy_news").glob("*.jsonl")}
    assert samples and samples <= names
    package = {f"ctnlp/{path.relative_to(ROOT / 'ctnlp').as_posix()}" for path in (ROOT / "ctnlp").rglob("*.py")}
    assert package | {"ctnlp/py.typed", "ctnlp/taxonomy.toml", "ctnlp/tone_words.tsv", "ctnlp/cli/vi.toml"} <= names


def test_the_wheel_has_nothing_else(names):
    own = {name for name in names if ".dist-info/" not in name}
    assert {name.split("/")[0] for name in own} == {"ctnlp"}
    assert {Path(name).suffix for name in own if not name.endswith("/CURRENT")} <= {
        *(".py", ".toml", ".tsv", ".typed", ".jsonl", ".json", ".csv", ".md", ".safetensors", ".gz"),
    }
    assert not [name for name in names if "test_" in name or "__pycache__" in name or ".part" in name]


def test_the_wheel_names_its_licence_and_its_command(wheel, names):
    (licence,) = (name for name in names if name.endswith("/LICENSE"))
    info = licence.split("/")[0]
    with zipfile.ZipFile(wheel) as archive:
        metadata = archive.read(f"{info}/METADATA").decode()
        assert "ctnlp = ctnlp.cli:main" in archive.read(f"{info}/entry_points.txt").decode()
    assert "License-Expression: Apache-2.0" in metadata
    assert "Requires-Dist: underthesea" in metadata


def test_the_wheel_classifies_without_the_checkout(wheel, tmp_path):
    site, elsewhere = tmp_path / "site", tmp_path / "elsewhere"
    elsewhere.mkdir()
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)
    env = {name: value for name, value in os.environ.items() if not name.startswith("CTNLP_")}
    env |= {"PYTHONPATH": str(site), "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-W", "error::UserWarning", "-c", CODE]
    done = subprocess.run(
        command, capture_output=True, text=True, encoding="utf-8", cwd=elsewhere, env=env, check=False
    )
    assert done.returncode == 0, done.stderr
    answer, *shown = done.stdout.splitlines()
    said = json.loads(answer)
    assert said["topic"] == "giao_duc"
    assert said["versions"] == {head: registry.current(head, ROOT / "models") for head in HEADS}
    inside = (site / "ctnlp").resolve()
    assert said["files"] == [str(inside / name) for name in ("__init__.py", "_models", "_data")]
    assert said["samples"] == sum(
        len(path.read_text(encoding="utf-8").splitlines())
        for path in (places.find("data", ROOT / "data") / "policy_news").glob("*.jsonl")
    )
    assert any("sắc thái" in line for line in shown)
    assert list(elsewhere.iterdir()) == []
