"""`device enrol --held`: which certificate a unit holds."""

import json

import pytest

import xunkong
from tests.keys import Site

CONFIG = """
[unit]
id = "cp-1"
role = "checkpoint"
[[broker]]
host = "127.0.0.1"
[journal]
path = "journal.db"
"""


@pytest.fixture
def held(tmp_path, capsys):
    """Asks for it; exit code and what was said."""
    (tmp_path / "device.toml").write_text(CONFIG, "utf-8")

    def ask(*more):
        words = ["--lang", "en", "device", "enrol", "--config", str(tmp_path / "device.toml")]
        code = xunkong.main([*words, "--held", *more])
        said = capsys.readouterr()
        return code, said.out + said.err

    return ask


def test_what_is_held_is_shown(held, tmp_path):
    Site().lay_papers("cp-1", tmp_path / "identity")
    code, said = held("--json")
    row = json.loads(said)
    assert (code, row["unit"], len(row["serial"])) == (0, "cp-1", 32)
    assert held() == (
        0,
        f"unit=cp-1  kid={row['kid']}  serial={row['serial']}  until={row['until']}\n",
    )


def test_a_unit_without_papers_says_so(held):
    code, said = held("--json")
    assert code == 2
    assert "run xunkong device enrol" in said
