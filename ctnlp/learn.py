"""The straight line of learning in one call: samples -> train -> evaluate -> save a version -> promote."""

from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from ctnlp import behaviour, registry, sources
from ctnlp.corpus import describe
from ctnlp.errors import CorpusError, ModelNotFound
from ctnlp.evaluate import Evaluation, evaluate
from ctnlp.manifest import Manifest
from ctnlp.taxonomy import default
from ctnlp.train import Parameters, targets, train

if TYPE_CHECKING:
    from datasets import Dataset

__all__ = ["learn", "test_split"]

NEWS: Final = "real news of 2025-26, tuning half"


def learn(
    head: str,
    samples: "Dataset",
    *,
    name: str = "policy_news",
    extra: Mapping[str, str | Path] | None = None,
    news: str | Path | None = None,
    parameters: Parameters | None = None,
    root: str | Path | None = None,
    promote: bool = False,
    n_jobs: int = 1,
    cache_dir: str | Path | None = None,
    on_step: Callable[[str], None] = lambda step: None,
) -> tuple[Manifest, Evaluation]:
    """Train a head on `samples`, measure it on their test split, and save it as a new version under `root`.

    `extra` maps ids of `ctnlp.sources` to local files to train on besides. `name` is how manifest and card call the
    samples. `news` is the table of the real news of 2025-26: one half of it tunes calibration and abstention, on the
    other the version is measured too. With `promote` the version is put in use. Raises `CorpusError` when there is no
    test split.
    """
    parameters = parameters or Parameters()
    held_out = test_split(samples)
    others = {source: sources.read(source, path, seed=parameters.seed) for source, path in (extra or {}).items()}
    real_news = sources.news_2026(news) if news is not None else None
    tuning = sources.news_2026(news, half="tune") if news is not None else None
    # A data folder of one's own may have no minimal pairs; broken ones are told before the training.
    cases = behaviour.pairs() if behaviour.pairs_file().is_file() else []
    model = train(
        head,
        samples,
        extra=list(others.values()),
        tuning=tuning,
        parameters=parameters,
        n_jobs=n_jobs,
        cache_dir=cache_dir,
        on_step=on_step,
    )
    on_step(f"evaluating on {len(held_out)} test samples")
    figures = evaluate(model, held_out, seed=parameters.seed, n_jobs=n_jobs, cache_dir=cache_dir)
    metrics = {f"{name}, test split": figures.to_dict()}
    if real_news is not None:
        on_step("evaluating on real news")
        real = evaluate(model, real_news, seed=parameters.seed, n_jobs=n_jobs, cache_dir=cache_dir)
        metrics["real news of 2025-26, reporting half"] = real.to_dict()
    on_step("trying minimal pairs")
    outcomes = behaviour.run(model, cases, n_jobs=n_jobs)
    licenses = sorted({license_ for license_ in samples["license"] if license_}) or ["not stated"]
    trained = samples.select([i for i, part in enumerate(samples["split"]) if part != "test"])
    training_data = [describe(f"{name}, training split", "this version of ctnlp", " / ".join(licenses), trained)]
    for source_id, rows in others.items():
        source = sources.SOURCES[source_id]
        # Rows that say nothing of this head were not learned from.
        said = np.flatnonzero((targets(default().head(head), rows) >= 0).any(axis=1))
        training_data.append(describe(source.name, source.revision, source.license, rows.select(said)))
    left_out, tuned_on = {"blocks", "seed"}, "held-out folds of the first set"
    if tuning is not None and model.kind == "multiclass":
        left_out, tuned_on = left_out | {"folds"}, NEWS
    elif tuning is not None:
        tuned_on += f" and, weighing twice as much, {NEWS}"
    told = {key: value for key, value in asdict(parameters).items() if key not in left_out}
    try:
        parent = registry.current(head, root)
    except ModelNotFound:
        parent = None
    manifest = registry.save(
        model,
        training_data=training_data,
        parameters=told | {"tuned_on": tuned_on},
        seed=parameters.seed,
        metrics=metrics,
        behaviour={one.capability: {"pairs": one.pairs, "passed": one.passed} for one in outcomes},
        root=root,
        parent=parent,
    )
    if promote:
        registry.promote(head, manifest.version, root)
    return manifest, figures


def test_split(samples: "Dataset") -> "Dataset":
    """The samples whose split is `test`. Raises `CorpusError` when there are none."""
    held_out = samples.select([i for i, part in enumerate(samples["split"]) if part == "test"])
    if not len(held_out):
        raise CorpusError(
            "no sample has split 'test', so nothing could be measured; give some of them a column split=test "
            "(ctnlp.corpus.split keeps near-duplicates together)"
        )
    return held_out
