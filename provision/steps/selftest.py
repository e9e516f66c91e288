"""The unit's own self-test, for which it is stopped; once for each thing that was installed, not at every run."""

import hashlib
import json
import time
from datetime import UTC, datetime
from typing import Any

from provision.host.job import CONFIG, PASSED, UNIT, XUNKONG, Done, Job, done
from provision.host.laid import Laid
from provision.host.machine import DUE, alone
from provision.steps.papers import AS_UNIT
from provision.steps.services import service_files
from provision.steps.settings import device_toml
from wire.words import Fault

TEST = f"{AS_UNIT} {XUNKONG} device selftest --config {CONFIG} --no-touch --json"
UP = "up "
(SERVICE,) = UNIT.services
SCRIPT = f"""rm -f {PASSED}
systemctl stop {SERVICE}
{TEST}
echo "{UP}$(cut -d' ' -f1 /proc/uptime)"
systemctl reset-failed {SERVICE}
systemctl start {SERVICE}
echo "{UP}$(cut -d' ' -f1 /proc/uptime)"
"""


def selftest(job: Job) -> Done:
    """Tests, unless exactly this unit passed already. Raises `Fault` where it is not fit for duty."""
    before = _passed(job)
    again = job.wish.test_again or job.machine.is_due(f"{DUE}/settings")
    if before and before["what"] == _what(job) and not again:
        job.report["selftest"] = before
        return done(False, f"已于 {before['at']} 通过", f"passed at {before['at']}")
    if job.machine.dry:
        return done(True, "将进行", "would be done")
    findings = _test(job)
    at = datetime.now(UTC).isoformat(timespec="seconds")
    result = {"what": _what(job), "at": at, "findings": findings}
    job.report["selftest"] = result
    faults = [one for one in findings if one.get("verdict") == "fault"]
    if faults or not findings[-1]["fit"]:
        raise _unfit(faults)
    job.machine.lay([Laid(PASSED, json.dumps(result, ensure_ascii=False).encode())])
    return done(True, "可以上岗", "fit for duty")


def _test(job: Job) -> list[dict[str, Any]]:
    """The findings. The unit runs again afterwards, fit or not, and though the connection breaks meanwhile."""
    answer = job.machine.ask(alone(SCRIPT))
    lines = answer.out.splitlines()
    ups = [float(line.removeprefix(UP)) for line in lines if line.startswith(UP)]
    job.started_s = time.monotonic() - (ups[-1] - ups[0] if ups else 0.0)
    findings = [json.loads(line) for line in lines if line.startswith("{")]
    if not findings or "fit" not in findings[-1]:
        raise Fault(
            f"自检未能做完：{answer.err}", f"the self-test did not run to its end: {answer.err}"
        )
    return findings


def _unfit(faults: list[dict[str, Any]]) -> Fault:
    zh = "；".join(f"{one['part']}：{one['what_zh']} → {one['remedy_zh']}" for one in faults)
    en = "; ".join(f"{one['part']}: {one['what']} → {one['remedy']}" for one in faults)
    return Fault(f"不可上岗：{zh}", f"not fit for duty: {en}")


def _passed(job: Job) -> dict[str, Any] | None:
    answer = job.machine.ask(f"cat {PASSED}")
    try:
        found = json.loads(answer.out) if answer.good else None
    except ValueError:
        return None
    return found if isinstance(found, dict) and {"what", "at"} <= found.keys() else None


def _what(job: Job) -> str:
    """A name for all that a test depends on: software, settings, papers, services, machine."""
    parts = [job.bundle.manifest.software, device_toml(job.wish, job.known)]
    parts += [job.known.serial, str(job.report.get("kid"))]
    digest = hashlib.sha256("\0".join(parts).encode())
    for one in service_files(job):
        digest.update(one.path.encode() + one.content)
    return digest.hexdigest()[:16]
