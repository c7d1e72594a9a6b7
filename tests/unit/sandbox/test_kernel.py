"""What keeps this system's bubblewrap from working is named, with the line that mends it."""

from __future__ import annotations

import pytest

from registry.sandbox.kernel import IN_A_CONTAINER, advice


@pytest.mark.parametrize(
    ("switch", "value", "words"),
    [
        ("kernel/unprivileged_userns_clone", "0", "sysctl -w kernel.unprivileged_userns_clone=1"),
        ("user/max_user_namespaces", "0", "sysctl -w user.max_user_namespaces=15000"),
        ("kernel/apparmor_restrict_unprivileged_userns", "1", "bwrap-userns-restrict"),
    ],
)
def test_a_switch_that_is_in_the_way_is_named(tmp_path, switch, value, words):
    path = tmp_path / "sys" / switch
    path.parent.mkdir(parents=True)
    path.write_text(f"{value}\n")
    assert words in advice(tmp_path, marks=())

    path.write_text({"0": "1", "1": "0"}[value])
    assert words not in advice(tmp_path, marks=())


def test_in_a_container_the_options_of_the_compose_file_are_named(tmp_path):
    mark = tmp_path / "mark"
    assert "user namespaces" in advice(tmp_path, marks=(str(mark),))
    mark.touch()
    assert IN_A_CONTAINER[1:] in advice(tmp_path, marks=(str(mark),))
