from __future__ import annotations

import os
import socket

import pytest

from registry.sandbox.folders import MOST_ENTRIES, overfull, private_folder
from registry.sandbox.sockets import connect


@pytest.fixture
def listening(tmp_path):
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "s.sock"))
        server.listen()
        yield tmp_path / "s.sock"


def test_a_socket_is_reached(listening):
    with connect(listening, 5) as client:
        assert client.getpeername() == str(listening)


def test_a_link_to_a_socket_of_ours_is_not_followed(listening, tmp_path):
    (tmp_path / "link").symlink_to(listening)

    with pytest.raises(OSError, match=r"."):
        connect(tmp_path / "link", 5)


def test_a_file_a_pipe_and_nothing_are_no_sockets(tmp_path):
    (tmp_path / "file").write_text("")
    os.mkfifo(tmp_path / "pipe")

    for name in ("file", "pipe", "nothing"):
        with pytest.raises(OSError, match=r"."):
            connect(tmp_path / name, 5)


def test_a_folder_is_full_by_bytes_or_by_entries(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "big").write_bytes(b"x" * 100_000)

    assert not overfull(tmp_path, 1 << 20)
    assert overfull(tmp_path, 50_000)

    for number in range(MOST_ENTRIES):
        (tmp_path / "a" / str(number)).touch()
    assert overfull(tmp_path, 1 << 30)


def test_a_link_in_a_lent_folder_counts_for_itself_only(tmp_path):
    (tmp_path / "out").symlink_to("/usr")

    assert not overfull(tmp_path, 1 << 20)


def test_a_private_folder_goes_away_however_deep_it_was_dug():
    with private_folder() as folder:
        handle = os.open(folder, os.O_RDONLY)
        for _ in range(3_000):
            os.mkdir("d", dir_fd=handle)
            deeper = os.open("d", os.O_RDONLY, dir_fd=handle)
            os.close(handle)
            handle = deeper
        os.close(handle)
        assert folder.stat().st_mode & 0o077 == 0

    assert not folder.exists()
