"""Makes what an order asks for, beside the loop: a self-test in a thread, logs by a helper with other rights.

The unit hears the network and may not read the machine's logs; `xunkong-logs`, which hears nothing, may. The unit
leaves a wish in a folder that they share, and finds the report there.
"""

import logging
import os
import stat
import threading
import time
from collections.abc import Callable
from pathlib import Path

import msgspec

from device.config import DeviceConfig
from device.core import events as ev
from device.core.effects import MakeReport
from device.selftest.beside import beside
from device.selftest.finding import finding_json, fit
from wire.batch import BadPayload
from wire.report import MAX_BYTES, LogsWanted, logs_wanted, packed
from wire.words import Fault

WISH, REPORT = "wish.json", "report.z"
MAX_WISH_BYTES = 4 * 1024
HELPER_S, LOOK_S = 90.0, 0.2

log = logging.getLogger("xunkong.device")


class Reporter:
    """`put` brings `ReportMade` into the inbox. One report at a time, in a thread of its own that ends with it."""

    def __init__(self, path: Path, config: DeviceConfig, put: Callable[[ev.Event], None]) -> None:
        self._path, self._config, self._put = path, config, put
        self._busy = threading.Lock()

    def make(self, wanted: MakeReport) -> None:
        """Begins; never waits."""
        threading.Thread(target=self._make, args=(wanted,), name="report", daemon=True).start()

    def _make(self, wanted: MakeReport) -> None:
        """Touches the medium, the helper's folder, `mmcli`; nothing of the loop's."""
        if not self._busy.acquire(blocking=False):
            self._put(ev.ReportMade(wanted.order, None, "another report is being made"))
            return
        try:
            made = self._logs(wanted) if wanted.what == "logs" else self._selftest(wanted)
        except (Fault, BadPayload, OSError) as exc:
            log.error("%s: %s", wanted.what, exc)
            made = ev.ReportMade(wanted.order, None, str(exc))
        finally:
            self._busy.release()
        self._put(made)

    def _selftest(self, wanted: MakeReport) -> ev.ReportMade:
        findings = list(beside(self._path, self._config, wanted.parts))
        lines = "\n".join(finding_json(finding) for finding in findings)
        bad = [one.part for one in findings if one.verdict == "fault"]
        says = "fit for duty" if fit(findings) else f"NOT fit for duty: {', '.join(bad)}"
        return ev.ReportMade(wanted.order, packed(lines.encode()), says)

    def _logs(self, wanted: MakeReport) -> ev.ReportMade:
        folder = Path(self._config.report.keep)
        if not folder.is_dir():
            raise Fault(
                f"没有 {folder}：本单元没有读取日志的助手；请重新部署",
                f"there is no {folder}: this unit has no helper that reads logs; provision it anew",
            )
        what = logs_wanted(wanted.text)
        (folder / REPORT).unlink(missing_ok=True)
        leave_wish(folder, what)
        data = _awaited(folder)
        return ev.ReportMade(wanted.order, data, f"logs of {what.of}, {len(data)} bytes")


def _awaited(folder: Path) -> bytes:
    end_s = time.monotonic() + HELPER_S
    while (folder / WISH).exists():
        if time.monotonic() >= end_s:
            (folder / WISH).unlink(missing_ok=True)
            raise Fault(
                "读取日志的助手没有回答；请查看 journalctl -u xunkong-logs",
                "the helper that reads logs does not answer; see journalctl -u xunkong-logs",
            )
        threading.Event().wait(LOOK_S)
    return read_plain(folder / REPORT, MAX_BYTES)


def leave_wish(folder: Path, what: LogsWanted) -> None:
    """Whole or not at all: the helper starts as soon as it is there. Raises OSError."""
    draft = folder / f".{WISH}.new"
    draft.write_bytes(msgspec.json.encode(what))
    draft.replace(folder / WISH)


def read_plain(path: Path, most: int) -> bytes:
    """At most so many bytes of a file that somebody else made: no link, nothing that one waits for. Raises OSError."""
    with os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise OSError(f"{path} is no file")
        return file.read(most)
