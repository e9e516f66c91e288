"""The front door: languages, examples, exit codes, and what is said when something is wrong."""

import argparse
import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

import pytest

import xunkong
from hardware.gps.synthetic import drive
from wire.words import Language

WAIT_S = 60
START_MS = 1_786_449_600_000
TITLE = {"en": "example", "zh": "示例"}


def run(*arguments: str, **env: str) -> "subprocess.CompletedProcess[str]":
    """The command as somebody types it, without the language of who tests."""
    plain = {name: value for name, value in os.environ.items() if not _speaks(name)}
    return subprocess.run(
        [sys.executable, "-m", "xunkong", *arguments],
        capture_output=True,
        text=True,
        timeout=WAIT_S,
        env=plain | env,
        check=False,
    )


def _speaks(name: str) -> bool:
    return name in ("XUNKONG_LANG", "LANG", "LC_ALL", "LC_MESSAGES")


def is_chinese(text: str) -> bool:
    return any("\u4e00" <= char <= "\u9fff" for char in text)


class TestHelp:
    def test_names_every_room(self) -> None:
        said = run("--help")
        assert said.returncode == 0
        assert set(xunkong.ROOMS) <= set(said.stdout.split())

    def test_is_english_without_a_wish(self) -> None:
        assert "patrol" in run("--help").stdout

    @pytest.mark.parametrize("wish", [("--lang", "zh"), ("--lang=zh",)])
    def test_is_chinese_on_demand(self, wish: tuple[str, ...]) -> None:
        assert "巡控" in run(*wish, "--help").stdout
        assert "单元的配置文件" in run(*wish, "device", "run", "--help").stdout

    def test_is_chinese_by_the_environment(self) -> None:
        assert "巡控" in run("--help", XUNKONG_LANG="zh").stdout
        assert "巡控" in run("--help", LANG="zh_CN.UTF-8").stdout

    def test_the_command_line_outdoes_the_environment(self) -> None:
        said = run("--lang", "en", "gateway", "units", "--help", XUNKONG_LANG="zh")
        assert not is_chinese(said.stdout.replace(xunkong.ABOUT.zh, ""))
        assert "how each unit is" in said.stdout

    def test_version(self) -> None:
        assert run("--version").stdout == f"xunkong {version('xunkong')}\n"


def leaves(
    parser: argparse.ArgumentParser, path: tuple[str, ...]
) -> Iterator[tuple[tuple[str, ...], argparse.ArgumentParser]]:
    """Every command that does something."""
    if parser.get_default("run"):
        yield path, parser
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for name, below in action.choices.items():
                yield from leaves(below, (*path, name))


def all_leaves(language: Language) -> list[tuple[str, ...]]:
    rooms = (xunkong._parser([room], language) for room in xunkong.ROOMS)
    return sorted({path for root in rooms for path, _ in leaves(root, ())})


class TestExamples:
    def test_there_are_commands_in_every_room(self) -> None:
        found = all_leaves("en")
        assert {path[0] for path in found} == set(xunkong.ROOMS)
        assert len(found) > 15

    @pytest.mark.parametrize("language", ["en", "zh"])
    @pytest.mark.parametrize("path", all_leaves("en"), ids=" ".join)
    def test_each_command_has_one_that_can_be_typed(
        self, path: tuple[str, ...], language: Language
    ) -> None:
        root = xunkong._parser(path, language)
        leaf = dict(leaves(root, ()))[path]
        title, example = leaf.format_help().rstrip().splitlines()[-2:]
        assert title == f"{TITLE[language]}:"
        program, *words = shlex.split(example.split("|")[-1].strip().removeprefix("sudo "))
        assert program == "xunkong"
        assert root.parse_args(words).run is leaf.get_default("run")

    @pytest.mark.parametrize("path", all_leaves("zh"), ids=" ".join)
    def test_each_command_speaks_chinese(self, path: tuple[str, ...]) -> None:
        leaf = dict(leaves(xunkong._parser(path, "zh"), ()))[path]
        silent = [
            action.dest
            for action in leaf._actions
            if action.help and action.dest not in ("help", "json") and not is_chinese(action.help)
        ]
        assert is_chinese(leaf.description or "")
        assert silent == []


class TestWhatIsWrong:
    @pytest.mark.parametrize("words", [("fly",), ("device", "fly"), ("gateway", "config", "fly")])
    def test_an_unknown_command(self, words: tuple[str, ...]) -> None:
        said = run(*words)
        assert said.returncode == 2
        assert "'fly'" in said.stderr
        assert said.stdout == ""

    @pytest.mark.parametrize("words", [(), ("device",), ("gateway", "quarantine")])
    def test_no_command(self, words: tuple[str, ...]) -> None:
        said = run(*words)
        assert said.returncode == 2
        assert "COMMAND" in said.stderr

    @pytest.mark.parametrize(("language", "word"), [("en", "cannot"), ("zh", "无法")])
    def test_a_fault_is_one_line_and_says_where(
        self, tmp_path: Path, language: str, word: str
    ) -> None:
        missing = tmp_path / "none.toml"
        said = run("--lang", language, "device", "run", "--config", str(missing))
        assert said.returncode == 2
        assert said.stderr.count("\n") == 1
        assert said.stderr.startswith("xunkong: ")
        assert str(missing) in said.stderr
        assert word in said.stderr

    def test_a_fault_of_the_gateway_says_what_to_do(self, tmp_path: Path) -> None:
        wrong = tmp_path / "gateway.toml"
        wrong.write_text('[[broker]]\nhost = "a"\nprot = 1\n[store]\nurl = "sqlite:///s.db"\n')
        said = run("gateway", "units", "--config", str(wrong))
        assert said.returncode == 2
        assert said.stderr.count("\n") == 1
        assert "prot" in said.stderr

    def test_a_reader_that_goes_away_is_no_fault(self, tmp_path: Path) -> None:
        recording = tmp_path / "long.nmea"
        recording.write_bytes(b"".join(drive(START_MS, 3_000, 1)))
        command = [sys.executable, "-m", "xunkong", "device", "gps", "decode", str(recording)]
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        ) as told:
            assert told.stdout
            assert told.stderr
            assert told.stdout.readline()
            told.stdout.close()
            assert told.stderr.read() == ""
            assert told.wait(WAIT_S) == 0

    def test_ctrl_c_ends_it_quietly(self, tmp_path: Path) -> None:
        folder = tmp_path / "site"
        assert run("gateway", "init", str(folder)).returncode == 0
        config = str(folder / "gateway.toml")
        command = [sys.executable, "-m", "xunkong", "gateway", "units", "--watch", "--config"]
        with subprocess.Popen(
            [*command, config], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        ) as watching:
            assert watching.stdout
            assert watching.stderr
            assert watching.stdout.readline()
            watching.send_signal(signal.SIGINT)
            assert watching.wait(WAIT_S) == 130
            assert watching.stderr.read() == ""
