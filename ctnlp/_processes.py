"""Work on several processes, given up quietly when it is interrupted; locks that survive a fork."""

import os
import threading
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any
from weakref import WeakSet

__all__ = ["Lock", "alone", "pool"]


class Lock:
    """A lock that a forked child finds open: whoever held it in the parent does not exist in the child.

    >>> lock = Lock()
    >>> with lock.held:
    ...     pass
    """

    def __init__(self) -> None:
        self.renew()
        _locks.add(self)

    def renew(self) -> None:
        """Open it, whoever holds it."""
        # An attribute, not a context manager of our own: Ctrl-C between taking and holding would close it for ever.
        self.held = threading.Lock()


_locks: WeakSet[Lock] = WeakSet()


def _renew_all() -> None:
    for lock in list(_locks):
        lock.renew()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew_all)


def alone(n_jobs: int) -> bool:
    """Whether so many processes are this one alone.

    >>> alone(1), alone(2)
    (True, False)
    """
    if n_jobs == 1:
        return True
    import joblib

    return bool(joblib.effective_n_jobs(n_jobs) == 1)


@contextmanager
def pool(n_jobs: int) -> Iterator[Callable[[Iterable[Any]], Iterator[Any]]]:
    """A function that does tasks made by `joblib.delayed` on `n_jobs` processes; -1: one a core.

    It gives the results in the order of the tasks, each as soon as it is there.

    >>> from joblib import delayed
    >>> with pool(1) as run:
    ...     list(run(delayed(abs)(number) for number in (-1, 2)))
    [1, 2]
    """
    import joblib

    def run(tasks: Iterable[Any]) -> Iterator[Any]:
        results = parallel(tasks)
        try:
            for result in results:  # noqa: UP028 - `yield from` would close the results before we can
                yield result
        finally:
            with warnings.catch_warnings():
                # Work that is given up because of an error or Ctrl-C is no news.
                warnings.filterwarnings("ignore", message=".*tasks", category=UserWarning)
                results.close()

    with joblib.Parallel(n_jobs=n_jobs, return_as="generator", batch_size=1) as parallel:
        yield run
