"""Steps, one after another, a line each; those from a blank machine to duty; and what is reported of them."""

import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec
from msgspec import Struct

from provision.host.facts import ask_facts, check_fit
from provision.host.job import AnyWork, Done, Job, Step, Work, done
from provision.steps.account import account
from provision.steps.boot import boot
from provision.steps.carry import carry
from provision.steps.chrony import chrony
from provision.steps.clock import clock
from provision.steps.duty import heartbeat, running
from provision.steps.network import network
from provision.steps.packages import packages
from provision.steps.papers import papers
from provision.steps.restart import restart
from provision.steps.selftest import selftest
from provision.steps.services import services
from provision.steps.settings import settings
from provision.steps.software import software
from provision.steps.ssh import keys_only
from wire.words import Fault, Words


def facts(job: Work) -> Done:
    """Asks what the machine is, and whether it can become what is wanted."""
    job.facts = ask_facts(job.machine, job.wish.model_file)
    check_fit(job.facts, job.bundle.manifest.kind, job.trade.made_for)
    if job.machine.ask(f"test -e {job.trade.other} && test ! -e {job.trade.config}").good:
        raise Fault(
            f"此机器已另有用途（{job.trade.other}）；单元与网关各用一台机器：请换一台，或重新烧录",
            f"this machine is something else already ({job.trade.other}); a unit and a gateway have a "
            "machine each: take another one, or flash this one anew",
        )
    known = job.facts
    text = f"{known.model or known.arch}, {known.os}, Python {known.python}, {known.free_mb} MB"
    text += f", {' '.join(known.network)}" if known.network else ""
    return done(False, text, text)


AGAIN = Words(
    "检查供电与网络，再次运行同一命令", "check supply and network, and run the same command again"
)
STEPS: tuple[Step[Job], ...] = (
    Step("facts", Words("查看机器", "look at the machine"), facts, AGAIN),
    Step("clock", Words("时钟", "clock"), clock, AGAIN),
    Step(
        "network",
        Words("网络", "network"),
        network,
        Words(
            "检查 Wi-Fi 或接入点的参数；在机器上查看 nmcli connection 与 journalctl -u NetworkManager",
            "check the Wi-Fi or access point; on the machine look at nmcli connection and "
            "journalctl -u NetworkManager",
        ),
    ),
    Step("carry", Words("上传部署包", "carry the bundle over"), carry, AGAIN),
    Step(
        "packages",
        Words("系统软件包", "Debian packages"),
        packages,
        Words(
            "若提示 apt 被占用，等首次开机的更新结束后再运行；若缺依赖，请用最新系统镜像或重新制作部署包",
            "if apt is locked, let the first boot's own update end and run again; if something is missing, "
            "use the newest image, or make the bundle anew",
        ),
    ),
    Step(
        "boot",
        Words("启动配置", "boot configuration"),
        boot,
        Words(
            "启动分区是否已挂载且可写？*.before-xunkong 是改动前的文件",
            "is the boot partition mounted and writable? *.before-xunkong are the files as they were",
        ),
    ),
    Step("account", Words("用户与目录", "user and folders"), account, AGAIN),
    Step(
        "software",
        Words("巡控软件", "Xunkong's software"),
        software,
        Words("检查存储卡剩余空间，再次运行", "look whether the card is full, and run again"),
    ),
    Step(
        "settings",
        Words("单元配置", "the unit's configuration"),
        settings,
        Words("按提示修改 --parts 文件后再次运行", "mend the file of --parts, and run again"),
    ),
    Step(
        "papers",
        Words("密钥与证书", "key and certificate"),
        papers,
        Words(
            "检查网关目录、CA 密钥与注册码；单元的密钥已保存，再次运行即可继续",
            "look at the gateway's folder, its authority's key, and the code; the unit's key is kept, run again",
        ),
    ),
    Step("services", Words("服务", "services"), services, AGAIN),
    Step("chrony", Words("对时", "time keeping"), chrony, AGAIN),
    Step("restart", Words("重启", "start anew"), restart, AGAIN),
    Step(
        "selftest",
        Words("自检", "self-test"),
        selftest,
        Words(
            "按提示检查接线，再次运行；单元已在运行，能做的都在做",
            "mend what is named, and run again; the unit runs meanwhile and does what it can",
        ),
    ),
    Step(
        "running",
        Words("上岗", "on duty"),
        running,
        Words(
            "在单元上查看 journalctl -u xunkong-device",
            "look at journalctl -u xunkong-device on the unit",
        ),
    ),
    Step(
        "heartbeat",
        Words("网关确认", "heard at the gateway"),
        heartbeat,
        Words(
            "网关与 broker 在运行吗？单元能连到 broker 的地址和端口吗？打卡已会保存",
            "do gateway and broker run, and does the unit reach the broker's address and port? "
            "Check-ins are kept meanwhile",
        ),
    ),
    Step("ssh", Words("SSH 登录", "log-in by SSH"), keys_only, AGAIN),
)


class Line(Struct, frozen=True):
    """How one step ended. `remedy` None: well."""

    number: int
    step: Step[Any]
    result: str
    words: Words
    duration_s: float
    remedy: Words | None = None

    def row(self) -> dict[str, Any]:
        """For machines."""
        row = {"step": self.step.name, "result": self.result, "seconds": round(self.duration_s, 2)}
        row |= {"words": self.words.en, "words_zh": self.words.zh}
        return row | (
            {"remedy": self.remedy.en, "remedy_zh": self.remedy.zh} if self.remedy else {}
        )


def run_steps(
    job: AnyWork,
    begins: Callable[[int, Step[Any]], None],
    ended: Callable[[Line], None],
    steps: Sequence[Step[AnyWork]],
) -> bool:
    """Runs them until one fails; whether none did. What a run leaves is in `job.report`."""
    job.report |= {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "dry_run": job.machine.dry,
    }
    lines: list[Line] = []
    for number, step in enumerate(steps, 1):
        begins(number, step)
        lines.append(_run(job, number, step))
        ended(lines[-1])
        if lines[-1].remedy:
            break
    if job.facts:
        job.report["machine"] = msgspec.to_builtins(job.facts)
        job.report["machine"].pop("packages")
    job.report["version"] = job.bundle.manifest.version
    job.report["steps"] = [line.row() for line in lines]
    job.report["changed"] = [line.step.name for line in lines if line.result == "changed"]
    job.report["done"] = lines[-1].remedy is None
    return bool(job.report["done"])


def _run(job: AnyWork, number: int, step: Step[AnyWork]) -> Line:
    began_s = time.monotonic()
    try:
        ended = step.run(job)
    except Fault as exc:
        taken_s = time.monotonic() - began_s
        return Line(number, step, "failed", exc.words, taken_s, step.remedy)
    result = "changed" if ended.changed else "unchanged"
    return Line(number, step, result, ended.words, time.monotonic() - began_s)
