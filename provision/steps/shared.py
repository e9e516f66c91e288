"""Steps that a unit's machine and a gateway's share."""

from provision.host.facts import ask_facts, check_fit
from provision.host.job import Done, Step, Work, done
from provision.steps.account import account
from provision.steps.carry import carry
from provision.steps.clock import clock
from provision.steps.packages import packages
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
MEND = Words("按提示处理，再次运行同一命令", "mend what is named, and run the same command again")
LOOK = Words("查看机器", "look at the machine")
CLOCK: Step[Work] = Step("clock", Words("时钟", "clock"), clock, AGAIN)
CARRY: Step[Work] = Step("carry", Words("上传部署包", "carry the bundle over"), carry, AGAIN)
PACKAGES: Step[Work] = Step(
    "packages",
    Words("系统软件包", "Debian packages"),
    packages,
    Words(
        "若提示 apt 被占用，等首次开机的更新结束后再运行；若缺依赖，请用最新系统镜像或重新制作部署包",
        "if apt is locked, let the first boot's own update end and run again; if something is missing, "
        "use the newest image, or make the bundle anew",
    ),
)
ACCOUNT: Step[Work] = Step("account", Words("用户与目录", "user and folders"), account, AGAIN)
SOFTWARE: Step[Work] = Step(
    "software",
    Words("巡控软件", "Xunkong's software"),
    software,
    Words("检查磁盘剩余空间，再次运行", "look whether the disk is full, and run again"),
)
SSH: Step[Work] = Step("ssh", Words("SSH 登录", "log-in by SSH"), keys_only, AGAIN)
