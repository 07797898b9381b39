"""A model is loaded from its own folder only, as it was written, and without running what a stranger put there."""

import json
import os
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.linear_model import Ridge
from sklearn.pipeline import Pipeline

from driftwatch.errors import InputError, ModelStoreError
from driftwatch.training.category_names import CategoryNames
from driftwatch.training.model_store import ModelStore, check_format
from driftwatch.training.preparation import build_pipeline
from driftwatch.training.recipe import ModelFormat, parse_recipe
from tests.training.conftest import REGRESSION, flights, table

pytest.importorskip("skops", reason="needs the extra 'training'")

FORMATS = list(ModelFormat)


@pytest.fixture(scope="module")
def model() -> Pipeline:
    frame = table(**flights(200)).to_pandas()
    return build_pipeline(parse_recipe(REGRESSION)).fit(frame[["distance", "wind", "carrier"]], frame["label"])


@pytest.fixture
def store(tmp_path: Path) -> ModelStore:
    return ModelStore(tmp_path / "models", "minutes")


def publish(store: ModelStore, model: Any, version: str = "1", form: ModelFormat = ModelFormat.SKOPS) -> Path:
    with store.draft(model, form) as draft:
        return store.publish(draft, version, {"card.md": "# card\n"})


@pytest.mark.parametrize("form", FORMATS)
def test_a_model_comes_back_as_it_was(store: ModelStore, model: Pipeline, form: ModelFormat) -> None:
    publish(store, model, form=form)
    rows = table(**flights(50, seed=5)).to_pandas()
    np.testing.assert_array_equal(store.load("1").predict(rows), model.predict(rows))
    assert store.versions() == ["1"]
    assert store.document("1", "card.md") == "# card\n"


def test_the_folder_is_its_owner_s_alone(store: ModelStore, model: Pipeline) -> None:
    folder = publish(store, model)
    assert folder.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("form", FORMATS)
def test_an_altered_file_is_not_loaded(store: ModelStore, model: Pipeline, form: ModelFormat) -> None:
    file = publish(store, model, form=form) / f"model.{form.value}"
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
    with pytest.raises(ModelStoreError, match="is not what was written"):
        store.load("1")


class Bomb:
    """A pickle that does something when it is loaded."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> Any:
        return (Path.touch, (self.target,))


def test_a_pickle_that_was_put_there_is_not_run(store: ModelStore, model: Pipeline, tmp_path: Path) -> None:
    file = publish(store, model, form=ModelFormat.JOBLIB) / "model.joblib"
    file.write_bytes(pickle.dumps(Bomb(tmp_path / "ran")))
    with pytest.raises(ModelStoreError):
        store.load("1")
    assert not (tmp_path / "ran").exists()


def test_a_joblib_file_that_others_can_write_to_is_not_loaded(store: ModelStore, model: Pipeline) -> None:
    file = publish(store, model, form=ModelFormat.JOBLIB) / "model.joblib"
    file.chmod(0o664)
    with pytest.raises(ModelStoreError, match="can be written to by others"):
        store.load("1")


def test_a_file_of_another_folder_is_not_loaded(store: ModelStore, model: Pipeline, tmp_path: Path) -> None:
    folder = publish(store, model)
    manifest = json.loads((folder / "manifest.json").read_text())
    (tmp_path / "elsewhere.skops").write_bytes((folder / "model.skops").read_bytes())
    for name in ("../../../elsewhere.skops", str(tmp_path / "elsewhere.skops")):
        (folder / "manifest.json").write_text(json.dumps({**manifest, "file": name}))
        with pytest.raises(ModelStoreError, match="has no file"):
            store.load("1")


def test_a_link_out_of_the_folder_is_not_followed(store: ModelStore, model: Pipeline, tmp_path: Path) -> None:
    folder = publish(store, model)
    moved = tmp_path / "moved.skops"
    (folder / "model.skops").rename(moved)
    (folder / "model.skops").symlink_to(moved)
    with pytest.raises(ModelStoreError, match="has no file"):
        store.load("1")
    (folder.parent / "2").symlink_to(tmp_path, target_is_directory=True)
    with pytest.raises(ModelStoreError, match="leads out of the store"):
        store.load("2")


@pytest.mark.parametrize("name", ["../1", "a/b", "..", "", ".hidden", "x" * 200, "rejected"])
def test_a_version_that_is_no_name_for_a_folder_is_refused(store: ModelStore, name: str) -> None:
    with pytest.raises(InputError):
        store.load(name)


def test_types_of_packages_that_are_not_trusted_are_neither_written_nor_loaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "of_yours.py").write_text("from sklearn.linear_model import Ridge\nclass Mine(Ridge):\n    pass\n")
    monkeypatch.syspath_prepend(tmp_path)
    from importlib import import_module

    made = import_module("of_yours").Mine().fit([[0.0], [1.0]], [0.0, 1.0])
    wary = ModelStore(tmp_path / "models", "m")
    with pytest.raises(ModelStoreError, match=r"needs of_yours\.Mine.*--allow-package of_yours"):
        publish(wary, made)
    assert wary.versions() == []
    publish(ModelStore(tmp_path / "models", "m", packages=["of_yours"]), made)
    with pytest.raises(ModelStoreError, match="packages that are not trusted"):
        wary.load("1")


def test_what_is_not_published_leaves_nothing(store: ModelStore, model: Pipeline, tmp_path: Path) -> None:
    with store.draft(model, ModelFormat.SKOPS) as draft:
        assert draft.folder.is_dir()
    assert [str(one) for one in (tmp_path / "models").rglob("*")] == []


def test_a_version_is_written_once(store: ModelStore, model: Pipeline) -> None:
    publish(store, model)
    with pytest.raises(ModelStoreError, match="is there already"):
        publish(store, Ridge())
    assert isinstance(store.load("1"), Pipeline)


def test_a_version_that_is_not_there_is_said(store: ModelStore) -> None:
    with pytest.raises(ModelStoreError, match="There is no model in"):
        store.load("9")


def test_the_card_of_a_rejected_model_is_kept_where_no_model_is_looked_for(store: ModelStore) -> None:
    folder = store.keep_rejected("7", {"card.md": "no\n"})
    assert (folder / "card.md").read_text() == "no\n"
    assert store.versions() == []


def test_without_skops_it_is_said_before_the_training(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "skops", None)
    monkeypatch.setitem(sys.modules, "skops.io", None)
    with pytest.raises(InputError, match=r"output.format: 'skops' is not installed"):
        check_format(ModelFormat.SKOPS)
    check_format(ModelFormat.JOBLIB)


def test_the_type_of_our_own_in_a_pipeline_is_trusted_by_its_name() -> None:
    from driftwatch.training.model_store import TRUSTED_TYPES

    assert f"{CategoryNames.__module__}.{CategoryNames.__name__}" in TRUSTED_TYPES


def test_a_store_is_not_needed_to_be_there(tmp_path: Path) -> None:
    assert ModelStore(tmp_path / "absent", "m").versions() == []
    assert os.listdir(tmp_path) == []
