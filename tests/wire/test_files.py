"""What a file may take the place of."""

import os

import pytest

from wire.files import check_replaceable


def test_a_file_a_link_to_one_or_nothing(tmp_path):
    (tmp_path / "file").touch()
    (tmp_path / "link").symlink_to("file")
    (tmp_path / "nowhere").symlink_to("gone")
    for name in ("file", "link", "nowhere", "new"):
        check_replaceable(tmp_path / name)


def test_no_device_no_pipe_no_folder_nor_a_link_to_one(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to(os.devnull)
    for path in (tmp_path / "pipe", tmp_path / "link", tmp_path, tmp_path.with_name("..")):
        with pytest.raises(OSError, match="no regular file"):
            check_replaceable(path)
