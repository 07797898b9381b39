"""The guard's series as a file for the node exporter."""

import math
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from driftwatch.errors import FileError, InputError, TrainingStopped
from driftwatch.training import TrainingGuard
from driftwatch.training.textfile import MetricsFile


def samples(path: Path) -> dict[tuple[str, str], float]:
    """Every sample of the file, as Prometheus' own parser reads it."""
    return {
        (one.name, one.labels.get("reason", "")): one.value
        for family in text_string_to_metric_families(path.read_text())
        for one in family.samples
    }


def test_the_file_has_what_the_guard_saw(tmp_path: Path) -> None:
    path = tmp_path / "training.prom"
    guard = TrainingGuard(on_step=MetricsFile(path, 'a "model"', every_seconds=0))
    guard.step(loss=0.5, grad_norm=2.0)
    found = samples(path)
    assert found["driftwatch_training_steps_total", ""] == 1
    assert found["driftwatch_training_loss", ""] == 0.5
    assert found["driftwatch_training_gradient_norm", ""] == 2.0
    assert 'model="a \\"model\\""' in path.read_text()


def test_a_stop_is_written_at_once_whatever_the_interval(tmp_path: Path) -> None:
    path = tmp_path / "training.prom"
    guard = TrainingGuard(on_step=MetricsFile(path, "m", every_seconds=1e9))
    guard.step(loss=0.5)
    guard.step(loss=0.25)
    assert samples(path)["driftwatch_training_loss", ""] == 0.5
    with pytest.raises(TrainingStopped):
        guard.step(loss=math.nan)
    found = samples(path)
    assert math.isnan(found["driftwatch_training_loss", ""])
    assert found["driftwatch_training_stopped", "nan_loss"] == 1
    assert sum(value for (name, _), value in found.items() if name == "driftwatch_training_stopped") == 1


def test_only_the_file_itself_is_left_in_the_folder(tmp_path: Path) -> None:
    MetricsFile(tmp_path / "training.prom", "m")
    assert [one.name for one in tmp_path.iterdir()] == ["training.prom"]


def test_a_name_that_the_collector_would_not_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"must end in \.prom"):
        MetricsFile(tmp_path / "training.txt", "m")


def test_a_folder_that_is_not_there_is_said_before_the_training(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="cannot be written"):
        MetricsFile(tmp_path / "absent" / "training.prom", "m")


def test_a_disk_that_fails_later_stops_no_training(tmp_path: Path) -> None:
    folder = tmp_path / "metrics"
    folder.mkdir()
    file = MetricsFile(folder / "training.prom", "m", every_seconds=0)
    (folder / "training.prom").unlink()
    folder.rmdir()
    guard = TrainingGuard(on_step=file)
    guard.step(loss=1.0)
    assert file.failed is not None
