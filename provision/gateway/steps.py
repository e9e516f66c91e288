"""The steps from a blank machine to a gateway at work."""

import hashlib
import json

from provision.gateway.firewall import firewall
from provision.gateway.job import CONFIG, GATEWAY, XUNKONG, GatewayJob
from provision.gateway.site import BROKER, STANDS, STARTED, UNTRIED, site
from provision.gateway.standing import check_asked, check_store, standing
from provision.host.job import Done, Step, done
from provision.host.laid import Laid
from provision.steps.duty import running
from provision.steps.services import service_files, services
from provision.steps.shared import (
    ACCOUNT,
    AGAIN,
    CARRY,
    CLOCK,
    LOOK,
    MEND,
    PACKAGES,
    SOFTWARE,
    SSH,
    facts,
)
from wire.words import Fault, Words

START_S = 300
CHRONY = "/etc/chrony/conf.d/xunkong.conf"
CHRONY_TEXT = b"""\
# Written by xunkong provision: the units' time comes from here, with or without a better clock above.
makestep 1 3
allow
local stratum 10
"""
CHRONY_APPLY = "systemctl enable -q chrony.service && systemctl restart chrony.service"
OURS = " ".join(name for name in GATEWAY.services if name.startswith("xunkong-"))
START = (
    f"{{ systemctl stop {OURS} && {BROKER} && touch {UNTRIED} "
    f"&& timeout {START_S} systemctl restart {' '.join(GATEWAY.services)}; }} "
    f"|| {{ systemctl start --no-block {OURS}; exit 1; }}"
)
"""The store is brought to its newest form while nobody writes into it. Where that fails none is left stopped."""

CHECK = f"{XUNKONG} --lang en gateway broker check --config {CONFIG} --json"


def look(job: GatewayJob) -> Done:
    """The machine; and whether a site that stands there is whole, and what is asked for. Raises `Fault`."""
    ended = facts(job)
    there = standing(job) if job.machine.ask(STANDS).good else None
    if there:
        check_store(job, there)
        check_asked(job.wish, there)
        job.report["zone"] = there.zone
        job.report["brokers"] = [f"{host}:{there.port}" for host in there.hosts]
    return ended


def time_server(job: GatewayJob) -> Done:
    """Units take their time from the gateway."""
    changed = job.machine.applied("chrony", [Laid(CHRONY, CHRONY_TEXT)], CHRONY_APPLY)
    return done(changed, "向单元授时", "serves time to units")


def at_work(job: GatewayJob) -> Done:
    """Starts all anew where software or services are others than at the last start; then all must run."""
    what = _what(job)
    changed = not job.machine.ask(f"grep -qx {what} {STARTED}").good
    if changed:
        job.machine.run(f"{START} && echo {what} >{STARTED} && sync {STARTED}")
    ended = running(job)
    return Done(changed or ended.changed, ended.words)


def _what(job: GatewayJob) -> str:
    digest = hashlib.sha256(job.bundle.manifest.software.encode())
    for one in service_files(job):
        digest.update(one.path.encode() + one.content)
    return digest.hexdigest()


def broker_check(job: GatewayJob) -> Done:
    """Tries the new broker as an attacker would, once. Raises `Fault` where one attempt was not turned away."""
    machine = job.machine
    to_be_made = machine.dry and not machine.ask(STANDS).good
    if not (to_be_made or machine.ask(f"test -e {UNTRIED}").good):
        return done(False, "已于建立时通过", "passed when it was made")
    if machine.dry:
        return done(True, "模拟攻击", "as an attacker would")
    answer = machine.ask(CHECK)
    tried = [json.loads(line) for line in answer.out.splitlines() if line.startswith("{")]
    let_in = "; ".join(one["attempt"] for one in tried if not one["held"])
    if let_in or not tried:
        raise Fault(
            f"broker 未通过检查：{let_in or answer.err}", f"the broker: {let_in or answer.err}"
        )
    machine.run(f"rm -f {UNTRIED}")
    count = len(tried)
    return done(True, f"{count} 次攻击均被拒绝", f"{count} attacks, all turned away")


STEPS: tuple[Step[GatewayJob], ...] = (
    Step("facts", LOOK, look, MEND),
    CLOCK,
    CARRY,
    PACKAGES,
    ACCOUNT,
    SOFTWARE,
    Step(
        "site",
        Words("证书机构与配置", "authority, configuration"),
        site,
        Words(
            "按提示处理后再次运行；已建成的站点不会被改动",
            "mend what is named, and run again; a site that stands is never touched",
        ),
    ),
    Step("services", Words("服务文件", "files of the services"), services, AGAIN),
    Step("firewall", Words("防火墙", "firewall"), firewall, AGAIN),
    Step("chrony", Words("授时", "time for units"), time_server, AGAIN),
    Step(
        "running",
        Words("服务运行", "services at work"),
        at_work,
        Words(
            "在网关上查看 journalctl -u mosquitto -u 'xunkong-*'",
            "look at journalctl -u mosquitto -u 'xunkong-*' on the gateway",
        ),
    ),
    Step(
        "check",
        Words("broker 检查", "the broker is tried"),
        broker_check,
        Words(
            "在网关上运行 xunkong gateway broker check；不要接入单元",
            "run xunkong gateway broker check there; let no unit in meanwhile",
        ),
    ),
    SSH,
)
