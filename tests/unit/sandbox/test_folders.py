from __future__ import annotations

import os
import subprocess
import sys

from registry.sandbox.folders import held_folder, sweep, sweep_abandoned

HOLD = (
    "import sys, time; from pathlib import Path; from registry.sandbox.folders import held_folder\n"
    "with held_folder('upload-', Path(sys.argv[1])) as folder: print(folder, flush=True); time.sleep(60)"
)


def test_what_a_killed_process_left_is_swept_and_what_is_in_use_stays(tmp_path):
    old, new = tmp_path / "proof-1-old", tmp_path / "proof-2-new"
    for folder in (old, new):
        (folder / "files").mkdir(parents=True)
    os.utime(old, (0, 0))
    sweep(tmp_path, 24 * 3600)
    assert sorted(tmp_path.iterdir()) == [new]


def test_what_a_process_holds_is_left_alone_however_old_it_is(tmp_path):
    with held_folder("proof-", tmp_path) as proof:
        os.utime(proof, (0, 0))
        sweep(tmp_path, 24 * 3600)
        assert proof.is_dir()
    (left := tmp_path / "proof-left").mkdir()
    os.utime(left, (0, 0))
    sweep(tmp_path, 24 * 3600)
    assert not left.exists()


def test_a_held_folder_is_swept_only_after_its_process_was_killed(tmp_path):
    with held_folder("upload-", tmp_path) as mine:
        other = subprocess.Popen([sys.executable, "-c", HOLD, tmp_path], stdout=subprocess.PIPE, text=True)
        with other:
            theirs = other.stdout.readline().strip()
            sweep_abandoned("upload-", tmp_path)
            assert {str(path) for path in tmp_path.iterdir()} == {str(mine), theirs}
            other.kill()
        sweep_abandoned("upload-", tmp_path)
        assert list(tmp_path.iterdir()) == [mine]
    assert list(tmp_path.iterdir()) == []
