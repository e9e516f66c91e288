"""Safe mode: the panel says it, a button asks for it again, and nothing that is broken ends it early."""

import threading

import pytest

from device.safe_mode import safe_mode
from tests.notified import Heard
from wire.service import Service

CONFIG = """
[unit]
id = "cp-01"
role = "checkpoint"
[[broker]]
host = "127.0.0.1"
[journal]
path = "/nowhere/journal.db"
[panel]
kind = "sim"
trace = "panel.jsonl"
fingers = "fingers"
"""
BUZZER, RED = 18, 24
WAIT_S = 20


@pytest.fixture
def heard(tmp_path):
    manager = Heard(tmp_path / "notify")
    yield manager
    manager.close()


@pytest.fixture
def shown(tmp_path, heard):
    """Runs safe mode over a configuration; ends it at the test's end."""
    stop, threads = threading.Event(), []

    def start(text):
        (tmp_path / "device.toml").write_text(text)
        args = (tmp_path / "device.toml", 3600, stop, Service(heard.environ))
        threads.append(threading.Thread(target=safe_mode, args=args))
        threads[-1].start()
        heard.until("READY=1")
        return stop

    yield start
    stop.set()
    for thread in threads:
        thread.join(WAIT_S)
        assert not thread.is_alive()
