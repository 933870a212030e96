"""What several commands share: options, arguments, and how they speak to the user."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from ctnlp.errors import InputError

if TYPE_CHECKING:
    from datasets import Dataset

__all__ = [
    "HEADS",
    "REJECTED",
    "confidence_option",
    "data_option",
    "figure_option",
    "head_argument",
    "jobs_option",
    "json_option",
    "models_option",
    "news_option",
    "progress",
    "samples_of",
    "say",
    "text_of",
    "version_option",
]

HEADS: Final = click.Choice(["topic", "programme", "sentiment"])
REJECTED: Final = 3
FIGURES: Final = (".png", ".svg", ".pdf")


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
confidence_option = click.option(
    "--min-confidence",
    type=click.FloatRange(0, 1),
    help="Confidence under which a row needs review, from 0 to 1; each model's own when not given.",
)
version_option = click.option(
    "--version", "version", default="current", show_default=True, help="Version of the model."
)
news_option = click.option("--news", type=click.Path(), help="Measure on real news: a table of url, title, body.")
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
head_argument = click.argument("head", type=HEADS)
figure_option = click.option(
    "--figure",
    type=click.Path(dir_okay=False),
    callback=_figure,
    help="Draw the figures into this PNG, SVG or PDF file.",
)


def say(message: str) -> None:
    """Tell the user something, on standard error."""
    click.echo(message, err=True)


def text_of(argument: str) -> str:
    """The text that an argument gives, or standard input for "-"."""
    if argument != "-":
        return argument
    try:
        return sys.stdin.buffer.read().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(
            f"standard input is not UTF-8 ({error.reason} at byte {error.start}); convert it first"
        ) from error


def samples_of(data: str | None) -> "Dataset":
    """The labelled samples of a folder, or of a table of the user's own."""
    from ctnlp import corpus

    return corpus.from_table(data) if data and Path(data).is_file() else corpus.load(data)


@contextmanager
def progress(unit: str) -> Iterator[Any]:
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
