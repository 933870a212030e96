"""A canvas to draw on; matplotlib is an extra."""

from typing import Any

from ctnlp.errors import MissingExtra

__all__ = ["canvas"]


def canvas(width: float, height: float) -> Any:
    """An empty matplotlib `Figure` of this size in inches, tied to no screen. Raises `MissingExtra` without matplotlib.

    >>> canvas(4, 3).get_size_inches().tolist()
    [4.0, 3.0]
    """
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingExtra("matplotlib", extra="plot") from error
    return Figure(figsize=(width, height), layout="constrained")
