"""What mosquitto (2.0.11 and later) is configured with; pure.

Three listeners, all with TLS 1.2 or newer, none for the anonymous: units by certificate; units that ask for
a certificate, by a one-time code; the gateway by certificate, with client ids of its own choice, by which it
ends the session of a unit that is out.
"""

from pathlib import Path

from gateway.config import MosquittoSection
from wire.limits import MAX_PAYLOAD_BYTES
from wire.topics import ALL_UP, ALL_WORKERS, ROOT
from wire.words import Fault

CONF, PID, PASSWORDS = "mosquitto.conf", "mosquitto.pid", "passwords"
UNITS_ACL, ENROL_ACL, GATEWAY_ACL = "acl-units", "acl-enrol", "acl-gateway"
HEAD_ROOM_BYTES = 1024
MAX_PACKET_BYTES = MAX_PAYLOAD_BYTES + HEAD_ROOM_BYTES
"""A payload with its topic: the longest is a photo chunk's, of some 140 bytes."""

ENROLLING, GATEWAYS = 50, 64
"""Connections at most that ask for a certificate, and of gateway processes."""

_GATEWAY = f"""\
user gw
topic read {ALL_UP}
topic write {ROOT}/+/down/#
topic readwrite {ALL_WORKERS}
"""

ACLS = {
    UNITS_ACL: f"""\
{_GATEWAY}
pattern write {ROOT}/%u/up/#
pattern read {ROOT}/%u/down/#
pattern read {ALL_WORKERS}
""",
    ENROL_ACL: f"""\
pattern write {ROOT}/%u/up/csr
pattern read {ROOT}/%u/down/cert
""",
    GATEWAY_ACL: _GATEWAY,
}

_CONF = """\
# Written by `xunkong gateway broker config`; change [mosquitto] in gateway.toml and run it again.
#   mosquitto -c {folder}/mosquitto.conf
# SIGHUP makes mosquitto read certificates, list of revoked ones, passwords and ACLs anew; ports need a restart.

user {account}
per_listener_settings true
pid_file {folder}/mosquitto.pid

# What is retained outlives a restart. Nothing depends on it: the broker is a pipe.
persistence true
persistence_location {folder}/
persistence_file mosquitto.db
autosave_interval 300
persistent_client_expiration 1d

# Limits. mosquitto can limit no client's rate: a unit's flood is held back by TCP once the gateway does not
# keep up, by these queues, and by what the gateway itself refuses.
max_packet_size {packet_bytes}
max_inflight_messages 1000
max_queued_messages 10000
max_queued_bytes 67108864
memory_limit {memory_bytes}
retain_available true
set_tcp_nodelay true

# A publish that an ACL forbids is written down under `debug` only.
log_dest stderr
log_type error
log_type warning
log_type notice
connection_messages true
"""

_LISTENER = """
# {about}
listener {port}{address}
protocol mqtt
cafile {keys}/ca.crt
certfile {keys}/broker.crt
keyfile {keys}/broker.key
tls_version tlsv1.2
allow_anonymous false
allow_zero_length_clientid false
acl_file {folder}/{acl}
max_connections {connections}
max_qos 1
"""
_BY_CERTIFICATE = """\
require_certificate true
use_identity_as_username true
crlfile {keys}/crl.pem
"""
_OWN_ID = "use_username_as_clientid true\n"
_BY_CODE = "require_certificate false\npassword_file {folder}/passwords\n"


def configuration(section: MosquittoSection, keys: Path, account: str) -> str:
    """mosquitto.conf. Raises `Fault` for a path that cannot stand in it."""
    for path in (section.folder, str(keys)):
        if "\n" in path or "\r" in path:
            raise Fault(
                f"路径 {path!r} 含换行，无法写入 mosquitto 配置",
                f"path {path!r} has a line break, which mosquitto's configuration cannot hold",
            )
    head = _CONF.format(
        folder=section.folder,
        account=account,
        packet_bytes=MAX_PACKET_BYTES,
        memory_bytes=section.memory_mb * 1024 * 1024,
    )
    return head + "".join(
        text.format(
            about=about,
            port=port,
            address=f" {address}" if address else "",
            keys=keys,
            folder=section.folder,
            acl=acl,
            connections=connections,
        )
        for about, port, address, acl, connections, text in _listeners(section)
    )


def _listeners(section: MosquittoSection) -> list[tuple[str, int, str | None, str, int, str]]:
    by_certificate = _LISTENER + _BY_CERTIFICATE
    return [
        (
            "Units, and the gateway: who one is and what one may is the certificate's common name.",
            section.units_port,
            section.address,
            UNITS_ACL,
            section.max_units,
            by_certificate + _OWN_ID,
        ),
        (
            "Units without a certificate: a one-time code lets a unit ask for its own, and for nothing else.",
            section.enrol_port,
            section.address,
            ENROL_ACL,
            ENROLLING,
            _LISTENER + _BY_CODE + _OWN_ID,
        ),
        (
            "The gateway's own: client ids are free here, so that it can take over those of units.",
            section.gateway_port,
            section.gateway_address,
            GATEWAY_ACL,
            GATEWAYS,
            by_certificate,
        ),
    ]
