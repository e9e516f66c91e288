"""TinyDB's own tests, from its source archive, run against tables that are SQLite rows."""

import os
import re
import subprocess
import sys
import tarfile
from importlib.metadata import version
from pathlib import Path

import pytest

HERE = Path(__file__).parent
NOT_APPLICABLE = (
    "tests/test_storages.py",
    "tests/test_middlewares.py",
    "tests/test_tables.py::test_table_repr",
    "tests/test_tinydb.py::test_repr",
    "tests/test_tinydb.py::test_access_storage",
    "tests/test_tinydb.py::test_storage_access",
)
"""They look at a storage of another kind, or at the name of the class."""


def unobtainable(why):
    if os.environ.get("CI") == "true":
        pytest.fail(why)
    pytest.skip(why)


@pytest.fixture
def suite(tmp_path):
    """TinyDB's tests, unpacked, with our conftest beside them; nothing else of TinyDB."""
    wanted = f"tinydb=={version('tinydb')}"
    pip = [sys.executable, "-m", "pip", "download", wanted]
    how = ["--no-binary", "tinydb", "--no-deps", "--dest", str(tmp_path)]
    done = subprocess.run([*pip, *how], capture_output=True, text=True, check=False)
    archives = list(tmp_path.glob("tinydb-*.tar.gz"))
    if not archives:
        unobtainable(f"{wanted} as a source archive cannot be had: {done.stderr[-300:]}")
    with tarfile.open(archives[0]) as archive:
        archive.extractall(tmp_path, filter="data")
    (unpacked,) = (p for p in tmp_path.glob("tinydb-*") if p.is_dir())
    folder = tmp_path / "suite"
    folder.mkdir()
    (unpacked / "tests").rename(folder / "tests")
    (folder / "tests" / "conftest.py").write_bytes((HERE / "tinydb_conftest.py").read_bytes())
    return folder


@pytest.mark.timeout(300)
def test_tinydbs_own_tests_pass_over_rows(suite):
    left_out = [f"--deselect={name}" for name in NOT_APPLICABLE]
    run = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests", *left_out]
    env = dict(os.environ, PYTHONPATH=str(HERE.parents[2]))
    done = subprocess.run(run, cwd=suite, capture_output=True, text=True, env=env, check=False)
    last = done.stdout.splitlines()[-1]
    counts = {what: int(n) for n, what in re.findall(r"(\d+) (\w+)", last)}
    assert done.returncode == 0, done.stdout[-3000:]
    assert counts.get("failed", 0) == counts.get("errors", 0) == 0
    assert counts["passed"] >= 120
    assert counts["deselected"] >= len(NOT_APPLICABLE)
