"""Commands that learn and measure: train, evaluate."""

import json
from collections.abc import Sequence
from pathlib import Path

import click

from ctnlp.cli.options import (
    data_option,
    figure_option,
    head_argument,
    jobs_option,
    json_option,
    models_option,
    news_option,
    samples_of,
    say,
    version_option,
)
from ctnlp.errors import InputError

__all__ = ["evaluate", "train"]


@click.command()
@head_argument
@data_option
@click.option(
    "--with",
    "extra",
    multiple=True,
    metavar="SOURCE[=FILE]",
    help="Train on a public corpus too: vntc, phap_dien; as fetched before, or from FILE.",
)
@news_option
@click.option("--promote", is_flag=True, help="Put the new version in use.")
@click.option("--seed", default=765, show_default=True, help="Seed of folds and fitting.")
@jobs_option
@models_option
def train(
    head: str,
    data: str | None,
    extra: Sequence[str],
    news: str | None,
    promote: bool,
    seed: int,
    n_jobs: int,
    root: str | None,
) -> None:
    """Train HEAD on the labelled samples, measure it on their test split, save it as a new version."""
    from ctnlp import places
    from ctnlp.learn import learn
    from ctnlp.train import Parameters

    pairs = dict(_source_file(item) for item in extra)
    manifest, figures = learn(
        head,
        samples_of(data),
        name=Path(data).stem if data and Path(data).is_file() else "policy_news",
        extra=pairs,
        news=news,
        parameters=Parameters(seed=seed),
        root=root,
        promote=promote,
        n_jobs=n_jobs,
        cache_dir=places.cache_dir() / "segmented",
        on_step=say,
    )
    click.echo(figures.to_text())
    say(f"saved {head} {manifest.version}" + (", now in use" if promote else f"; use it: ctnlp models promote {head}"))


@click.command()
@head_argument
@data_option
@news_option
@version_option
@json_option
@figure_option
@jobs_option
@models_option
def evaluate(
    head: str,
    data: str | None,
    news: str | None,
    version: str,
    as_json: bool,
    figure: str | None,
    n_jobs: int,
    root: str | None,
) -> None:
    """Measure HEAD on the test split of the samples, or on your own labelled table."""
    from ctnlp import registry, sources
    from ctnlp.evaluate import evaluate as measure
    from ctnlp.evaluate import plot
    from ctnlp.learn import test_split

    model, _ = registry.load(head, version, root)
    samples = sources.news_2026(news) if news else samples_of(data)
    figures = measure(model, test_split(samples) if "test" in set(samples["split"]) else samples, n_jobs=n_jobs)
    if figure:
        plot(figures, figure)
    click.echo(json.dumps(figures.to_dict(), ensure_ascii=False) if as_json else figures.to_text())


def _source_file(item: str) -> tuple[str, str]:
    from ctnlp.fetch import fetched

    source, equals, path = item.partition("=")
    if equals and not path:
        raise InputError(f"--with takes SOURCE or SOURCE=FILE, such as vntc=vntc_train.parquet; got {item!r}")
    return source, path or str(fetched(source))
