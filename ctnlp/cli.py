"""The command line: arguments only, each command is one call of the library.

Results go to standard output, messages to standard error. Exit codes: 0 done, 1 an error of ours in one line, 2 wrong
usage, 3 done but some rows were rejected.
"""

import inspect
import json
import locale
import os
import sys
import tomllib
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from ctnlp.errors import CtnlpError, InputError

if TYPE_CHECKING:
    from ctnlp.batch import Summary
    from ctnlp.model import Explanation

__all__ = ["cli", "main"]

HEADS: Final = click.Choice(["topic", "programme", "sentiment"])
REJECTED: Final = 3
FIGURES: Final = (".png", ".svg", ".pdf")
HELP_NAMES: Final = ["-h", "--help"]


def _jobs(context: click.Context, parameter: click.Parameter, value: int) -> int:
    if value == 0:
        raise click.BadParameter("0 processes do nothing; give their number, or -1 for one a core.")
    return value


def _figure(context: click.Context, parameter: click.Parameter, value: str | None) -> str | None:
    if value and Path(value).suffix.lower() not in FIGURES:
        raise click.BadParameter(f"expected a name ending in {', '.join(FIGURES)}.")
    return value


models_option = click.option(
    "--models",
    "root",
    type=click.Path(file_okay=False),
    help="Folder of models; default: CTNLP_MODELS, or the ones shipped.",
)
data_option = click.option(
    "--data", "data", type=click.Path(), help="Folder that holds policy_news/, or a labelled table of your own."
)
jobs_option = click.option(
    "--jobs", "n_jobs", default=1, show_default=True, callback=_jobs, help="Processes; -1 for one a core."
)
version_option = click.option(
    "--version", "version", default="current", show_default=True, help="Version of the model."
)
news_option = click.option("--news", type=click.Path(), help="Measure on real news: a table of url, title, body.")
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
head_argument = click.argument("head", type=HEADS)


def _set_language(context: click.Context, parameter: click.Parameter, value: str | None) -> str | None:
    if value:
        _translate(cli, value)
    return value


@click.group(context_settings={"help_option_names": HELP_NAMES})
@click.option(
    "--lang",
    type=click.Choice(["en", "vi"]),
    is_eager=True,
    expose_value=False,
    callback=_set_language,
    help="Language of the help: English or Vietnamese.",
)
@click.version_option(package_name="ctnlp")
def cli() -> None:
    """Tag Vietnamese news by policy topic and sentiment.

    It describes texts, in aggregate: no label of truth or loyalty, no profile of any author.
    """


@cli.command()
@click.argument("text")
@click.option("--title", help="The headline, if it stands apart from the text.")
@click.option("--explain", is_flag=True, help="Show the phrases behind each label.")
@json_option
@models_option
def classify(text: str, title: str | None, explain: bool, as_json: bool, root: str | None) -> None:
    """Tag one TEXT, or standard input for "-"."""
    from ctnlp.classify import Classifier

    classifier = Classifier.load(root=root)
    body = _text(text)
    result = classifier.classify(body, title=title)
    why = classifier.explain(body, title=title) if explain else {}
    if as_json:
        printed = result.to_dict()
        if explain:
            printed["explanations"] = {head: [_explained(one) for one in some] for head, some in why.items()}
        click.echo(json.dumps(printed, ensure_ascii=False))
        return
    from ctnlp.taxonomy import default

    rows = [("topic", label) for label in result.topics] + [("programme", label) for label in result.programme]
    for head, label in [*rows, *([("sentiment", result.sentiment)] if result.sentiment else [])]:
        definition = default().head(head).label(label.name)
        click.echo(f"{head:<10} {label.name:<26} {label.score:.2f}  {definition.vi} / {definition.en}")
    if not rows:
        click.echo("topic      none")
    if result.needs_review:
        click.echo("needs review")
    for head, some in why.items():
        for one in some:
            phrases = ", ".join(f"{phrase.text} {phrase.weight:+.2f}" for phrase in one.phrases)
            click.echo(f"why {head} {one.label} ({one.probability:.2f}): {phrases}; all else {one.rest:+.2f}")


def _explained(one: "Explanation") -> dict[str, Any]:
    phrases = [{"text": phrase.text, "weight": phrase.weight} for phrase in one.phrases]
    return {
        "label": one.label,
        "probability": one.probability,
        "score": one.score,
        "phrases": phrases,
        "rest": one.rest,
    }


@cli.command()
@click.argument("text")
@json_option
def segment(text: str, as_json: bool) -> None:
    """Cut TEXT, or standard input for "-", into words."""
    from ctnlp.normalise import normalise
    from ctnlp.segment import segment as words_of

    words = words_of(normalise(_text(text)))
    click.echo(json.dumps(words, ensure_ascii=False) if as_json else " ".join(word.replace(" ", "_") for word in words))


