"""The fault table holds: each complaint has its test, and each test fails with its remedy taken out."""

import ast
import re
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from tests.faults import FAULTS

ROOT = Path(__file__).parents[1]
TREES = ("wire", "hardware", "device", "gateway", "sim", "tests")
SECTIONS = ("Position", "Parts")
NO_TREE = shutil.ignore_patterns("__pycache__")
MUTANT_S = 60
IDS = [fault.test.rpartition("::")[2].removeprefix("test_")[:40] for fault in FAULTS]


def names_in(path):
    """The tests in a file, as pytest names them."""
    for node in ast.parse(path.read_text("utf-8")).body:
        if isinstance(node, ast.ClassDef):
            inner = [n.name for n in node.body if isinstance(n, ast.FunctionDef)]
            yield from (f"{node.name}::{name}" for name in inner)
        elif isinstance(node, ast.FunctionDef):
            yield node.name


@pytest.mark.parametrize("fault", FAULTS, ids=IDS)
def test_each_complaint_has_a_test_named_after_it(fault):
    assert fault.test in set(names_in(ROOT / fault.file))
    assert fault.system in fault.test
    assert all(str(number) in fault.test for number in fault.numbers)


@pytest.mark.parametrize("fault", FAULTS, ids=IDS)
def test_each_remedy_is_where_the_table_says(fault):
    for file, there, _ in fault.takes_out:
        assert there in (ROOT / file).read_text("utf-8"), f"{file} has no {there!r} any more"


def test_every_complaint_about_parts_and_positions_is_in_the_table(shared_data):
    lessons = shared_data.parent / "design" / "lessons.md"
    if not lessons.is_file():
        pytest.skip(f"{lessons} is not there: it comes beside the project, not with it")
    wanted = Counter()
    for section in lessons.read_text("utf-8").split("\n**")[1:]:
        title, _, text = section.partition("**")
        if title in SECTIONS:
            wanted.update(re.findall(r"\b\d{2,5}(?=[,:])", text))
    known = {str(number) for fault in FAULTS for number in fault.numbers}
    assert set(wanted) - known == set()


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    """A copy of what the tests need."""
    folder = tmp_path_factory.mktemp("tree")
    for name in TREES:
        shutil.copytree(ROOT / name, folder / name, ignore=NO_TREE)
    for name in ("pyproject.toml", "xunkong.py"):
        shutil.copy(ROOT / name, folder / name)
    return folder


def run(tree, *tests):
    """pytest's exit code in the copy, 1 also where the test never ended; and what it said."""
    options = ["-x", "-q", "-p", "no:cacheprovider", "--timeout", "20"]
    command = [sys.executable, "-B", "-m", "pytest", *options, *tests]
    done = subprocess.run(
        command, cwd=tree, capture_output=True, text=True, timeout=MUTANT_S * 3, check=False
    )
    return done.returncode, done.stdout


@pytest.mark.chaos
@pytest.mark.timeout(300)
def test_all_of_them_hold(tree):
    code, said = run(tree, *(f"{fault.file}::{fault.test}" for fault in FAULTS))
    assert code == 0, said


@pytest.mark.chaos
@pytest.mark.timeout(MUTANT_S * 4)
@pytest.mark.parametrize("fault", FAULTS, ids=IDS)
def test_each_fails_with_its_remedy_taken_out(tree, fault):
    whole = {file: (tree / file).read_text("utf-8") for file, _, _ in fault.takes_out}
    try:
        for file, there, instead in fault.takes_out:
            text = (tree / file).read_text("utf-8")
            assert there in text, f"{file} has no {there!r} any more"
            (tree / file).write_text(text.replace(there, instead, 1), "utf-8")
        code, said = run(tree, f"{fault.file}::{fault.test}")
    finally:
        for file, text in whole.items():
            (tree / file).write_text(text, "utf-8")
    assert code == 1, said
