import os

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ctnlp._tables import KEPT, Index, kept

NUMBERS = st.integers(0, 2**62)


@given(st.sets(NUMBERS | st.integers(0, 50), max_size=60), st.lists(NUMBERS | st.integers(0, 50), max_size=60))
def test_an_index_finds_what_it_holds_and_nothing_else(keys, wanted):
    ordered = list(keys)
    index = Index.of(np.array(ordered, dtype=np.int64))
    asked = [*ordered, *wanted]
    found = index.find(np.array(asked, dtype=np.int64))
    assert found.tolist() == [ordered.index(one) if one in keys else -1 for one in asked]


def test_a_crowded_index_is_followed_to_the_end():
    """Keys whose hash is the same stand in a row, across the end of the table, too."""
    keys = np.arange(1000, dtype=np.int64) * 2**40
    index = Index.of(keys)
    assert index.find(keys).tolist() == list(range(1000))
    assert set(index.find(keys + 1).tolist()) == {-1}


VALUES = {"table": Index.of(np.array([5, 7])), "lines": ["một", "", "hai"], "none": [], "one": [""], "array": np.eye(2)}


def same(found):
    assert found["table"].find(np.array([7, 5, 6])).tolist() == [1, 0, -1]
    assert [found[name] for name in ("lines", "none", "one")] == [["một", "", "hai"], [], [""]]
    assert np.array_equal(found["array"], np.eye(2))


def test_tables_are_made_once(tmp_path):
    path = tmp_path / "deep" / "tables.npz"
    made = []
    for _ in range(2):
        same(kept(path, lambda: made.append(1) or VALUES))
    assert len(made) == 1
    assert [one.name for one in path.parent.iterdir()] == ["tables.npz"]


@pytest.mark.parametrize(
    "damage", [lambda data: b"", lambda data: data[:-5], lambda data: data[:40] + b"x" + data[41:]]
)
def test_a_damaged_file_is_made_anew(tmp_path, damage):
    path = tmp_path / "tables.npz"
    kept(path, lambda: VALUES)
    whole = path.read_bytes()
    path.write_bytes(damage(whole))
    same(kept(path, lambda: VALUES))
    assert path.read_bytes() == whole


def test_a_file_that_cannot_be_put_in_its_place_leaves_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "replace", lambda *names: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        kept(tmp_path / "tables.npz", lambda: VALUES)
    assert not list(tmp_path.iterdir())


def test_the_oldest_files_of_a_kind_make_room(tmp_path):
    for age in range(KEPT + 2):
        (tmp_path / f"words-{age}.npz").touch()
        os.utime(tmp_path / f"words-{age}.npz", (1000 - age, 1000 - age))
    (tmp_path / "grams-1.npz").touch()
    kept(tmp_path / "words-new.npz", lambda: VALUES)
    left = {f"words-{age}.npz" for age in range(KEPT - 1)} | {"words-new.npz", "grams-1.npz"}
    assert {file.name for file in tmp_path.iterdir()} == left


def test_where_nothing_can_be_kept_tables_are_made_each_time(tmp_path):
    (tmp_path / "file").write_text("in the way")
    same(kept(tmp_path / "file" / "tables.npz", lambda: VALUES))
