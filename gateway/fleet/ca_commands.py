"""`xunkong gateway ca …`: certificates by hand: made, renewed, revoked, listed; and one-time codes."""

import argparse
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding

from gateway.config import GatewayConfig
from gateway.fleet.broker_folder import BrokerFolder, now_ms
from gateway.fleet.by_hand import check_unit, key_folder, told_of
from gateway.fleet.certificates import BadRequest, common_name, read_request
from gateway.fleet.codes import give_code
from gateway.fleet.folder import PUBLIC, replace_file
from gateway.fleet.revocation import publish_list
from gateway.fleet.revoke_commands import revoke_command
from gateway.fleet.roll import (
    Asked,
    entries,
    issue,
    strike_out_one,
)
from gateway.fleet.site_keys import OWN, renew
from gateway.show import utc
from gateway.store.open import Store
from gateway.store.schema import certificates
from gateway.terminal import leaf, opened, print_line, print_rows
from wire.commands import Commands
from wire.hosts import check_hosts
from wire.words import Fault, Words

VALID_H = 24.0


def ca_commands(commands: Commands) -> None:
    """Declares them."""
    group = commands.group("ca", Words("证书：签发、更新、吊销", "certificates of the site"))
    _issue_command(group)
    _renew_command(group)
    revoke_command(group)
    _code_command(group)
    words = Words("列出证书", "every certificate")
    listed = leaf(group, "list", words, ca_list, "ca ")
    listed.add_argument("--unit", metavar="U", help=group.say("只看这个单元", "of this unit only"))
    words = Words("重新签署吊销列表并让 broker 使用", "sign the list of revoked ones anew")
    leaf(group, "crl", words, ca_crl, "ca ")


def _issue_command(group: Commands) -> None:
    words = Words("给单元签发证书", "make a unit's certificate")
    add = leaf(group, "issue", words, ca_issue, "ca ", " --csr cp-01.csr --out cp-01.crt")
    what = add.add_mutually_exclusive_group(required=True)
    said = group.say("单元的签名请求（PEM）", "the unit's signing request (PEM)")
    what.add_argument("--csr", type=Path, metavar="FILE", help=said)
    said = group.say(
        "为其最新的密钥再发一张", "another one for the newest key of this unit, by --unit"
    )
    what.add_argument("--renew", action="store_true", help=said)
    said = group.say("单元；缺省取自请求", "the unit; as the request says if left out")
    add.add_argument("--unit", metavar="U", help=said)
    said = group.say("写入此文件；缺省打印", "write it there; printed if left out")
    add.add_argument("--out", type=Path, metavar="FILE", help=said)


def _renew_command(group: Commands) -> None:
    words = Words("更换站点自身的密钥", "new keys for the site's own broker, gateway, signatures")
    add = leaf(group, "renew", words, ca_renew, "ca ", " signing")
    said = group.say("哪些；缺省全部", "which of them; all if left out")
    add.add_argument("name", nargs="*", metavar="|".join(OWN), help=said)
    said = group.say("保留密钥，只换证书", "keep the key, make the certificate only")
    add.add_argument("--keep-key", action="store_true", help=said)
    said = group.say("broker 的另一个名称或地址", "one more name or address of the broker")
    add.add_argument("--host", action="append", default=[], metavar="NAME", help=said)


def _code_command(group: Commands) -> None:
    words = Words("一次性注册码", "a one-time code, by which a unit gets its certificate")
    add = leaf(group, "code", words, ca_code, "ca ", " --unit cp-01")
    add.add_argument("--unit", required=True, metavar="U", help=group.say("单元", "the unit"))
    said = group.say(f"有效小时数，缺省 {VALID_H:g}", f"hours it is good for; {VALID_H:g}")
    add.add_argument("--valid-h", type=float, default=VALID_H, metavar="N", help=said)


def ca_issue(args: argparse.Namespace) -> int:
    """Makes a unit's certificate."""
    with opened(args) as (config, store):
        issuer = key_folder(config).issuer()
        unit, public = _asked(args, store)
        asked = Asked(unit, public, "log-in", config.authority.unit_days)
        try:
            with store.changing() as connection:
                made = issue(connection, issuer, asked, now_ms())
        except BadRequest as exc:
            raise Fault(
                f"不能为 {unit} 签发：{exc}；请在单元上运行 xunkong device enrol --csr 重新生成",
                f"no certificate for {unit}: {exc}; make a new one on the unit by xunkong device enrol --csr",
            ) from exc
    pem = made.public_bytes(Encoding.PEM)
    if args.out is None and not args.json:
        return print_line(pem.decode("ascii").rstrip())
    row: dict[str, Any] = {"unit": unit, "serial": f"{made.serial_number:032x}"}
    if args.out is None:
        row["cert"] = pem.decode("ascii")
    else:
        row["out"] = str(replace_file(args.out, pem, PUBLIC))
    return print_rows(args, [row])