@cli.command()
@click.argument("source", type=click.Path(dir_okay=False, allow_dash=True))
@click.option(
    "-o", "--output", "target", default="-", help="Target; its name tells the format. Default: standard output."
)
@click.option("--text-column", help="Column with the text; found by its usual names when not given.")
@click.option("--title-column", help="Column with the headline; found by its usual names when not given.")
@click.option("--prefix", default="", help="Put before the names of the columns that are added.")
@click.option("--encoding", help="Encoding of a text file; found when not given.")
@jobs_option
@models_option
def score(
    source: str,
    target: str,
    text_column: str | None,
    title_column: str | None,
    prefix: str,
    encoding: str | None,
    n_jobs: int,
    root: str | None,
) -> None:
    """Tag every row of SOURCE (CSV, TSV, JSON Lines, Parquet; "-" for standard input) and keep its columns."""
    from ctnlp import batch
    from ctnlp.classify import Classifier

    classifier = Classifier.load(root=root)
    with _progress("rows") as advance:
        summary = batch.score(
            source,
            target,
            text_column=text_column,
            title_column=title_column,
            classifier=classifier,
            prefix=prefix,
            encoding=encoding,
            n_jobs=n_jobs,
            on_rows=advance,
        )
    _say(_table(summary))
    _say(f"{summary.rows:,} rows scored" + (f" into {target}" if target != "-" else ""))
    if summary.rejected:
        _say(
            f"{summary.rejected:,} rows rejected" + (f", see {summary.rejected_path}" if summary.rejected_path else "")
        )
        raise click.exceptions.Exit(REJECTED)


def _table(summary: "Summary") -> str:
    """Topics and tones of the rows, most frequent first."""
    from ctnlp.taxonomy import default

    lines = []
    for head, counts in (("topic", summary.topics), ("sentiment", summary.sentiments)):
        for name, count in sorted(counts.items(), key=lambda item: (-item[1], item[0])):
            vi = "(none)" if name == "-" else default().head(head).label(name).vi
            lines.append(f"  {head:<10} {name:<26} {count:>7,} {count / max(summary.rows, 1):>6.1%}  {vi}")
    return "\n".join(lines)


@cli.command()
@head_argument
@data_option
@click.option(
    "--with", "extra", multiple=True, metavar="SOURCE=FILE", help="Train on a public corpus too: vntc, phap_dien."
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
        _samples(data),
        name=Path(data).stem if data and Path(data).is_file() else "policy_news",
        extra=pairs,
        news=news,
        parameters=Parameters(seed=seed),
        root=root,
        promote=promote,
        n_jobs=n_jobs,
        cache_dir=places.cache_dir() / "segmented",
        on_step=_say,
    )
    click.echo(figures.to_text())
    _say(f"saved {head} {manifest.version}" + (", now in use" if promote else f"; use it: ctnlp models promote {head}"))


@cli.command()
@head_argument
@data_option
@news_option
@version_option
@json_option
@click.option(
    "--figure",
    type=click.Path(dir_okay=False),
    callback=_figure,
    help="Draw the figures into this PNG, SVG or PDF file.",
)
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
    samples = sources.news_2026(news) if news else _samples(data)
    figures = measure(model, test_split(samples) if "test" in set(samples["split"]) else samples, n_jobs=n_jobs)
    if figure:
        plot(figures, figure)
    click.echo(json.dumps(figures.to_dict(), ensure_ascii=False) if as_json else figures.to_text())


@cli.group()
def models() -> None:
    """List, show, verify, promote, roll back and export model versions."""


@models.command("list")
@models_option
def models_list(root: str | None) -> None:
    """List all versions; a star marks the one in use."""
    from ctnlp import registry

    for head in registry.heads(root):
        used = registry.current(head, root)
        for version in registry.versions(head, root):
            click.echo(f"{'*' if version == used else ' '} {head:<10} {version}")


@models.command("show")
@head_argument
@version_option
@json_option
@models_option
def models_show(head: str, version: str, as_json: bool, root: str | None) -> None:
    """Show the card of a version, or its manifest with --json."""
    from ctnlp import card, registry
    from ctnlp.manifest import to_json
    from ctnlp.taxonomy import default

    manifest = registry.read_manifest(head, version, root)
    click.echo(to_json(manifest) if as_json else card.render(manifest, default().head(head)), nl=False)


@models.command("verify")
@models_option
def models_verify(root: str | None) -> None:
    """Check every file of every version against its manifest."""
    from ctnlp import registry

    for head in registry.heads(root):
        for version in registry.versions(head, root):
            registry.verify(head, version, root)
            click.echo(f"ok {head} {version}")


@models.command("promote")
@head_argument
@click.argument("version", required=False)
@models_option
def models_promote(head: str, version: str | None, root: str | None) -> None:
    """Put VERSION of HEAD in use; without VERSION, the newest."""
    from ctnlp import registry

    newest = [*registry.versions(head, root), ""][-2:][0] if registry.versions(head, root) else "none"
    click.echo(f"{head} {registry.promote(head, version or newest, root)} is in use")


