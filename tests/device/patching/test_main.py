"""What root runs lies outside the slots, and needs nothing but the system's Python."""

import shutil
import subprocess
import sys
from pathlib import Path

from provision.bundle.make import SOURCE, guards


def test_as_it_is_laid_it_runs_by_pythons_own_library(tmp_path: Path) -> None:
    for name, path in guards(SOURCE).items():
        there = tmp_path / name
        there.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, there)
    base = getattr(sys, "_base_executable", sys.executable)
    options = [f"--{name}={tmp_path / name}" for name in ("inbox", "keep", "key")]
    words = [base, "-I", "-S", "-B", str(tmp_path / "guard/root"), *options]
    done = subprocess.run(words, capture_output=True, text=True, check=False, cwd="/")
    assert (done.returncode, done.stderr) == (0, "")
