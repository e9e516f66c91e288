"""The users that its services run as, and their folders, by systemd's own files."""

from provision.host.job import Done, Trade, Work, done
from provision.host.laid import Laid

FOLDERS = ("sysusers.d", "tmpfiles.d")


def account(job: Work) -> Done:
    """Makes them."""
    trade, make = job.trade, making(job.trade)
    files = [
        Laid(f"/etc/{folder}/{trade.account}", job.bundle.read(f"systemd/{folder}/{trade.account}"))
        for folder in FOLDERS
    ]
    changed = job.machine.applied("account", files, make)
    if not job.machine.ask(f"id {trade.user} && test -d {trade.home}").good:
        job.machine.run(make)
        changed = True
    return done(changed, trade.user, trade.user)


def making(trade: Trade) -> str:
    """The shell's words."""
    users, folders = (f"/etc/{folder}/{trade.account}" for folder in FOLDERS)
    return f"systemd-sysusers {users} && systemd-tmpfiles --create {folders} && {trade.folders}"
