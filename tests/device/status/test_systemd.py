"""What systemd is asked, and what comes of its answers."""

import pytest

from device.status.systemd import DEVICE, ServiceSaid, ask


@pytest.fixture
def systemctl(tmp_path):
    """A stand-in that gives an answer."""

    def make(text, code=0):
        path = tmp_path / "systemctl"
        path.write_text(f"#!/bin/sh\ncat <<'END'\n{text}\nEND\nexit {code}\n")
        path.chmod(0o755)
        return str(path)

    return make


ANSWER = "LoadState=loaded\nActiveState=active\nSubState=running\nStatusText=a=b\nNRestarts=3"


def test_a_service_that_runs(systemctl):
    assert ask(DEVICE, systemctl(ANSWER)) == ServiceSaid("active", "running", "a=b", 3)


@pytest.mark.parametrize(
    ("text", "code"), [("LoadState=not-found", 0), (ANSWER, 1), ("no answer", 0)]
)
def test_what_is_not_known(systemctl, text, code):
    assert ask(DEVICE, systemctl(text, code)) is None


def test_no_systemd(tmp_path):
    assert ask(DEVICE, str(tmp_path / "none")) is None
