"""The steps from a blank machine to duty."""

from provision.host.job import Job, Step
from provision.steps.boot import boot
from provision.steps.chrony import chrony
from provision.steps.duty import heartbeat, running
from provision.steps.look import look
from provision.steps.network import network
from provision.steps.papers import papers
from provision.steps.restart import restart
from provision.steps.selftest import selftest
from provision.steps.services import services
from provision.steps.settings import settings
from provision.steps.shared import ACCOUNT, AGAIN, CARRY, CLOCK, LOOK, MEND, PACKAGES, SOFTWARE, SSH
from wire.words import Words

STEPS: tuple[Step[Job], ...] = (
    Step("facts", LOOK, look, MEND),
    CLOCK,
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
    CARRY,
    PACKAGES,
    Step(
        "boot",
        Words("启动配置", "boot configuration"),
        boot,
        Words(
            "启动分区是否已挂载且可写？*.before-xunkong 是改动前的文件",
            "is the boot partition mounted and writable? *.before-xunkong are the files as they were",
        ),
    ),
    ACCOUNT,
    SOFTWARE,
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
            "按提示处理，再次运行；单元已在运行，能做的都在做",
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
    SSH,
)
