"""The supervisor over real processes: one that was killed is started again, and all end with it."""

import os
import select
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from gateway import supervisor
from gateway.site import lay_out
from gateway.supervisor import PARENT, Supervisor

MOST_S = 60


class Script(threading.Event):
    """A stop event whose waits are the test's own steps: each is repeated until it says True."""

    def __init__(self, *steps):
        super().__init__()
        self.steps, self.until_s = list(steps), time.monotonic() + MOST_S

    def wait(self, timeout=None):
        if self.steps and self.steps[0]():
            del self.steps[0]
        if not self.steps or time.monotonic() > self.until_s:
            self.set()
        return super().wait(0.005)


def processes(one):
    """Of the workers; chores come after them."""
    return [child._process for child in one._children][: len(supervisor.WORKERS)]


@pytest.fixture
def site(tmp_path):
    lay_out(tmp_path / "site")
    return tmp_path / "site" / "gateway.toml"


@pytest.mark.parametrize("number", [0, 1], ids=supervisor.WORKERS)
def test_a_worker_that_was_killed_is_started_again_and_all_end(site, number, caplog):
    one, started = Supervisor(site), []

    def kill():
        started.extend(processes(one))
        os.kill(started[number].pid, signal.SIGKILL)
        return started[number].wait(MOST_S) == -signal.SIGKILL

    def again():
        now = processes(one)[number]
        if now is None or now is started[number]:
            return False
        started.append(now)
        return True

    script = Script(kill, again)
    one.run(script)
    assert script.steps == []
    assert len({process.pid for process in started}) == 3
    assert processes(one)[1 - number] is started[1 - number]
    codes = {process.poll() for process in started if process is not started[number]}
    assert codes <= {0, -signal.SIGTERM}
    assert f"{supervisor.WORKERS[number]} ended (-9); started again in " in caplog.text


def test_told_to_end_before_it_began_it_starts_nothing(site):
    one, stop = Supervisor(site), threading.Event()
    stop.set()
    one.run(stop)
    assert processes(one) == [None, None]


def commanded(one, *codes):
    """Gives the children Python one-liners in place of workers."""
    for child, code in zip(one._children, codes, strict=False):
        child._command = [sys.executable, "-c", code]
    return one


def test_one_that_ends_at_once_is_started_ever_more_slowly(site, monkeypatch):
    one, pids = commanded(Supervisor(site, ("ingest",)), "raise SystemExit(3)"), []
    pauses = []
    child = one._children[0]
    wait_s = child._backoff.wait_s
    monkeypatch.setattr(child._backoff, "wait_s", lambda: pauses.append(wait_s()) or 0.0)

    def ended():
        process = processes(one)[0]
        if process and process.pid not in pids:
            pids.append(process.pid)
            assert process.wait(MOST_S) == 3
        return len(pauses) == 4

    one.run(Script(ended))
    assert len(pids) >= 4
    assert all(0.1 * 2**n <= pause_s <= 0.2 * 2**n for n, pause_s in enumerate(pauses[:4]))


def test_one_that_will_not_end_is_killed(site, tmp_path, monkeypatch):
    monkeypatch.setattr(supervisor, "END_S", 0.2)
    ready = tmp_path / "ready"
    deaf = (
        "import signal, pathlib, threading; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
        f"pathlib.Path({str(ready)!r}).touch(); threading.Event().wait(600)"
    )
    one = commanded(Supervisor(site, ("ingest",)), deaf)
    one.run(Script(ready.exists))
    assert processes(one)[0].returncode == -signal.SIGKILL


def test_one_that_listens_ends_by_itself(site, tmp_path):
    ready = tmp_path / "ready"
    polite = (
        "import signal, pathlib, threading; stop = threading.Event();"
        "signal.signal(signal.SIGTERM, lambda *_: stop.set());"
        f"pathlib.Path({str(ready)!r}).touch(); stop.wait(600)"
    )
    one = commanded(Supervisor(site, ("ingest",)), polite)
    one.run(Script(ready.exists))
    assert processes(one)[0].returncode == 0


def test_killed_it_takes_its_workers_with_it(site):
    command = [sys.executable, "-m", "xunkong", "gateway", "run", "--config", str(site)]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    until_s = time.monotonic() + MOST_S
    while time.monotonic() < until_s and len(children.read_text().split()) < 3:
        threading.Event().wait(0.02)
    workers = [int(pid) for pid in children.read_text().split()]
    waiting = [os.pidfd_open(pid) for pid in workers]
    for worker in workers:
        while b"xunkong" not in Path(f"/proc/{worker}/cmdline").read_bytes():
            threading.Event().wait(0.02)
    process.kill()
    process.wait(MOST_S)
    try:
        for fd in waiting:
            ended, _, _ = select.select([fd], [], [], MOST_S)
            assert ended == [fd]
    finally:
        for fd in waiting:
            os.close(fd)
    assert len(workers) == 3


def test_a_worker_whose_supervisor_is_gone_already_ends_at_once():
    code = "from gateway.supervisor import end_with_parent; end_with_parent(); print('still here')"
    environ = {**os.environ, PARENT: "1"}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environ, capture_output=True, timeout=MOST_S, check=False
    )
    assert (done.returncode, done.stdout) == (-signal.SIGTERM, b"")


def test_without_a_supervisor_nothing_ends():
    code = (
        "from gateway.supervisor import end_with_parent; end_with_parent({}); print('still here')"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, timeout=MOST_S, check=True
    )
    assert done.stdout == b"still here\n"


@pytest.mark.parametrize("code", [0, 3])
def test_a_chore_is_done_after_a_while_and_again_a_day_later(site, monkeypatch, caplog, code):
    monkeypatch.setattr(supervisor, "FIRST_CHORE_S", 0.2)
    monkeypatch.setattr(supervisor, "CHORES", {"retain": 0.3})
    one = Supervisor(site, ())
    (chore,) = one._children
    chore._command = [sys.executable, "-c", f"raise SystemExit({code})"]
    begun = set()

    def twice():
        if chore._process:
            begun.add(chore._process.pid)
        return len(begun) >= 2

    assert chore._process is None
    script = Script(twice)
    one.run(script)
    assert script.steps == []
    assert (f"retain ended ({code})" in caplog.text) is bool(code)