def _asked(args: argparse.Namespace, store: Store) -> tuple[str, Ed25519PublicKey]:
    """For whom, and for which key."""
    if args.renew:
        return _newest(store, args.unit)
    try:
        pem = args.csr.read_text("ascii")
        unit = args.unit or _named_in(pem)
        public = read_request(pem, unit)
    except OSError as exc:
        raise Fault(
            f"无法读取 {args.csr}：{exc.strerror}", f"cannot read {args.csr}: {exc.strerror}"
        ) from exc
    except (BadRequest, ValueError) as exc:
        raise Fault(
            f"{args.csr} 不能签发：{exc}；请在单元上运行 xunkong device enrol --csr 重新生成",
            f"{args.csr} is not signed for: {exc}; make it anew on the unit by xunkong device enrol --csr",
        ) from exc
    check_unit(unit)
    return unit, public


def _named_in(pem: str) -> str:
    """Whom a signing request is for. Raises ValueError."""
    try:
        found = x509.load_pem_x509_csr(pem.encode())
    except ValueError:  # whose text is the library's advice to programmers
        raise ValueError("it is no signing request in PEM") from None
    return common_name(found.subject)


def _newest(store: Store, unit: str | None) -> tuple[str, Ed25519PublicKey]:
    if unit is None:
        raise Fault("--renew 需要 --unit", "--renew needs --unit")
    check_unit(unit)
    query = sa.select(certificates.c.der).where(
        certificates.c.unit == unit,
        certificates.c.kid.is_not(None),
        certificates.c.der.is_not(None),
        certificates.c.revoked_ms.is_(None),
    )
    with store.reading() as connection:
        der = connection.execute(query.order_by(certificates.c.serial.desc())).scalar()
    public = der and x509.load_der_x509_certificate(der).public_key()
    if not isinstance(public, Ed25519PublicKey):
        raise Fault(
            f"{unit} 没有有效证书；请用 ca code 给它一次性注册码",
            f"{unit} has no certificate that counts; give it a code by `ca code`",
        )
    return unit, public


def ca_renew(args: argparse.Namespace) -> int:
    """New keys (or certificates only) for the site's own; the old log-in of the gateway is revoked."""
    wrong = [name for name in args.name if name not in OWN]
    if wrong:
        raise Fault(
            f"{wrong[0]!r} 不是站点的密钥；应为 {'、'.join(OWN)}",
            f"{wrong[0]!r} is no key of the site; give {', '.join(OWN)}",
        )
    check_hosts(args.host)
    with opened(args) as (config, store):
        folder, days = key_folder(config), config.authority.server_days
        rows = []
        for name in args.name or OWN:
            old = folder.certificate(name)
            made = renew(folder, store, name, days, now_ms(), args.host, args.keep_key)
            if name == "gateway" and not args.keep_key:
                with store.changing() as connection:
                    strike_out_one(connection, old, "renewed", now_ms())
            rows.append({"name": name, "serial": f"{made.serial_number:032x}", "until": _end(made)})
        publish_list(folder, store)
        told = BrokerFolder(config).reload()
    return print_rows(args, [row | {"broker": told_of(told)} for row in rows])


def ca_crl(args: argparse.Namespace) -> int:
    """Signs the list anew, and has the broker read it."""
    with opened(args) as (config, store):
        crl = publish_list(key_folder(config), store)
        told = BrokerFolder(config).reload()
        path = key_folder(config).path / "crl.pem"
    return print_rows(args, [{"list": str(path), "revoked": len(crl), "broker": told_of(told)}])


def ca_code(args: argparse.Namespace) -> int:
    """Gives out a code; it is shown here and nowhere else."""
    with opened(args) as (config, store):
        at_ms = now_ms()
        code = give_code(store, args.unit, args.valid_h, at_ms)
        broker = BrokerFolder(config)
        broker.keep_passwords(store, at_ms)
        told = broker.reload()
        until = utc((at_ms + args.valid_h * 3_600_000) / 1000, config.zone())
    row = {"unit": args.unit, "code": code, "until": until, "broker": told_of(told)}
    return print_rows(args, [row | {"next": "xunkong device enrol --code -"}])


def ca_list(args: argparse.Namespace) -> int:
    """Prints the roll."""
    with opened(args) as (config, store):
        rows = [one._asdict() for one in entries(store, args.unit)]
        if not args.json:
            rows = [_shown(row, config) for row in rows]
    return print_rows(args, rows)


def _shown(row: dict[str, Any], config: GatewayConfig) -> dict[str, Any]:
    shown = {}
    for name, value in row.items():
        if name.endswith("_ms"):
            name, value = name.removesuffix("_ms"), value and utc(value / 1000, config.zone())
        if value is not None:
            shown[name] = value
    return shown


def _end(made: x509.Certificate) -> str:
    return made.not_valid_after_utc.date().isoformat()
