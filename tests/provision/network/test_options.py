"""What is typed becomes a network; secrets come unseen or from files, and never from the command line."""

import argparse
import io

import pytest

from provision.network.options import check_files, network_of, network_options
from provision.network.wanted import Modem, Network, Wifi
from tests.provision.conftest import faulty
from wire.commands import Commands


def parsed(*words):
    parser = argparse.ArgumentParser()
    network_options(Commands(parser, "en", required=False), parser)
    args = parser.parse_args(words)
    args.language = "en"
    return args


@pytest.fixture
def typed(monkeypatch):
    """What comes from standard input."""
    return lambda text: monkeypatch.setattr("sys.stdin", io.StringIO(text))


@pytest.fixture
def file(tmp_path):
    def make(name, text):
        (tmp_path / name).write_text(text, "utf-8")
        return str(tmp_path / name)

    return make


def test_ethernet_needs_nothing():
    assert network_of(parsed()) is None


@pytest.mark.parametrize("more", [[], ["--wifi-password", "-"]])
def test_the_password_of_a_wifi_is_asked_for(typed, more):
    typed(" pass word \n")
    assert network_of(parsed("--wifi", "site", *more)) == Network(Wifi("site", " pass word "))


def test_secrets_from_files(file):
    words = ["--wifi", "site", "--wifi-password", file("w", "password\nmore\n")]
    words += ["--wifi-country", "DE", "--apn", "cmnet", "--pin", file("p", "1234")]
    words += ["--apn-user", "card", "--apn-password", file("a", "secret\r\n")]
    assert network_of(parsed(*words)) == Network(
        Wifi("site", "password", "DE"), Modem("cmnet", "1234", "card", "secret")
    )


def test_one_after_the_other_is_asked_for(typed):
    typed("password\n1234\nsecret\n")
    found = network_of(
        parsed("--wifi", "site", "--apn", "cmnet", "--pin", "-", "--apn-password", "-")
    )
    assert found == Network(Wifi("site", "password"), Modem("cmnet", "1234", None, "secret"))


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--pin", "-"], "--pin needs --apn"),
        (["--wifi-password", "-"], "--wifi-password needs --wifi"),
        (["--wifi", "x", "--wifi-password", "/none"], "cannot read /none"),
        (["--apn", "a b"], "--apn a b: for example cmnet"),
    ],
)
def test_what_cannot_be(words, said):
    assert said in faulty(network_of, parsed(*words))


def test_an_empty_file_is_no_password(file):
    args = parsed("--wifi", "x", "--wifi-password", file("w", ""))
    assert "--wifi-password (0): 8 to 63" in faulty(network_of, args)


@pytest.mark.parametrize(
    ("words", "option"),
    [(["--wifi", "x"], "--wifi-password"), (["--apn", "x", "--pin", "-"], "--pin")],
)
def test_for_many_machines_nobody_is_asked(words, option):
    assert f"{option}: give a file" in faulty(check_files, parsed(*words))


def test_files_will_do_for_many():
    check_files(parsed("--wifi", "x", "--wifi-password", "w", "--apn", "x"))
