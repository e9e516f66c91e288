"""The firmware's files, as the builder's book has them for the board; what was there is kept beside them.

The way back: copy `config.txt.before-xunkong` over `config.txt`, `cmdline.txt` likewise, on any computer.
"""

from base64 import b64decode
from collections.abc import Callable, Sequence

from pyinfra.operations import systemd

from provision.host.job import Done, Job, done
from provision.host.laid import Laid
from provision.host.machine import DUE, quoted
from wire.words import Fault

BEGIN = "# xunkong begin: written by xunkong provision, which replaces what stands here"
END = "# xunkong end"
BACKUP = ".before-xunkong"
BLUETOOTH = "hciuart.service"
REBOOT = f"{DUE}/reboot"
REGULATED = "cfg80211.ieee80211_regdom"


def boot(job: Job) -> Done:
    """Writes both files where they differ; the machine is then to be started anew."""
    board, folder = job.known.board, job.wish.boot_folder
    if board is None:
        return done(
            False, "不是本手册中的树莓派，未改动", "no board of the builder's book: left as it is"
        )
    config, cmdline = f"{folder}/config.txt", f"{folder}/cmdline.txt"
    fragment = job.bundle.read(f"boot/config.{board}.txt").decode("utf-8")
    unwanted = job.bundle.read("boot/cmdline.remove.txt").decode("ascii").split()
    changed = _rewrite(job, config, lambda old: with_fragment(old, fragment))
    changed |= _rewrite(job, cmdline, lambda old: without_words(old, unwanted))
    if job.machine.ask(f"systemctl cat {BLUETOOTH}").good:
        off = {"service": BLUETOOTH, "running": False, "enabled": False}
        changed |= job.machine.do(systemd.service, **off)
    return done(changed, board, board)


def regulated(job: Job, country: str) -> bool:
    """Has the kernel keep to a country's radio rules, without which Raspberry Pi OS leaves Wi-Fi switched off."""
    if job.known.board is None:
        return False
    word = f"{REGULATED}={country}"
    return _rewrite(job, f"{job.wish.boot_folder}/cmdline.txt", lambda old: with_word(old, word))


def _rewrite(job: Job, path: str, change: Callable[[str], str]) -> bool:
    answer = job.machine.ask(f"base64 -w0 {quoted(path)}")
    if not answer.good:
        raise Fault(
            f"{path} 不存在：启动分区挂载了吗？用 --boot-folder 给出它的位置",
            f"{path} is not there: is the boot partition mounted? Give its place by --boot-folder",
        )
    old = b64decode(answer.out).decode("latin-1")
    new = change(old)
    if new == old:
        return False
    backup = f"{path}{BACKUP}"
    if not job.machine.ask(f"test -e {quoted(backup)}").good:
        job.machine.lay([Laid(backup, old.encode("latin-1"), None)])
    return job.machine.lay([Laid(path, new.encode("latin-1"), None)], REBOOT)


def with_fragment(old: str, fragment: str) -> str:
    """`old` with `fragment` between our marks: in their place where they are, else at the end."""
    lines = [line for line in fragment.splitlines() if line and not line.startswith("#")]
    block = "\n".join((BEGIN, *lines, END)) + "\n"
    before, begin, rest = old.partition(BEGIN)
    if not begin:
        return f"{old}{'' if old.endswith(chr(10)) or not old else chr(10)}{block}"
    _, end, after = rest.partition(END)
    return before + block + (after.removeprefix("\n") if end else "")


def with_word(old: str, word: str) -> str:
    """The kernel's one line with `word`, a `name=value`, once, in the place of other values of that name."""
    words = old.split()
    name = word.partition("=")[0]
    if [one for one in words if one.startswith(f"{name}=")] == [word]:
        return old
    return " ".join((*(one for one in words if not one.startswith(f"{name}=")), word)) + "\n"


def without_words(old: str, unwanted: Sequence[str]) -> str:
    """The kernel's one line without the words of `unwanted`; untouched where it has none of them."""
    words = old.split()
    kept = [word for word in words if word not in unwanted]
    return old if kept == words else " ".join(kept) + "\n"
