"""The rules of the house, checked."""

import ast
import importlib
import json
import pkgutil
import re
import subprocess
import sys
from pathlib import Path

import pytest

import ctnlp

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "ctnlp"
MODULES = sorted(
    module.name for module in pkgutil.walk_packages([str(PACKAGE)], "ctnlp.") if module.name != "ctnlp.__main__"
)
HEAVY = ("sklearn", "scipy", "pandas", "pyarrow", "datasets", "underthesea", "joblib", "rich", "matplotlib")


def levels() -> dict[str, int]:
    """Modules and their levels, from the table in ARCHITECTURE.md."""
    rows = re.findall(
        r"^\| (\d+) \| `(\w+)(?:\.py|/)`", (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8"), re.MULTILINE
    )
    return {name: int(level) for level, name in rows}


def imported(path: Path) -> set[str]:
    """Modules of ctnlp that a file imports, by the first name below the package."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module == "ctnlp":
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("ctnlp."):
            found.add(node.module.split(".")[1])
        elif isinstance(node, ast.Import):
            found |= {alias.name.split(".")[1] for alias in node.names if alias.name.startswith("ctnlp.")}
    return found


def test_every_module_stands_in_the_table_of_the_house():
    modules = {path.stem for path in PACKAGE.glob("*.py")} | {
        path.parent.name for path in PACKAGE.glob("*/__init__.py")
    }
    assert modules - {"__init__", "__main__"} == set(levels())


@pytest.mark.parametrize("name", sorted(levels()))
def test_modules_import_only_from_lower_levels(name):
    level = levels()
    files = [PACKAGE / f"{name}.py"] if (PACKAGE / f"{name}.py").exists() else list((PACKAGE / name).glob("*.py"))
    higher = {other for file in files for other in imported(file) if other != name and level[other] >= level[name]}
    assert not higher, f"{name} (level {level[name]}) reaches up to {higher}"


@pytest.mark.parametrize("name", MODULES)
def test_all_names_what_a_module_offers(name):
    module = sys.modules.get(name) or importlib.import_module(name)
    assert module.__doc__, "a module says its job"
    assert sorted(module.__all__) == list(module.__all__) or set(module.__all__) == {*module.__all__}
    missing = [public for public in module.__all__ if not hasattr(module, public)]
    assert not missing


def test_the_package_offers_what_all_says():
    public = {name for name in vars(ctnlp) if not name.startswith("_")}
    submodules = {module.split(".")[1] for module in MODULES}
    assert public - submodules - {"TYPE_CHECKING"} == set(ctnlp.__all__) - {"__version__", "classify"}


@pytest.mark.parametrize(
    "code",
    [
        "from ctnlp import classify; r = classify(t)",
        "import ctnlp; r = ctnlp.classify(t)",
        "import ctnlp.classify; r = ctnlp.classify(t)",
        "import ctnlp.classify as c; r = c(t)",
        "from ctnlp.classify import classify; r = classify(t)",
    ],
)
def test_all_five_spellings_classify(code):
    scope = {"t": "Bộ Giáo dục và Đào tạo công bố phương án tuyển sinh đại học năm 2026"}
    exec(code, scope)
    assert scope["r"].topic.name == "giao_duc"
    assert scope["r"].sentiment.name in ("negative", "neutral", "positive")


def test_the_module_also_has_its_members_when_it_is_called_by_another_name():
    import ctnlp.classify as c

    assert c.Classifier is ctnlp.Classifier
    assert c.classify_many is ctnlp.classify_many


def test_import_is_light_and_leaves_logging_alone():
    code = (
        "import logging, sys; before = (logging.getLogger().handlers[:], logging.getLogger().level)\n"
        "import ctnlp\n"
        f"print([name for name in {HEAVY!r} if name in sys.modules])\n"
        "print(before == (logging.getLogger().handlers, logging.getLogger().level))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split("\n")[:2] == ["[]", "True"]


def test_classifying_needs_numpy_alone():
    """What a first classification waits for: no scikit-learn, no scipy, no underthesea."""
    code = f"import ctnlp, sys; ctnlp.classify('Giá điện tăng'); print([n for n in {HEAVY!r} if n in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_classifying_leaves_the_root_logger_alone():
    code = (
        "import logging; before = (logging.getLogger().handlers[:], logging.getLogger().level)\n"
        "import ctnlp; ctnlp.classify('Giá điện tăng')\n"
        "print(before == (logging.getLogger().handlers, logging.getLogger().level))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "True"


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=lambda path: path.name)
def test_nothing_in_the_package_loads_a_pickle_or_runs_text(path):
    text = path.read_text(encoding="utf-8")
    forbidden = r"\b(pickle\.load|joblib\.load|allow_pickle=True|eval\(|exec\(|yaml\.load)"
    assert not re.search(forbidden, text)


def test_the_notebook_only_calls_the_library_and_has_no_outputs():
    for path in sorted((ROOT / "notebooks").glob("*.ipynb")):
        for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
            if cell["cell_type"] == "code":
                source = "".join(line for line in cell["source"] if not line.startswith("%"))
                assert not any(isinstance(n, ast.FunctionDef | ast.ClassDef) for n in ast.walk(ast.parse(source)))
                assert cell["outputs"] == [] and cell["execution_count"] is None


def test_the_repository_names_no_path_of_a_machine():
    files = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    offenders = []
    for name in files.split("\0"):
        path = ROOT / name
        if path.suffix in (".py", ".md", ".toml", ".ipynb", ".csv", ".jsonl", ".json") and path.is_file():
            if re.search(r"/(home/\w|root/|Users/\w|tmp/\w|work/\w)", path.read_text(encoding="utf-8")):
                offenders.append(name)
    assert not offenders
