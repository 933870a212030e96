"""Work on several processes, given up quietly when it is interrupted."""

import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

__all__ = ["Pool", "pool"]


class Pool:
    """Processes that take tasks made by `joblib.delayed`, one after the other."""

    def __init__(self, parallel: Any) -> None:
        """See `pool`."""
        self._parallel = parallel

    def map(self, tasks: Iterable[Any]) -> Iterator[Any]:
        """The results in the order of the tasks, each as soon as it is there."""
        results = self._parallel(tasks)
        try:
            for result in results:  # noqa: UP028 - `yield from` would close the results before we can
                yield result
        finally:
            with warnings.catch_warnings():
                # Work that is given up because of an error or Ctrl-C is no news.
                warnings.filterwarnings("ignore", message=".*tasks", category=UserWarning)
                results.close()


@contextmanager
def pool(n_jobs: int) -> Iterator[Pool]:
    """`n_jobs` processes (-1: one a core); 1 works in this one.

    >>> from joblib import delayed
    >>> with pool(1) as one:
    ...     list(one.map(delayed(abs)(number) for number in (-1, 2)))
    [1, 2]
    """
    import joblib

    with joblib.Parallel(n_jobs=n_jobs, return_as="generator", batch_size=1) as parallel:
        yield Pool(parallel)
