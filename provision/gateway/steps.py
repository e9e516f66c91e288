"""The steps from a blank machine to a gateway at work."""

import hashlib
import json

from provision.gateway.firewall import firewall
from provision.gateway.job import CONFIG, GATEWAY, XUNKONG, GatewayJob
from provision.gateway.site import BROKER, STARTED, UNTRIED, site
from provision.host.job import Done, Step, done
from provision.host.laid import Laid
from provision.host.run import AGAIN, facts
from provision.steps.account import account
from provision.steps.carry import carry
from provision.steps.clock import clock
from provision.steps.duty import running
from provision.steps.packages import packages
from provision.steps.services import service_files, services
from provision.steps.software import software
from provision.steps.ssh import keys_only
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
    f"systemctl stop {OURS} && {BROKER} && touch {UNTRIED} "
    f"&& timeout {START_S} systemctl restart {' '.join(GATEWAY.services)}"
)
"""The store is brought to its newest form while nobody writes into it."""

CHECK = f"{XUNKONG} --lang en gateway broker check --config {CONFIG} --json"


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
    if not job.machine.ask(f"test -e {UNTRIED}").good:
        return done(False, "已于建立时通过", "passed when it was made")
    if job.machine.dry:
        return done(True, "将进行", "would be done")
    answer = job.machine.ask(CHECK)
    tried = [json.loads(line) for line in answer.out.splitlines() if line.startswith("{")]
    let_in = "; ".join(one["attempt"] for one in tried if not one["held"])
    if let_in or not tried:
        raise Fault(
            f"broker 未通过检查：{let_in or answer.err}", f"the broker: {let_in or answer.err}"
        )
    job.machine.run(f"rm -f {UNTRIED}")
    count = len(tried)
    return done(True, f"{count} 次攻击均被拒绝", f"{count} attacks, all turned away")


STEPS: tuple[Step[GatewayJob], ...] = (
    Step("facts", Words("查看机器", "look at the machine"), facts, AGAIN),
    Step("clock", Words("时钟", "clock"), clock, AGAIN),
    Step("carry", Words("上传部署包", "carry the bundle over"), carry, AGAIN),
    Step(
        "packages",
        Words("系统软件包", "Debian packages"),
        packages,
        Words(
            "若提示 apt 被占用，稍后再运行；若缺依赖，请用最新系统镜像或重新制作部署包",
            "if apt is locked, run again later; if something is missing, use the newest image, or make the bundle anew",
        ),
    ),
    Step("account", Words("用户与目录", "users and folders"), account, AGAIN),
    Step(
        "software",
        Words("巡控软件", "Xunkong's software"),
        software,
        Words("检查磁盘剩余空间，再次运行", "look whether the disk is full, and run again"),
    ),
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
    Step("ssh", Words("SSH 登录", "log-in by SSH"), keys_only, AGAIN),
)
