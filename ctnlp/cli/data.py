"""Commands on labelled samples and public corpora."""

import json

import click

from ctnlp.cli.options import data_option, json_option, samples_of, say
from ctnlp.errors import InputError

__all__ = ["data"]


@click.group()
def data() -> None:
    """List, check and count the labelled samples."""


@data.command("list")
@data_option
def data_list(data: str | None) -> None:
    """List the samples and the public corpora that training can use."""
    from ctnlp import corpus, sources

    counts = corpus.stats(samples_of(data))["split"]
    click.echo(f"{'policy_news':<12} {sum(counts.values()):>7,} samples  {counts}")
    for source in sources.SOURCES.values():
        click.echo(f"{source.id:<12} {source.license}; {source.home}")


@data.command("check")
@data_option
def data_check(data: str | None) -> None:
    """Check the samples: schema, labels, duplicates, splits."""
    from ctnlp import corpus

    problems = corpus.check(data)
    for problem in problems:
        click.echo(f"{problem.sample}: {problem.reason}")
    if problems:
        raise InputError(f"{len(problems)} problems in the samples; mend the lines named above")
    say("the samples are well")


@data.command("stats")
@data_option
@json_option
def data_stats(data: str | None, as_json: bool) -> None:
    """Count the samples by topic, programme group, tone, kind, register and split."""
    from ctnlp import corpus

    counts = corpus.stats(samples_of(data))
    if as_json:
        click.echo(json.dumps(counts, ensure_ascii=False))
        return
    for name, values in counts.items():
        click.echo(name)
        for value, count in values.items():
            click.echo(f"  {value or '-':<28} {count:>7,}")
