"""The link is walked by connections alone; what is lost, slow or weak is said."""

import socket
import ssl
import threading
from contextlib import suppress

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from device.commission.link import Walk, judge_trust, judge_walk, reachable, walk
from device.link.mqtt import Broker
from device.papers import Papers
from hardware.modem.meaning import ModemReading
from sim.broker import free_port
from tests.keys import Site

LTE = ModemReading("ok", "CMCC", "lte", -95.0)


@pytest.fixture
def door():
    """A port that takes connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as server:
        yield Broker("127.0.0.1", server.getsockname()[1], tls=False)


def verdicts(found):
    return {one.part: one.verdict for one in judge_walk(found)}


def test_every_try_is_counted(door):
    left = []
    found = walk(door, 0.3, None, lambda left_s, of_s: left.append((left_s, of_s)))
    assert (found.sent, len(found.rtt_ms), found.lost_pct) == (1, 1, 0)
    assert 0 < left[0][0] <= 0.3 and left[0][1] == 0.3
    assert verdicts(found) == {"link": "ok"}


def test_nobody_answers():
    found = walk(Broker("127.0.0.1", free_port()), 0.1, None, lambda *_: None)
    assert (found.rtt_ms, found.lost_pct) == ((), 100)
    (said,) = judge_walk(found)
    assert said.verdict == "fault" and "firewalls" in said.remedy.en


def test_the_modem_is_asked_meanwhile(door):
    found = walk(door, 0.1, lambda: LTE, lambda *_: None)
    assert (found.signals, found.modem) == ((-95.0,), LTE)
    assert verdicts(found) == {"link": "ok", "modem": "ok"}


def test_the_first_that_answers_is_walked(door):
    gone = Broker("127.0.0.1", free_port())
    assert reachable([gone, door]) == door
    assert reachable([gone]) == gone


@pytest.mark.parametrize(
    ("sent", "rtt_ms", "verdict"),
    [
        (60, (50.0,) * 60, "ok"),
        (60, (50.0,) * 59, "ok"),
        (60, (50.0,) * 55, "warning"),
        (60, (50.0,) * 40, "fault"),
        (60, (2000.0,) * 60, "warning"),
    ],
)
def test_what_is_lost_or_slow(sent, rtt_ms, verdict):
    assert verdicts(Walk("b", sent, rtt_ms)) == {"link": verdict}


@pytest.mark.parametrize(
    ("technology", "signals", "verdict"),
    [
        ("lte", (-95.0, -100.0), "ok"),
        ("lte", (-111.0,), "warning"),
        ("5gnr", (-125.0,), "fault"),
        ("umts", (-97.0,), "warning"),
        ("umts", (-106.0,), "fault"),
        ("lte", (), "untried"),
    ],
)
def test_how_strong_a_signal_is(technology, signals, verdict):
    found = Walk("b", 1, (1.0,), signals, ModemReading("ok", "CMCC", technology))
    assert verdicts(found)["modem"] == verdict


def test_a_modem_that_is_not_connected():
    found = Walk("b", 1, (1.0,), (), ModemReading("SIM locked (sim-pin)"))
    assert verdicts(found)["modem"] == "fault"


def test_figures_for_machines():
    row = Walk("b:1", 4, (10.0, 30.0, 20.0), (-90.0, -94.0), LTE).row()
    assert row == {
        "broker": "b:1",
        "sent": 4,
        "answered": 3,
        "lost_pct": 25.0,
        "median_ms": 20.0,
        "worst_ms": 30.0,
        "signal_dbm": -92.0,
    }


@pytest.fixture
def site():
    return Site()


@pytest.fixture
def guarded(site, tmp_path):
    """A port that speaks TLS, and lets in whom the site made a certificate for."""
    own = site.bearer(
        "localhost", "serve", ec.generate_private_key(ec.SECP256R1()), hosts=["localhost"]
    )
    (tmp_path / "own.pem").write_bytes(own.key_pem + own.pem)
    (tmp_path / "site.crt").write_bytes(site.pem)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "own.pem")
    context.load_verify_locations(tmp_path / "site.crt")
    context.verify_mode = ssl.CERT_REQUIRED
    with socket.create_server(("localhost", 0)) as server:
        thread = threading.Thread(target=_welcome, args=(server, context))
        thread.start()
        yield Broker("localhost", server.getsockname()[1])
        thread.join(timeout=10)
        assert not thread.is_alive()


def _welcome(server, context):
    line, _ = server.accept()
    with line, suppress(OSError), context.wrap_socket(line, server_side=True) as secured:
        secured.recv(1)


def test_the_sites_broker_lets_the_unit_in(guarded, site, tmp_path):
    site.lay_papers("cp-1", tmp_path / "identity")
    (found,) = judge_trust(guarded, Papers("cp-1", tmp_path / "identity"))
    assert found.verdict == "ok"


@pytest.mark.parametrize("whose", ["broker", "unit"])
def test_a_broker_that_is_another_sites_or_a_certificate_that_is(guarded, site, tmp_path, whose):
    folder, other = tmp_path / "identity", Site()
    other.lay_papers("cp-1", folder)
    if whose == "unit":
        (folder / "ca.crt").write_bytes(site.pem)
    (found,) = judge_trust(guarded, Papers("cp-1", folder))
    assert found.verdict == "fault"
    assert "certificate in force" in found.remedy.en


def test_in_clear_there_is_nothing_to_trust(door, tmp_path):
    assert list(judge_trust(door, Papers("cp-1", tmp_path))) == []
