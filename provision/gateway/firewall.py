"""What may come in: SSH where it listens and where we came in, the units' two ports, time.

A table of our own, beside any other. What the site adds to it lies in `firewall.d`: a slip there is told by the next
run and by a reload, which keeps the rules before; at a start the rules hold without it.
"""

import re

from provision.gateway.job import GatewayJob
from provision.gateway.standing import standing
from provision.host.job import Done, done
from provision.host.laid import Laid
from wire.words import Fault

RULES = "/etc/xunkong/firewall.nft"
SERVICE = "nftables-xunkong.service"
"""Not among our services, whose common bounds would take from it what it needs."""
PORTS = r"sshd -T | sed -En 's/^(port |listenaddress .*:)([0-9]+)$/\2/p'"
WITHOUT = "firewall.d is left out; mend it, then: systemctl reload nftables-xunkong"
OURS = 'echo "${SSH_CONNECTION##* }"'
UNIT = f"""\
# Written by xunkong provision.
[Unit]
Description=Xunkong gateway: firewall
DefaultDependencies=no
After=local-fs.target nftables.service
PartOf=nftables.service
ReloadPropagatedFrom=nftables.service
Before=network-pre.target shutdown.target
Wants=network-pre.target
Conflicts=shutdown.target

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/bin/sh -c 'nft -f {RULES} || {{ echo "{WITHOUT}" >&2; grep -v "include " {RULES} | nft -f -; }}'
ExecReload=/usr/sbin/nft -f {RULES}
ExecStop=-/usr/sbin/nft delete table inet xunkong
CapabilityBoundingSet=CAP_NET_ADMIN
NoNewPrivileges=yes
ProtectSystem=strict
ProtectHome=yes

[Install]
WantedBy=sysinit.target nftables.service
"""
APPLY = (
    f"nft -c -f {RULES} && systemctl daemon-reload && systemctl enable -q {SERVICE} "
    f"&& systemctl reload-or-restart {SERVICE}"
)


IN_FORCE = (
    f"systemctl is-enabled -q {SERVICE} && systemctl is-active -q {SERVICE} "
    f"&& nft list table inet xunkong >/dev/null && nft -c -f {RULES}"
)


def firewall(job: GatewayJob) -> Done:
    """Lays the rules down and puts them into force. Raises `Fault` where nobody knows how we came in."""
    answer = job.machine.ask(PORTS)
    said = f"{answer.out}\n{job.machine.ask(OURS, root=False).out}"
    ports = sorted({int(port) for port in re.findall(r"^\d{1,5}$", said, re.MULTILINE)})
    if not ports:
        raise Fault(
            f"不知道 sshd 监听的端口，未启用防火墙：{answer.err}",
            f"sshd does not say at which port it listens, so no firewall was put up: {answer.err}",
        )
    open_ports = [*ports, *units_ports(job)]
    files = [
        Laid(RULES, rules(open_ports).encode()),
        Laid(f"/etc/systemd/system/{SERVICE}", UNIT.encode()),
    ]
    shown = " ".join(map(str, open_ports))
    changed = job.machine.applied("firewall", files, APPLY)
    if not changed and not job.machine.ask(IN_FORCE).good:
        job.machine.run(APPLY)
        changed = True
    return done(changed, f"开放端口 {shown}", f"open: {shown}")


def units_ports(job: GatewayJob) -> tuple[int, int]:
    """Where units come in, and where they enrol: as the site has it by now. Raises `Fault`."""
    there = standing(job)
    return (there.port, there.enrol_port) if there else (job.wish.port, job.wish.port + 1)


def rules(ports: list[int]) -> str:
    """Rules as nft takes them, replaced all at once. Beside TCP `ports`: time (123), addresses (68, 546), mDNS."""
    return f"""\
# Written by xunkong provision; what is changed here is written over by its next run.
table inet xunkong
delete table inet xunkong
table inet xunkong {{
    chain input {{
        type filter hook input priority filter; policy drop;
        ct state established,related accept
        iif "lo" accept
        meta l4proto {{ 1, 2, 58 }} accept comment "ICMP and IGMP, by numbers: a small system has no names for them"
        udp dport {{ 68, 123, 546, 5353 }} accept
        tcp dport {{ {", ".join(map(str, ports))} }} accept
        include "/etc/xunkong/firewall.d/*.nft"
    }}
}}
"""
