"""The language of the help: English, or Vietnamese by `vi.toml`."""

import inspect
import locale
import os
import tomllib
from functools import cache
from pathlib import Path
from typing import Final

import click

__all__ = ["HELP_NAMES", "is_vietnamese_locale", "translate", "vietnamese"]

HELP_NAMES: Final = ["-h", "--help"]
_ENGLISH: Final[dict[int, str]] = {}


@cache
def vietnamese() -> dict[str, str]:
    """Vietnamese help by the English one."""
    return tomllib.loads(Path(__file__).with_name("vi.toml").read_text(encoding="utf-8"))


def translate(command: click.Command, language: str) -> None:
    """Set the help of a command, its options and its subcommands in a language."""
    things: list[click.Command | click.Option] = [command]
    # With the option that shows the help itself.
    options = command.get_params(click.Context(command, help_option_names=HELP_NAMES))
    things += [option for option in options if isinstance(option, click.Option)]
    for thing in things:
        if thing.help:
            english = _ENGLISH.setdefault(id(thing), inspect.cleandoc(thing.help))
            thing.help = vietnamese().get(english, english) if language == "vi" else english
    if isinstance(command, click.Group):
        for sub in command.commands.values():
            translate(sub, language)


def is_vietnamese_locale() -> bool:
    """Whether the environment asks for Vietnamese."""
    named = next((os.environ[name] for name in ("LC_ALL", "LC_MESSAGES", "LANG") if os.environ.get(name)), "")
    return (named or locale.getlocale()[0] or "").lower().startswith("vi")
