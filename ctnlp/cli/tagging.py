"""Commands that tag: classify, segment, score."""

import json
import sys
from typing import TYPE_CHECKING, Any

import click

from ctnlp.cli.options import (
    REJECTED,
    confidence_option,
    jobs_option,
    json_option,
    models_option,
    progress,
    say,
    text_of,
)

if TYPE_CHECKING:
    from ctnlp.batch import Summary
    from ctnlp.explain import Explanation

__all__ = ["classify", "score", "segment"]


@click.command()
@click.argument("text")
@click.option("--title", help="The headline, if it stands apart from the text.")
@click.option("--explain", is_flag=True, help="Show the phrases behind each label.")
@confidence_option
@json_option
@models_option
def classify(
    text: str, title: str | None, explain: bool, min_confidence: float | None, as_json: bool, root: str | None
) -> None:
    """Tag one TEXT, or standard input for "-"."""
    from ctnlp.classify import Classifier

    classifier = Classifier.load(root=root, min_confidence=min_confidence)
    body = text_of(text)
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
            _show(head, one, body, title or "")


def _show(head: str, one: "Explanation", text: str, title: str) -> None:
    """The phrases behind a label; on a terminal also the text, with what speaks for the label green, against it red."""
    phrases = ", ".join(f"{phrase.text} {phrase.weight:+.2f}" for phrase in one.phrases)
    click.echo(f"why {head} {one.label} ({one.probability:.2f}): {phrases}; all else {one.rest:+.2f}")
    if not sys.stdout.isatty():
        return
    from rich.console import Console
    from rich.text import Text

    for part, whole in (("title", title), ("text", text)):
        shown = Text(whole)
        for phrase in one.phrases:
            for span in phrase.spans:
                if span.part == part:
                    shown.stylize("bold green" if phrase.weight > 0 else "bold red", span.start, span.end)
        if whole:
            Console().print(shown)


def _explained(one: "Explanation") -> dict[str, Any]:
    phrases = [
        {"text": phrase.text, "weight": phrase.weight, "spans": [span._asdict() for span in phrase.spans]}
        for phrase in one.phrases
    ]
    return {
        "label": one.label,
        "probability": one.probability,
        "score": one.score,
        "phrases": phrases,
        "rest": one.rest,
    }


@click.command()
@click.argument("text")
@json_option
def segment(text: str, as_json: bool) -> None:
    """Cut TEXT, or standard input for "-", into words."""
    from ctnlp.normalise import normalise
    from ctnlp.segment import segment as words_of

    words = words_of(normalise(text_of(text)))
    click.echo(json.dumps(words, ensure_ascii=False) if as_json else " ".join(word.replace(" ", "_") for word in words))


@click.command()
@click.argument("source", type=click.Path(dir_okay=False, allow_dash=True))
@click.option(
    "-o", "--output", "target", default="-", help="Target; its name tells the format. Default: standard output."
)
@click.option("--text-column", help="Column with the text; found by its usual names when not given.")
@click.option("--title-column", help="Column with the headline; found by its usual names when not given.")
@click.option("--prefix", default="", help="Put before the names of the columns that are added.")
@click.option("--encoding", help="Encoding of a text file; found when not given.")
@confidence_option
@jobs_option
@models_option
def score(
    source: str,
    target: str,
    text_column: str | None,
    title_column: str | None,
    prefix: str,
    encoding: str | None,
    min_confidence: float | None,
    n_jobs: int,
    root: str | None,
) -> None:
    """Tag every row of SOURCE (CSV, TSV, JSON Lines, Parquet; "-" for standard input) and keep its columns."""
    from ctnlp import batch
    from ctnlp.classify import Classifier

    classifier = Classifier.load(root=root, min_confidence=min_confidence)
    with progress("rows") as advance:
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
    say(_table(summary))
    say(f"{summary.rows:,} rows scored" + (f" into {target}" if target != "-" else ""))
    if summary.rejected:
        say(f"{summary.rejected:,} rows rejected" + (f", see {summary.rejected_path}" if summary.rejected_path else ""))
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
