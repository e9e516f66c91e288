"""`gateway.toml`: what is read, and what stops the start."""

import pytest

from gateway.config import BrokerSection, SinkSection, StoreSection, load
from wire.words import Fault

LEAST = '[[broker]]\nhost = "b"\n[store]\nurl = "sqlite:///store.db"\n'


@pytest.fixture
def read(tmp_path):
    def read_text(text):
        path = tmp_path / "gateway.toml"
        path.write_text(text, "utf-8")
        return load(path)

    return read_text


def test_the_least_that_is_enough(read, tmp_path):
    config = read(LEAST)
    assert config.broker == [BrokerSection("b", 8885, tls=True)]
    assert config.store == StoreSection(f"sqlite:///{tmp_path}/store.db")
    assert (config.sink, config.ingest.worker) == ([], "main")
    assert str(config.zone()) == "Asia/Shanghai"
    assert str(config.broker[0]) == "b:8885"


@pytest.mark.parametrize("url", ["sqlite:////srv/store.db", "postgresql+psycopg://u@h/db"])
def test_a_whole_url_is_left_alone(read, url):
    assert read(LEAST.replace("sqlite:///store.db", url)).store.url == url


def test_a_whole_file(read):
    config = read(
        LEAST
        + '[[broker]]\nhost = "c"\nport = 1883\ntls = false\n'
        + '[[sink]]\nkind = "cloudevents"\nurl = "https://p/e"\nname = "p-1"\ntimeout_s = 2\n'
        + 'headers = {A = "b"}\n[site]\nzone = "UTC"\n[ingest]\nworker = "w-2"\n'
    )
    assert config.broker[1] == BrokerSection("c", 1883, tls=False)
    assert config.sink == [SinkSection("cloudevents", "https://p/e", "p-1", {"A": "b"}, 2.0)]
    assert (str(config.zone()), config.ingest.worker) == ("UTC", "w-2")


SINK = '[[sink]]\nkind = "cloudevents"\nurl = "https://p/e"\n'
WRONG = {
    "": ["[top]", "broker"],
    '[[broker]]\nhost = "b"\n': ["[top]", "store"],
    'broker = []\n[store]\nurl = "sqlite:///s"': ["[broker]", ">= 1"],
    LEAST + "[sites]\n": ["[top]", "sites"],
    LEAST.replace("host", "hots"): ["[broker[0]]", "hots"],
    LEAST.replace('"b"', '"b"\nport = 70000'): ["[broker[0]] port", "70000", "<= 65535"],
    LEAST.replace('"b"', '"b"\nport = "1883"'): ["[broker[0]] port", "1883", "int"],
    LEAST + SINK.replace("https", "ftp"): ["[sink[0]] url", "ftp://p/e"],
    LEAST + SINK + "timeout_s = 0\n": ["[sink[0]] timeout_s", "(0)", "> 0"],
    LEAST + SINK.replace("cloudevents", "kafka"): ["[sink[0]] kind", "kafka"],
    LEAST + SINK + 'headers = {A = "b\\nc"}\n': ["[sink[0]] headers", "[ -~]"],
    LEAST + SINK + 'headers = {"A B" = "b"}\n': ["[sink[0]]", "A-Za-z0-9"],
    LEAST + SINK * 2: ["[[sink]] name occurs twice"],
    LEAST + '[site]\nzone = "Mars/Olympus"\n': ["[site] zone 'Mars/Olympus'", "Asia/Shanghai"],
    LEAST + '[site]\nzone = "../etc"\n': ["[site] zone '../etc'"],
    LEAST + '[ingest]\nworker = "Ä"\n': ["[ingest] worker", "Ä"],
    LEAST + "[store\n": ["is not valid TOML", "line 5"],
}


@pytest.mark.parametrize("text", WRONG, ids=range(len(WRONG)))
def test_what_is_wrong_is_named(read, tmp_path, text):
    with pytest.raises(Fault) as caught:
        read(text)
    for said in (str(tmp_path / "gateway.toml"), *WRONG[text]):
        assert said in str(caught.value)
    assert "\n" not in str(caught.value)
