"""What is wrong in a TOML file is told with file, section, key and limit, in both languages."""

import re
from pathlib import Path

import pytest
from msgspec import Struct

from wire.orders import Sampling
from wire.toml import convert, read_toml
from wire.words import Fault


class Part(Struct, frozen=True, forbid_unknown_fields=True):
    device: str
    sampling: Sampling = Sampling()


class Unit(Struct, frozen=True, forbid_unknown_fields=True):
    id: str
    parts: list[Part] = []
    sampling: Sampling = Sampling()
    limits: dict[str, int] = {}


@pytest.fixture
def unit_toml(tmp_path):
    """Writes a unit's file, and gives its path."""

    def write(content):
        path = tmp_path / "unit.toml"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


def fault_of(path):
    with pytest.raises(Fault) as caught:
        read_toml(path, Unit)
    return caught.value


def test_a_good_file_becomes_frozen_types(unit_toml):
    path = unit_toml('id = "v-1"\n[sampling]\nmoving_s = 2\n[[parts]]\ndevice = "/dev/村"\n')
    assert read_toml(path, Unit) == Unit("v-1", [Part("/dev/村")], Sampling(moving_s=2.0))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[sampling]\nmoving_s = 0.01", ["[sampling] moving_s", "(0.01)", ">= 0.1"]),
        ("[sampling]\nrest_s = 9999", ["[sampling] rest_s", "(9999)", "<= 3600"]),
        ("[sampling]\nmoving_s = '2'", ["[sampling] moving_s", "('2')", "float", "str"]),
        ("[sampling]\nmoving_s = nan", ["[sampling] moving_s", "(nan)", ">= 0.1"]),
        ("[sampling]\nmoving_s = true", ["[sampling] moving_s", "(True)", "bool"]),
        ("[sampling]\nspeed = 2", ["[sampling]", "unknown field", "`speed`"]),
        ("[limits]\nhot = 1.5", ["[limits]", "int", "float"]),
        ("[[parts]]\ndevice = 'a'\n[[parts]]\ndevice = 7", ["[parts[1]] device", "(7)", "`str`"]),
        ("[[parts]]\n", ["[parts[0]]", "missing", "`device`"]),
        (
            "[[parts]]\ndevice = 'a'\nsampling.corner_deg = 0.5",
            ["[parts[0].sampling] corner_deg", "(0.5)", ">= 1"],
        ),
        ("colour = 'red'", ["[top]", "unknown field", "`colour`"]),
    ],
)
def test_both_languages_name_file_section_key_value_and_limit(unit_toml, text, told):
    path = unit_toml(f"id = 'v-1'\n{text}\n")
    words = fault_of(path).words
    for line in words:
        assert line.startswith(str(path))
        for part in told:
            assert part in line
    assert words.en.endswith("mend it and start again")
    assert words.zh.endswith("请按此改正后再启动")


def test_a_missing_key_of_the_whole_is_named(unit_toml):
    fault = fault_of(unit_toml(""))
    assert "[top]: Object missing required field `id`" in str(fault)


def test_a_long_value_is_shown_in_part(unit_toml):
    fault = fault_of(unit_toml(f"id = 'v-1'\n[sampling]\nmoving_s = '{'x' * 5000}'\n"))
    assert "('xxx" in str(fault)
    assert len(str(fault)) < 400


@pytest.mark.parametrize(
    ("content", "en", "zh"),
    [
        (b"id = \n", "is not valid TOML.*line 1.*mend that line", "不是有效的 TOML.*改正"),
        (b"id = 'a'\nid = 'b'\n", "is not valid TOML.*line 2", "不是有效的 TOML"),
        (b"id = 'a\0'\n", "is not valid TOML", "不是有效的 TOML"),
        (b"id = '\xff'\n", r"is not UTF-8 text \(byte 6\).*save it as UTF-8", "第 6 字节"),
        ("id = '村'".encode("gbk"), "is not UTF-8 text", "不是 UTF-8 文本"),
    ],
)
def test_what_is_no_toml_says_where(unit_toml, content, en, zh):
    path = unit_toml(content)
    words = fault_of(path).words
    assert re.search(re.escape(str(path)) + ".*" + en, words.en, re.DOTALL)
    assert re.search(re.escape(str(path)) + ".*" + zh, words.zh, re.DOTALL)


def test_one_that_only_root_may_read_says_sudo(tmp_path, monkeypatch):
    def refused(self, encoding):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "read_text", refused)
    words = fault_of(tmp_path / "x.toml").words
    assert words.en == f"may not read {tmp_path}/x.toml; put sudo before the command"


@pytest.mark.parametrize("name", ["missing.toml", "."])
def test_a_file_that_cannot_be_read_says_what_to_check(tmp_path, name):
    path = Path(tmp_path, name)
    words = fault_of(path).words
    assert words.en.startswith(f"cannot read {path}: ")
    assert words.en.endswith("check the path and its permissions")
    assert words.zh.startswith(f"无法读取 {path}：")
    assert words.zh.endswith("请检查路径和权限")


def test_a_table_from_elsewhere_is_judged_alike():
    with pytest.raises(Fault, match=r"^--set: \[moving_s\] \(0\): .*>= 0\.1"):
        convert({"moving_s": 0}, Sampling, "--set")
    assert convert({"moving_s": 3}, Sampling, "--set") == Sampling(moving_s=3.0)


@pytest.mark.parametrize(
    "content",
    ["id = " + "9" * 5_000, "id = " + "[" * 5_000, "[" * 5_000],
    ids=["long", "deep", "head"],
)
def test_numbers_too_long_and_lists_too_deep_are_told_like_the_rest(unit_toml, content):
    assert "is not valid TOML" in fault_of(unit_toml(content)).words.en
