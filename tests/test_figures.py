"""The figures in README are those of the models in use."""

import re
from pathlib import Path

from ctnlp import registry

README = Path(__file__).parents[1] / "README.md"


def test_every_figure_in_the_readme_stands_in_a_manifest():
    row = re.compile(r"^\| (\w+) \| ([^|]+) \| ([\d,]+) \| (\w+) \| ([\d.]+) \| ([\d.]+) to ([\d.]+) \|$", re.MULTILINE)
    rows = row.findall(README.read_text(encoding="utf-8"))
    assert {head for head, *_ in rows} == {"topic", "programme", "sentiment"}
    for head, measured_on, samples, name, *numbers in rows:
        metrics = registry.read_manifest(head).metrics[measured_on]
        figure = metrics["figures"][name]
        assert f"{metrics['samples']:,}" == samples
        assert [f"{figure[key]:.3f}" for key in ("value", "low", "high")] == numbers
