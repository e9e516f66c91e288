"""The modem through a small `mmcli` of the test's own, which prints recorded answers."""

import importlib.util
import os
from pathlib import Path

import pytest

from hardware.modem.meaning import BadAnswer, read_bearer, read_list, read_modem, read_signal
from hardware.modem.mmcli import Mmcli

_spec = importlib.util.spec_from_file_location("answers", Path(__file__).with_name("answers.py"))
said = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(said)

SCRIPT = """#!/bin/sh
cd "$(dirname "$0")"
echo "$*" >> asked
case "$*" in
    "-L -J") file=list ;;
    *--signal-setup*) file=setup ;;
    *--signal-get*) file=signal ;;
    "-b "*) file=bearer ;;
    *) file=modem ;;
esac
[ ! -e hang ] || { sleep 600 & wait; }
[ -e "$file" ] || { echo "error: couldn't find it" >&2; exit 1; }
cat "$file"
"""


@pytest.fixture
def mmcli(tmp_path):
    command = tmp_path / "mmcli"
    command.write_text(SCRIPT, "ascii")
    command.chmod(0o755)

    def put(timeout_s=20.0, **answers):
        whole = {
            "list": said.LIST,
            "modem": said.CONNECTED,
            "signal": said.SIGNAL,
            "setup": b"successfully setup extended signal information polling\n",
            "bearer": said.BEARER,
        }
        for name, text in (whole | answers).items():
            if text is not None:
                (tmp_path / name).write_bytes(text)
        return Mmcli(str(command), timeout_s)

    put.folder = tmp_path
    return put


def test_a_connected_modem(mmcli):
    found = mmcli().read()
    assert (found.word, found.operator, found.technology) == ("ok", "vodafone.de", "lte")
    assert (found.signal_dbm, found.quality_pct) == (-104.0, 75)
    assert found.session == "/org/freedesktop/ModemManager1/Bearer/1"
    assert (found.rx_bytes, found.tx_bytes) == (1_048_576, 524_288)


@pytest.mark.parametrize(
    ("answers", "word"),
    [
        ({"list": said.NO_MODEM}, "no modem"),
        ({"modem": said.NO_SIM}, "SIM missing"),
        ({"modem": said.LOCKED}, "SIM locked (sim-pin)"),
        ({"list": None}, "mmcli: error: couldn't find it"),
        ({"list": b"\xff\xfe garbage"}, "mmcli: "),
        ({"modem": b"{" * 100_000}, "mmcli: "),
        ({"modem": b"x" * (2**20 + 1)}, "mmcli: 1048577 bytes long"),
        ({"modem": b'{"modem":[]}'}, "mmcli: no modem.generic in it"),
        ({"list": b"[1]"}, "mmcli: "),
    ],
)
def test_what_is_wrong_with_the_modem_is_its_word(mmcli, answers, word):
    assert mmcli(**answers).read().word.startswith(word)


@pytest.mark.parametrize("bearer", [None, b"garbage", said.BEARER.replace(b'"yes"', b'"no"')])
def test_a_bearer_that_is_gone_has_no_counters(mmcli, bearer):
    found = mmcli(bearer=bearer).read()
    assert (found.session, found.rx_bytes, found.tx_bytes) == (None, None, None)
    assert found.word == "ok"


def test_without_the_right_to_ask_for_the_signal_the_quality_remains(mmcli):
    found = mmcli(setup=None).read()
    assert (found.signal_dbm, found.quality_pct) == (None, 75)


def test_the_signal_is_set_up_once_per_modem(mmcli):
    asker = mmcli()
    asker.read()
    asker.read()
    asked = (mmcli.folder / "asked").read_text("ascii")
    assert asked.count("--signal-setup=30") == 1


def test_an_mmcli_that_hangs_is_killed_with_its_children(mmcli):
    (mmcli.folder / "hang").touch()
    assert mmcli(timeout_s=0.2).read().word == "mmcli silent"


def test_no_mmcli_installed(tmp_path):
    assert "install modemmanager" in Mmcli(os.fspath(tmp_path / "none")).read().word


def test_counters_over_all_sessions_are_preferred():
    both = said.BEARER.replace(b'"total-bytes-rx":"--"', b'"total-bytes-rx":"7340032"')
    assert read_bearer(both).rx_bytes == 7_340_032


@pytest.mark.parametrize("dbm", ["--", "nan", "inf", "0.00", "-1000", "", "loud"])
def test_no_level_that_a_receiver_cannot_have(dbm):
    text = f'{{"modem":{{"signal":{{"lte":{{"rsrp":"{dbm}","rssi":"{dbm}"}}}}}}}}'
    assert read_signal(text.encode()) is None


@pytest.mark.parametrize("read", [read_list, read_modem, read_signal, read_bearer])
def test_no_torn_answer_does_worse_than_be_refused(read):
    for whole in (said.LIST, said.CONNECTED, said.SIGNAL, said.BEARER):
        for end in range(0, len(whole), 7):
            with pytest.raises(BadAnswer):
                read(whole[:end])
