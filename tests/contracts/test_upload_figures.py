"""The benchmark of uploads, with a small artifact: what it does is done by the real web server and store."""

from __future__ import annotations

import pytest

from benchmarks import further, uploads
from benchmarks.capacity import Pace

SIZE = 3 << 20
ONCE = Pace(seconds=0.1, rounds=1, connections=1)


@pytest.fixture
def quick(monkeypatch):
    """One round, and the large model once."""
    monkeypatch.setattr(uploads, "LEAST_ROUNDS", 1)


@pytest.mark.isolated
@pytest.mark.timeout(400)
@pytest.mark.parametrize("place", ["disk", "S3"])
def test_an_artifact_is_uploaded_beside_its_baseline(quick, tmp_path, place):
    ratio, memory, *others = uploads.PLACES[place](tmp_path, ONCE.rounds, SIZE)

    assert (ratio.unit, ratio.least, ratio.reach) == ("x", True, 0.8)
    assert ratio.value > 0
    assert (memory.unit, memory.reach) == ("MB", 32.0)
    assert [other.unit for other in others] == (["s"] if place == "disk" else [])
    assert (place == "S3") == ("boto3" in ratio.name)


def test_uploads_are_among_the_further_measures():
    assert uploads.measure in further.ALL.values()


def test_without_a_store_to_start_only_the_disk_is_measured(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(uploads, "PLACES", {"disk": lambda *given: ["a line"], "S3": pytest.fail})
    monkeypatch.setattr(uploads, "STORE_PROGRAM", tmp_path / "absent")

    assert uploads.measure(tmp_path / "folder", ONCE) == ["a line"]
    assert "not installed" in capsys.readouterr().err