@models.command("rollback")
@head_argument
@models_option
def models_rollback(head: str, root: str | None) -> None:
    """Put the version of HEAD in use again that was used before."""
    from ctnlp import registry

    click.echo(f"{head} {registry.rollback(head, root)} is in use")


@models.command("export")
@head_argument
@click.argument("path", type=click.Path(dir_okay=False))
@click.option(
    "--format", "kind", type=click.Choice(["joblib"]), default="joblib", show_default=True, help="Format of the file."
)
@version_option
@models_option
def models_export(head: str, path: str, kind: str, version: str, root: str | None) -> None:
    """Write HEAD as a scikit-learn Pipeline to PATH."""
    from ctnlp import registry

    click.echo(registry.export(head, path, version, root))


@cli.group()
def data() -> None:
    """List, check and count the labelled samples."""


@data.command("list")
@data_option
def data_list(data: str | None) -> None:
    """List the samples and the public corpora that training can use."""
    from ctnlp import corpus, sources

    counts = corpus.stats(_samples(data))["split"]
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
    _say("the samples are well")


@data.command("stats")
@data_option
@json_option
def data_stats(data: str | None, as_json: bool) -> None:
    """Count the samples by topic, programme group, tone, kind, register and split."""
    from ctnlp import corpus

    counts = corpus.stats(_samples(data))
    if as_json:
        click.echo(json.dumps(counts, ensure_ascii=False))
        return
    for name, values in counts.items():
        click.echo(name)
        for value, count in values.items():
            click.echo(f"  {value or '-':<28} {count:>7,}")


def _samples(data: str | None) -> Any:
    from ctnlp import corpus

    return corpus.from_table(data) if data and Path(data).is_file() else corpus.load(data)


def _source_file(item: str) -> tuple[str, str]:
    source, equals, path = item.partition("=")
    if not equals:
        raise InputError(f"--with takes SOURCE=FILE, such as vntc=vntc_train.parquet; got {item!r}")
    return source, path


def _text(argument: str) -> str:
    if argument != "-":
        return argument
    try:
        return sys.stdin.buffer.read().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(
            f"standard input is not UTF-8 ({error.reason} at byte {error.start}); convert it first"
        ) from error


@contextmanager
def _progress(unit: str) -> Iterator[Any]:
    """A bar on a terminal, nothing elsewhere."""
    if not sys.stderr.isatty():
        yield lambda count: None
        return
    from rich.console import Console
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (SpinnerColumn(), TextColumn("{task.completed:,} " + unit), TimeElapsedColumn())
    # Standard output stays as it is: rich would send it to the bar's console, results and all.
    with Progress(*columns, console=Console(stderr=True), transient=True, redirect_stdout=False) as bar:
        task = bar.add_task(unit, total=None)
        yield lambda count: bar.advance(task, count)


def _say(message: str) -> None:
    click.echo(message, err=True)


_ENGLISH: Final[dict[int, str]] = {}


@cache
def _vietnamese() -> dict[str, str]:
    return tomllib.loads(Path(__file__).with_name("cli_vi.toml").read_text(encoding="utf-8"))


def _translate(command: click.Command, language: str) -> None:
    """Set the help of a command, its options and its subcommands in a language."""
    things: list[click.Command | click.Option] = [command]
    # With the option that shows the help itself.
    options = command.get_params(click.Context(command, help_option_names=HELP_NAMES))
    things += [option for option in options if isinstance(option, click.Option)]
    for thing in things:
        if thing.help:
            english = _ENGLISH.setdefault(id(thing), inspect.cleandoc(thing.help))
            thing.help = _vietnamese().get(english, english) if language == "vi" else english
    if isinstance(command, click.Group):
        for sub in command.commands.values():
            _translate(sub, language)


def _is_vietnamese_locale() -> bool:
    named = next((os.environ[name] for name in ("LC_ALL", "LC_MESSAGES", "LANG") if os.environ.get(name)), "")
    return (named or locale.getlocale()[0] or "").lower().startswith("vi")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    for stream in (sys.stdout, sys.stderr):
        # Vietnamese on a console of another code page.
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(encoding="utf-8")
    warnings.showwarning = lambda message, *_, **__: _say(f"ctnlp: warning: {message}")
    if _is_vietnamese_locale():
        _translate(cli, "vi")
    try:
        return cli.main(arguments, prog_name="ctnlp", standalone_mode=False) or 0
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (CtnlpError, OSError) as error:  # or a disk that is full, a folder that can't be written
        _say(f"ctnlp: {error}")
        return 1
    except (click.Abort, KeyboardInterrupt):
        _say("ctnlp: stopped")
        return 130
    except SystemExit:
        # How click ends when the reader of a pipe (head, less) has gone: it has what it wanted.
        return 0


if __name__ == "__main__":
    sys.exit(main())
