"""Starts the machine anew where the boot files ask for it, and waits for it."""

import time

from provision.host.facts import ask_facts
from provision.host.job import Done, Work, done
from provision.steps.boot import REBOOT
from wire.words import Fault

MOST_S = 300.0
PAUSE_S = 1.0
BOOT_ID = "cat /proc/sys/kernel/random/boot_id"


def restart(job: Work) -> Done:
    """Reboots once, if something waits for it."""
    machine = job.machine
    if not machine.is_due(REBOOT):
        return done(False, "不需要", "not needed")
    if not machine.dry:
        machine.run("nohup sh -c 'sleep 1; systemctl reboot' >/dev/null 2>&1 </dev/null &")
        _wait(job, time.monotonic() + MOST_S)
        job.facts = ask_facts(machine, job.wish.model_file)
    return done(True, "已重启", "started anew")


def _wait(job: Work, until_s: float) -> None:
    """Until the machine answers with another boot's id."""
    while time.monotonic() < until_s:
        time.sleep(PAUSE_S)
        try:
            job.machine.connect_again()
            if job.machine.ask(BOOT_ID).out.strip() not in ("", job.known.boot_id):
                return
        except Fault:
            continue
    raise Fault(
        f"机器在 {MOST_S:.0f} 秒内没有回来；请检查供电与网络；启动分区中的 *.before-xunkong 是改动前的文件",
        f"the machine did not come back within {MOST_S:.0f} s; look at its supply and network; "
        "*.before-xunkong on the boot partition are the files as they were",
    )
