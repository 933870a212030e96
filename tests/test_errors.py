import builtins
from pathlib import Path

import pytest

from ctnlp import errors

ALL = [getattr(errors, name) for name in errors.__all__]


@pytest.mark.parametrize("error", ALL, ids=lambda error: error.__name__)
def test_every_error_is_a_ctnlp_error_and_says_what_it_is(error):
    assert issubclass(error, errors.CtnlpError)
    assert error.__doc__
    assert not hasattr(builtins, error.__name__)


@pytest.mark.parametrize(
    ("error", "also"),
    [
        (errors.InputError, ValueError),
        (errors.RecordError, errors.InputError),
        (errors.TaxonomyError, errors.InputError),
        (errors.CorpusError, errors.InputError),
        (errors.MissingExtra, ImportError),
        (errors.ModelNotFound, errors.ModelError),
        (errors.ModelCorrupt, errors.ModelError),
        (errors.ModelIncompatible, errors.ModelError),
    ],
    ids=lambda error: error.__name__,
)
def test_errors_are_also_the_built_in_ones_that_callers_expect(error, also):
    assert issubclass(error, also)


def test_errors_of_models_are_not_errors_of_input():
    assert not issubclass(errors.ModelError, ValueError)


@pytest.mark.parametrize(
    ("place", "text"),
    [
        ({}, "why"),
        ({"path": "a.csv"}, "a.csv: why"),
        ({"path": Path("a.csv"), "line": 3}, "a.csv, line 3: why"),
        ({"line": 0}, "line 0: why"),
    ],
    ids=["nowhere", "path", "path-and-line", "line-zero"],
)
def test_a_record_error_says_where_and_keeps_it(place, text):
    error = errors.RecordError("why", **place)
    assert str(error) == text
    assert (error.path, error.line) == (place.get("path"), place.get("line"))


def test_a_missing_extra_says_how_to_install_it():
    with pytest.raises(ImportError, match=r'matplotlib is not installed; run: pip install "ctnlp\[plot\]"'):
        raise errors.MissingExtra("matplotlib", extra="plot")
