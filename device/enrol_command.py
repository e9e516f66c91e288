"""`xunkong device enrol`: the unit gets its certificate, by a code or by files, or shows the one it holds."""

import argparse
import json
import sys
from datetime import UTC, datetime
from pathlib import Path

from wire.certificates import Certificate
from wire.commands import Commands
from wire.words import Language, Words


def enrol_command(commands: Commands) -> None:
    """Declares it."""
    words = Words("领取本单元的证书", "get this unit's certificate")
    example = "xunkong device enrol --config /etc/xunkong/device.toml --ca ca.crt --code -"
    parser = commands.add("enrol", words, example, enrol)
    said = commands.say("单元的配置文件", "the unit's configuration")
    parser.add_argument("--config", type=Path, required=True, metavar="FILE", help=said)
    said = commands.say("网关的 keys/ca.crt，首次需要", "the gateway's keys/ca.crt; the first time")
    parser.add_argument("--ca", type=Path, metavar="FILE", help=said)
    how = parser.add_mutually_exclusive_group(required=True)
    said = commands.say(
        "一次性注册码（gateway ca code）；- 从标准输入读", "a one-time code; - reads it from stdin"
    )
    how.add_argument("--code", metavar="CODE", help=said)
    said = commands.say("只写出签名请求", "write a signing request, for `gateway ca issue --csr`")
    how.add_argument("--csr", type=Path, metavar="FILE", help=said)
    said = commands.say("装入签发的证书", "take the certificate that came of it")
    how.add_argument("--cert", type=Path, metavar="FILE", help=said)
    said = commands.say("只显示现有证书", "only show the certificate that is held")
    how.add_argument("--held", action="store_true", help=said)
    said = commands.say("与 --held：JSON 对象", "with --held: a JSON object")
    parser.add_argument("--json", action="store_true", help=said)
    said = commands.say(
        "注册端口；缺省为 broker 端口加一", "where codes are taken; the broker's port and one"
    )
    parser.add_argument("--port", type=int, metavar="N", help=said)


def enrol(args: argparse.Namespace) -> int:
    """Gets a certificate, writes the request for one, or shows the one that is held."""
    from device.config import identity_folder, load
    from device.enrol import Enrolment
    from device.papers import Papers

    config = load(args.config)
    unit, folder = config.unit.id, identity_folder(args.config, config)
    if args.held:
        return _show_held(args, Papers(unit, folder).load())
    enrolment = Enrolment(unit, folder)
    if args.ca:
        enrolment.trust(args.ca)
    if args.csr:
        enrolment.request(args.csr)
        said = Words(
            f"{args.csr}：请在网关运行 xunkong gateway ca issue --csr，再用 --cert 装入",
            f"{args.csr}: run xunkong gateway ca issue --csr with it, then --cert here",
        )
    else:
        code = _typed_code(args.language) if args.code == "-" else args.code
        held = (
            enrolment.take(args.cert)
            if args.cert
            else enrolment.by_code(code, config.brokers(), args.port)
        )
        said = Words(
            f"{unit} 已有证书 {held.kid}，存于 {folder}",
            f"{unit} has its certificate now, key {held.kid}, in {folder}",
        )
    print(said.say(args.language))
    return 0


def _show_held(args: argparse.Namespace, held: Certificate) -> int:
    until = datetime.fromtimestamp(held.to_ms / 1000, UTC).date().isoformat()
    row = {"unit": held.name, "kid": held.kid, "serial": f"{held.serial:032x}", "until": until}
    print(json.dumps(row) if args.json else "  ".join(f"{k}={v}" for k, v in row.items()))
    return 0


def _typed_code(language: Language) -> str:
    """From standard input: what stands on a command line is seen by all who are on the machine."""
    if sys.stdin.isatty():
        prompt = Words("注册码：", "code: ").say(language)
        print(prompt, end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip()
