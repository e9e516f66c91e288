"""`xunkong sim …` as somebody types it: the port on the first line, commands on stdin, one line for a fault."""

import json
import os
import select
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

import xunkong
from hardware.gps.nmea import Sentence, Splitter
from hardware.gps.synthetic import drive
from sim.broker import free_port

WAIT_S = 60
START_MS = 1_786_449_600_000


@contextmanager
def sim(*words: str) -> Iterator["subprocess.Popen[str]"]:
    """A running command; it is ended, where it has not ended by itself."""
    command = [sys.executable, "-m", "xunkong", "--lang", "en", "sim", *words]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def line(process: "subprocess.Popen[str]") -> str:
    assert process.stdout
    return process.stdout.readline().strip()


def ends(process: "subprocess.Popen[str]") -> tuple[int, str]:
    """Its exit code and what it said of faults; its stdin is closed."""
    _, said = process.communicate(timeout=WAIT_S)
    return process.returncode, said


def tell(process: "subprocess.Popen[str]", words: str) -> dict[str, object]:
    assert process.stdin
    process.stdin.write(words + "\n")
    process.stdin.flush()
    answer: dict[str, object] = json.loads(line(process))
    return answer


def is_terminal(path: str) -> bool:
    return stat.S_ISCHR(Path(path).stat().st_mode)


class TestPn532:
    def test_its_port_is_on_the_first_line(self) -> None:
        with sim("pn532") as twin:
            assert is_terminal(line(twin))

    def test_obeys_line_by_line_and_answers_with_the_time(self) -> None:
        with sim("pn532") as twin:
            line(twin)
            before_ns = time.monotonic_ns()
            shown, gone = tell(twin, "present 04a1b2c3"), tell(twin, "remove 04a1b2c3")
            assert (shown["did"], gone["did"]) == ("present", "remove")
            assert before_ns < shown["mono_ns"] < gone["mono_ns"] < time.monotonic_ns()
            others = [
                *("present 04a1b2c3 04a1b2c4", "remove", "mute", "unmute", "noise", "lose_ack"),
                *("lose_answer", "spoil", "refuse", "wrong", "stale", "split", "glue", "whole"),
                *("sleep", "raise_baud", "torn", "unplug", "plug"),
            ]
            assert [tell(twin, words)["did"] for words in others] == [w.split()[0] for w in others]

    @pytest.mark.parametrize(
        ("words", "why"),
        [
            ("fly", "'fly' is none of present, remove, mute, unmute, noise, lose_ack, "),
            ("present", "present takes one or two UIDs"),
            ("present 04a1b2c3 04a1b2c4 04a1b2c5", "present takes one or two UIDs"),
            ("present 04a1", "'04a1' is no UID"),
            ("present ntag424", "present takes one or two UIDs"),
            ("present ntag424 04a1b2c3", "'04a1b2c3' is no UID of ntag424"),
            ("present desfire zz", "'zz' is no UID of desfire"),
            ("present 04a1b2c3 desfire", "give a UID after desfire"),
            ("present desfire desfire 04a1b2c3d4e5f6", "'desfire' is no UID"),
            ("present xyz", "'xyz' is no UID"),
            ("remove 04a1b2c3 now", "remove takes"),
            ("mute yes", "mute takes nothing more"),
        ],
    )
    def test_an_error_is_an_answer_and_not_the_end(self, words: str, why: str) -> None:
        with sim("pn532") as twin:
            line(twin)
            assert str(tell(twin, words)["error"]).startswith(why)
            assert tell(twin, "present 04a1b2c3")["did"] == "present"

    def test_a_card_that_proves_itself_is_made_shown_again_and_verified(
        self, tmp_path: Path
    ) -> None:
        """By `xunkong card`, at the simulated reader of another process."""
        keys, uid = str(tmp_path / "keys.toml"), "04de5f1eacc040"
        assert xunkong.main(["card", "keys", "new", keys]) == 0
        with sim("pn532") as twin:
            at = ["--port", line(twin), "--keys", keys]
            url = ["--url", "https://x.example/t", "--person", "p"]
            assert tell(twin, f"present ntag424 {uid}")["did"] == "present"
            assert xunkong.main(["card", "personalise", *at, *url]) == 0
            tell(twin, "remove")
            tell(twin, f"present ntag424 {uid}")
            assert xunkong.main(["card", "verify", *at]) == 0
            assert tell(twin, f"present desfire 04000000000001 {uid}")["did"] == "present"

    def test_quit_ends_it(self) -> None:
        with sim("pn532") as twin:
            line(twin)
            assert twin.stdin
            twin.stdin.write("\nquit\npresent 04a1b2c3\n")
            assert ends(twin) == (0, "")

    def test_the_end_of_its_input_ends_it_and_takes_the_link_away(self, tmp_path: Path) -> None:
        link = tmp_path / "reader"
        with sim("pn532", "--link", str(link)) as twin:
            assert line(twin) == str(link)
            assert is_terminal(str(link))
            assert ends(twin) == (0, "")
        assert not link.is_symlink()

    def test_unplugged_the_link_is_gone_and_plugged_it_is_back(self, tmp_path: Path) -> None:
        link = tmp_path / "reader"
        with sim("pn532", "--link", str(link)) as twin:
            line(twin)
            tell(twin, "unplug")
            assert not link.exists()
            tell(twin, "plug")
            assert is_terminal(str(link))


