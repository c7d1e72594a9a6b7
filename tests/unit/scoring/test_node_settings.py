"""Providers, memory and the models of a node, before any worker starts."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from formats.plan import ArtifactRef, PlannedVersion
from formats.types import Signature
from scoring.node.providers import BadProvider, check, read
from scoring.node.versions.memory import Memory, NoRoom, ceiling

MIB = 1 << 20


def test_the_cpu_comes_last_whatever_is_said():
    assert read("", "") == (("CPUExecutionProvider",), {})
    options = '{"CUDAExecutionProvider": {"device_id": 1}}'
    assert read("CPUExecutionProvider, CUDAExecutionProvider", options) == (
        ("CUDAExecutionProvider", "CPUExecutionProvider"),
        {"CUDAExecutionProvider": {"device_id": 1}},
    )


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ("{", "not JSON"),
        ("[1]", "JSON such as"),
        ('{"CPUExecutionProvider": 1}', "JSON such as"),
        ('{"XExecutionProvider": {}}', "does not name"),
    ],
)
def test_wrong_options_are_named(options, said):
    with pytest.raises(BadProvider, match=said):
        read("", options)


def test_a_provider_that_is_not_there_is_refused_with_what_there_is():
    check(("CPUExecutionProvider",))
    with pytest.raises(BadProvider, match=r"has no NoExecutionProvider .* offers .*CPUExecutionProvider"):
        check(("NoExecutionProvider", "CPUExecutionProvider"))


@pytest.mark.parametrize(
    ("files", "most"),
    [
        ({"memory.max": "1000"}, 800),
        ({"memory.max": "max"}, 4096 * 1024 * 0.8),
        ({"memory/memory.limit_in_bytes": "9223372036854771712"}, 4096 * 1024 * 0.8),
        ({"memory/memory.limit_in_bytes": "2000"}, 1600),
        ({}, 4096 * 1024 * 0.8),
    ],
)
def test_the_ceiling_is_four_fifths_of_the_least_that_is_known(tmp_path, files, most):
    (tmp_path / "memory").mkdir()
    for name, text in files.items():
        (tmp_path / name).write_text(text + "\n")
    meminfo = tmp_path / "meminfo"
    meminfo.write_text("MemTotal:  9999 kB\nMemAvailable:    4096 kB\n")

    assert ceiling(0, cgroup=tmp_path, meminfo=meminfo) == int(most)
    assert ceiling(7, cgroup=tmp_path, meminfo=meminfo) == 7
    assert ceiling(0, cgroup=tmp_path / "none", meminfo=tmp_path / "none") == 0


def version(size):
    return PlannedVersion(1, "d", ArtifactRef("0" * 64, size), Signature((), ()))


def test_a_version_is_refused_when_it_does_not_fit_beside_what_is_there():
    workers = [SimpleNamespace(stats=SimpleNamespace(memory_bytes=100 * MIB)) for _ in range(2)]
    memory = Memory(300 * MIB, lambda: workers, 2)

    memory.check(version(20 * MIB), 0)
    with pytest.raises(
        NoRoom, match="needs about 120 MiB in 2 workers, the node has 100 MiB left of 300 MiB"
    ):
        memory.check(version(30 * MIB), 0)
    with pytest.raises(NoRoom, match="has 70 MiB left"):
        memory.check(version(20 * MIB), 30 * MIB)
    Memory(0, lambda: workers, 2).check(version(10**12), 0)
