from pathlib import Path

import platformdirs
import pytest

from ctnlp import places

WHATS = ["models", "data"]


@pytest.fixture(autouse=True)
def no_environment(monkeypatch):
    for name in ("CTNLP_MODELS", "CTNLP_DATA", "CTNLP_CACHE"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A package that stands alone, as pip installs it."""
    folder = tmp_path / "site" / "ctnlp"
    folder.mkdir(parents=True)
    monkeypatch.setattr(places, "_PACKAGE", folder)
    return folder


@pytest.mark.parametrize("what", WHATS)
def test_the_folder_given_comes_first_even_if_it_does_not_exist(what, monkeypatch):
    monkeypatch.setenv(f"CTNLP_{what.upper()}", "from-environment")
    assert places.find(what, "named") == Path("named")
    assert places.find(what, Path("named")) == Path("named")


@pytest.mark.parametrize("what", WHATS)
def test_the_environment_comes_second(what, monkeypatch):
    monkeypatch.setenv(f"CTNLP_{what.upper()}", "from-environment")
    assert places.find(what) == Path("from-environment")


def test_each_folder_has_its_own_variable(monkeypatch, package):
    monkeypatch.setenv("CTNLP_MODELS", "from-environment")
    assert places.find("data") == package / "_data"


@pytest.mark.parametrize("what", WHATS)
def test_the_checkout_comes_third(what, package):
    checkout = package.parent
    (checkout / what).mkdir()
    (checkout / "pyproject.toml").touch()
    assert places.find(what) == checkout / what


@pytest.mark.parametrize("what", WHATS)
def test_an_installed_package_brings_its_own(what, package):
    (package.parent / what).mkdir()  # of something else: there is no pyproject.toml beside it
    assert places.find(what) == package / f"_{what}"


@pytest.mark.parametrize("what", WHATS)
def test_a_checkout_without_the_folder_falls_back_on_the_package(what, package):
    (package.parent / "pyproject.toml").touch()
    assert places.find(what) == package / f"_{what}"


@pytest.mark.parametrize("what", WHATS)
def test_an_empty_variable_counts_for_nothing(what, monkeypatch, package):
    monkeypatch.setenv(f"CTNLP_{what.upper()}", "")
    assert places.find(what) == package / f"_{what}"


@pytest.mark.parametrize("value", ["", None], ids=["empty", "unset"])
def test_the_cache_is_where_the_system_keeps_caches(value, monkeypatch):
    if value is not None:
        monkeypatch.setenv("CTNLP_CACHE", value)
    assert places.cache_dir() == Path(platformdirs.user_cache_dir("ctnlp", appauthor=False))


def test_the_environment_moves_the_cache(monkeypatch, tmp_path):
    monkeypatch.setenv("CTNLP_CACHE", str(tmp_path / "cache"))
    assert places.cache_dir() == tmp_path / "cache"
    assert not (tmp_path / "cache").exists()
