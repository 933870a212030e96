"""Where models, labelled samples and caches are on this machine."""

import os
from pathlib import Path
from typing import Final, Literal

import platformdirs

__all__ = ["cache_dir", "find"]

_PACKAGE: Final = Path(__file__).parent


def find(what: Literal["models", "data"], given: str | Path | None = None) -> Path:
    """The folder of the models or the samples.

    Looked for in this order: the folder `given`; the environment (`CTNLP_MODELS`, `CTNLP_DATA`); `models/` or `data/`
    of the checkout that this package is run from; the copy inside the installed package. The first two are taken as
    they are, whether they exist or not: what a user named is never replaced by something else.

    >>> find("models", "/srv/models").as_posix()
    '/srv/models'
    """
    named = given if given is not None else os.environ.get(f"CTNLP_{what.upper()}") or None
    if named is not None:
        return Path(named)
    checkout = _PACKAGE.parent
    if (checkout / "pyproject.toml").is_file() and (checkout / what).is_dir():
        return checkout / what
    return _PACKAGE / f"_{what}"


def cache_dir() -> Path:
    """The user's cache folder for ctnlp: `CTNLP_CACHE`, else the one usual on this system.

    >>> cache_dir().name.startswith("ctnlp")
    True
    """
    named = os.environ.get("CTNLP_CACHE")
    return Path(named) if named else Path(platformdirs.user_cache_dir("ctnlp", appauthor=False))
