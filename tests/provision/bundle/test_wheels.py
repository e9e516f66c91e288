"""The project's own wheel: built from a copy, known by its metadata."""

import zipfile

import pytest

from provision.bundle.tool import run
from provision.bundle.wheels import LEFT_OUT, own_wheel, version_of
from tests.provision.conftest import faulty
from wire.words import Words


def wheel(path, metadata):
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("x.dist-info/METADATA", metadata)
    return path


def test_the_version_that_a_wheel_says(tmp_path):
    assert version_of(wheel(tmp_path / "a.whl", "Name: xunkong\nVersion: 1.2.3\n\ntext")) == "1.2.3"


def test_another_project_and_no_wheel_are_refused(tmp_path):
    other = wheel(tmp_path / "b.whl", "Name: other\nVersion: 1\n")
    assert "no wheel of this project" in faulty(version_of, other)
    (tmp_path / "c.whl").write_bytes(b"PK")
    assert "is no wheel" in faulty(version_of, tmp_path / "c.whl")


def test_a_folder_without_the_source_is_refused(tmp_path):
    assert "no checkout of the project" in faulty(own_wheel, tmp_path, tmp_path / "wheels")


def test_what_is_not_the_source_is_left_out():
    names = [".git", ".venv", "build", "tests", "x.egg-info", "wire", "pyproject.toml"]
    assert set(names) - LEFT_OUT("", names) == {"wire", "pyproject.toml"}


@pytest.mark.parametrize(
    ("words", "said"),
    [(["sh", "-c", "echo bad >&2; exit 3"], "sh failed: bad"), (["/no/such"], "such failed")],
)
def test_a_tool_that_fails_says_why_and_what_to_do(words, said):
    told = faulty(run, words, Words("做", "do that"))
    assert said in told
    assert told.endswith("do that")