def sentences(port: str, count: int) -> list[Sentence]:
    """The first `count` sentences from `port`."""
    fd, splitter, found = os.open(port, os.O_RDONLY | os.O_NOCTTY), Splitter(), []
    try:
        while len(found) < count:
            assert select.select([fd], [], [], WAIT_S)[0], f"only {len(found)} of {count} came"
            said = splitter.feed(os.read(fd, 4096))
            found += [one for one in said if isinstance(one, Sentence)]
    finally:
        os.close(fd)
    return found


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    path = tmp_path / "drive.nmea"
    path.write_bytes(b"".join(drive(START_MS, 3, seed=1)))
    return path


class TestGps:
    def test_plays_through_the_port_on_the_first_line_and_ends_when_told(
        self, recording: Path
    ) -> None:
        with sim("gps", str(recording), "--loop", "--rate", "20") as twin:
            found = sentences(line(twin), 30)
            assert {one.kind for one in found} == {"RMC", "GGA", "GSA", "VTG", "GLL"}
            twin.send_signal(signal.SIGTERM)
            assert ends(twin) == (0, "")

    def test_restamped_it_says_today(self, recording: Path) -> None:
        with sim("gps", str(recording), "--loop", "--rate", "20", "--restamp") as twin:
            found = sentences(line(twin), 30)
        dates = {one.fields[8] for one in found if one.kind == "RMC"}
        assert dates <= {f"{datetime.fromtimestamp(time.time() - s, UTC):%d%m%y}" for s in (0, 60)}
        assert dates

    @pytest.mark.parametrize("rate", ["0", "-1", "nan"])
    def test_a_rate_that_is_none(self, recording: Path, rate: str) -> None:
        with sim("gps", str(recording), "--rate", rate) as twin:
            code, said = ends(twin)
        assert code == 2
        assert said.startswith("xunkong: --rate")
        assert said.count("\n") == 1

    def test_a_recording_that_is_not_there(self, tmp_path: Path) -> None:
        missing = tmp_path / "none.nmea"
        with sim("gps", str(missing)) as twin:
            code, said = ends(twin)
        assert code == 2
        assert (
            said == f"xunkong: cannot read {missing}: No such file or directory; check the path\n"
        )


class TestPlatform:
    @pytest.mark.parametrize(
        ("port", "store"), [("70000", "events.jsonl"), ("{free}", "none/events.jsonl")]
    )
    def test_one_that_cannot_start_says_why(self, tmp_path: Path, port: str, store: str) -> None:
        path = str(tmp_path / store)
        with sim("platform", "--port", port.format(free=free_port()), "--store", path) as one:
            code, said = ends(one)
        assert code == 2
        assert said.startswith("xunkong: the platform cannot start (port ")
        assert path in said
        assert said.count("\n") == 1


class TestDemo:
    @pytest.mark.parametrize(
        ("words", "why"),
        [
            (["--seconds", "5"], "--seconds 5: give 15 to 3600"),
            (["--seconds", "nan"], "--seconds nan: give 15 to 3600"),
            (["--gps", "/nonexistent/drive.nmea"], "cannot read /nonexistent/drive.nmea"),
        ],
    )
    def test_a_wish_that_cannot_be(self, words: list[str], why: str) -> None:
        with sim("demo", *words) as one:
            code, said = ends(one)
        assert code == 2
        assert said.startswith(f"xunkong: {why}")
        assert said.count("\n") == 1


class TestBench:
    def test_an_unknown_name(self) -> None:
        with sim("bench", "--only", "luck") as one:
            code, said = ends(one)
        assert code == 2
        assert "'luck'" in said
        assert "journal" in said
