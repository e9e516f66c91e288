"""SSH by key alone, where that is asked for: last, when the unit is on duty and it was a key that let us in."""

from provision.host.job import Done, Work, done
from provision.host.laid import Laid
from wire.words import Fault

CONF = "/etc/ssh/sshd_config.d/10-xunkong.conf"
TEXT = b"# Written by xunkong provision --keys-only.\nPasswordAuthentication no\nKbdInteractiveAuthentication no\n"
APPLY = (
    f"{{ sshd -t || {{ rm -f {CONF}; exit 1; }}; }} && systemctl try-reload-or-restart ssh.service"
)
"""What sshd does not take is not left behind: it would not start with it."""


def keys_only(job: Work) -> Done:
    """Closes the way in by password."""
    if not job.wish.keys_only:
        return done(False, "未要求", "not asked for")
    if not job.machine.by_key:
        raise Fault(
            "登录用的是密码；先用 ssh-copy-id 装入密钥，再用 --key 登录",
            "it was a password that let us in; install a key by ssh-copy-id, and log in by --key",
        )
    return done(job.machine.applied("ssh", [Laid(CONF, TEXT)], APPLY), "只用密钥", "keys alone")
