"""Commands on labelled samples and public corpora."""

import json
from dataclasses import asdict

import click

from ctnlp.cli.options import data_option, figure_option, json_option, progress, samples_of, say
from ctnlp.errors import InputError

__all__ = ["data"]


@click.group()
def data() -> None:
    """List, fetch, check and count labelled samples and public corpora."""


@data.command("list")
@data_option
def data_list(data: str | None) -> None:
    """List the samples and the public corpora that training or benchmarks can use."""
    from ctnlp import sources, stats

    splits = stats.counts(samples_of(data))["split"]
    click.echo(f"{'policy_news':<14} {sum(splits.values()):>7,} samples  {splits}")
    for source in sources.SOURCES.values():
        click.echo(f"{source.id:<14} {source.license}; {source.home}")
    for benchmark in sources.BENCHMARKS.values():
        click.echo(f"{benchmark.id:<14} benchmark; {benchmark.license}; {benchmark.home}")


@data.command("fetch")
@click.argument("source", type=click.Choice(["vntc", "phap_dien"]))
@click.option(
    "--from",
    "local",
    type=click.Path(),
    help="Take a local copy in place of the web: a table, an archive or a folder.",
)
def data_fetch(source: str, local: str | None) -> None:
    """Fetch a public corpus, verify it, keep it in the cache folder and print where."""
    from ctnlp.fetch import fetch

    with progress("bytes") as advance:
        click.echo(fetch(source, local=local, on_step=say, on_bytes=advance))


@data.command("check")
@data_option
@click.option(
    "--against",
    multiple=True,
    type=click.Path(dir_okay=False),
    help="Table whose texts must not stand among the samples; may be given several times.",
)
def data_check(data: str | None, against: tuple[str, ...]) -> None:
    """Check the samples: schema, labels, duplicates, splits, templates, lengths, balance, copied text."""
    from ctnlp import checks

    problems = checks.check(data, against=against)
    for problem in problems:
        click.echo(f"{problem.sample}: {problem.reason}")
    if problems:
        raise InputError(f"{len(problems)} problems in the samples; mend the lines named above")
    say("the samples are well")


@data.command("stats")
@data_option
@click.option(
    "--against",
    type=click.Path(dir_okay=False),
    help="Table of real headlines and leads (title, body or text) to compare the language with.",
)
@figure_option
@json_option
def data_stats(data: str | None, against: str | None, figure: str | None, as_json: bool) -> None:
    """Count the samples by label, tone, kind, register and split; labels together, lengths, richness of language."""
    from ctnlp import stats
    from ctnlp.corpus import texts_of

    found = stats.summarise(samples_of(data), against=texts_of(against) if against else ())
    if figure:
        stats.plot(found, figure)
    click.echo(json.dumps(found.to_dict(), ensure_ascii=False) if as_json else found.to_text())


@data.command("agreement")
@click.argument("part", type=click.Choice(["policy_news", "vntc", "news_2026"]))
@data_option
@json_option
def data_agreement(part: str, data: str | None, as_json: bool) -> None:
    """Show how far the two labellings of PART agree: Cohen's kappa per head and per label."""
    from ctnlp import agreement

    found = agreement.kappas(agreement.labellings(part, data))
    if as_json:
        click.echo(json.dumps([asdict(one) for one in found], ensure_ascii=False))
        return
    click.echo(f"{found[0].texts:,} texts{'':<18} kappa   agree   first  second")
    for one in found:
        name = f"  {one.label}" if one.label else one.head
        click.echo(f"{name:<30} {one.kappa:>6.3f}  {one.agree:>6.3f} {one.first:>7,} {one.second:>7,}")
