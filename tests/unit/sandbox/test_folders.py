from __future__ import annotations

import os

from registry.sandbox.folders import sweep


def test_what_a_killed_process_left_is_swept_and_what_is_in_use_stays(tmp_path):
    old, new = tmp_path / "proof-1-old", tmp_path / "proof-2-new"
    for folder in (old, new):
        (folder / "files").mkdir(parents=True)
    os.utime(old, (0, 0))
    sweep(tmp_path, 24 * 3600)
    assert sorted(tmp_path.iterdir()) == [new]
