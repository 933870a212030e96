"""The command line: arguments only, each command is one call of the library.

Results go to standard output, messages to standard error. Exit codes: 0 done, 1 an error of ours in one line, 2 wrong
usage, 3 done but some rows were rejected.
"""

import sys
import warnings
from collections.abc import Sequence

import click

from ctnlp.cli.data import data
from ctnlp.cli.language import HELP_NAMES, is_vietnamese_locale, translate
from ctnlp.cli.learning import evaluate, train
from ctnlp.cli.models import models
from ctnlp.cli.options import say
from ctnlp.cli.tagging import classify, score, segment
from ctnlp.errors import CtnlpError

__all__ = ["cli", "main"]


def _set_language(context: click.Context, parameter: click.Parameter, value: str | None) -> str | None:
    if value:
        translate(cli, value)
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


for _command in (classify, segment, score, train, evaluate, models, data):
    cli.add_command(_command)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    for stream in (sys.stdout, sys.stderr):
        # Vietnamese on a console of another code page.
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(encoding="utf-8")
    warnings.showwarning = lambda message, *_, **__: say(f"ctnlp: warning: {message}")
    if is_vietnamese_locale():
        translate(cli, "vi")
    try:
        return cli.main(arguments, prog_name="ctnlp", standalone_mode=False) or 0
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (CtnlpError, OSError) as error:  # or a disk that is full, a folder that can't be written
        say(f"ctnlp: {error}")
        return 1
    except (click.Abort, KeyboardInterrupt):
        say("ctnlp: stopped")
        return 130
    except SystemExit:
        # How click ends when the reader of a pipe (head, less) has gone: it has what it wanted.
        return 0
