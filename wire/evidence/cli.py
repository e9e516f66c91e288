"""`xunkong evidence check`: a bundle verified on any machine, with the site's authority and nothing else."""

import argparse
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from wire.commands import Commands
from wire.evidence.roots import read_roots
from wire.words import Fault, Words, printable

if TYPE_CHECKING:
    from wire.certificates import Authority
    from wire.evidence.check import BundleTotal


def add_commands(commands: Commands) -> None:
    """Declares the room's commands."""
    words = Words(
        "核验证据包；只需站点的 CA 证书。有未证实者返回 1",
        "verify a bundle of evidence with the site's CA certificate alone; 1 when anything is not proven",
    )
    parser = commands.add("check", words, "xunkong evidence check case-17.zip --ca ca.crt", check)
    parser.add_argument(
        "bundle", type=Path, metavar="BUNDLE", help=commands.say("证据包", "the file")
    )
    said = commands.say("站点的 CA 证书", "the site's CA certificate (keys/ca.crt of its gateway)")
    parser.add_argument("--ca", type=Path, metavar="CA.crt", help=said)
    said = commands.say(
        "平台收到的 root 记录（每行一个 JSON）", "root records as the platform has them, JSON lines"
    )
    parser.add_argument("--roots", type=Path, metavar="FILE", help=said)
    said = commands.say(
        "站点的吊销列表（keys/crl.pem）",
        "the site's list of revoked ones (keys/crl.pem of its gateway)",
    )
    parser.add_argument("--crl", type=Path, metavar="FILE", help=said)
    said = commands.say("每行一个 JSON 对象", "one JSON object a line")
    parser.add_argument("--json", action="store_true", help=said)


def check(args: argparse.Namespace) -> int:
    """Prints what is found. 1 when anything is not proven."""
    from wire.evidence.check import BundleCheck

    authority = _authority(args.ca) if args.ca else None
    _check_is_there(args.bundle)
    roots = read_roots(args.roots) if args.roots else {}
    struck = _struck(args.crl, authority) if args.crl else {}
    run = BundleCheck(args.bundle, authority, roots, struck)
    unproven = 0
    for one in run.run():
        unproven += not one.is_note
        print(json.dumps(one.row()) if args.json else printable(one.line(args.language)))
    if args.json:
        row = {"row": "total", **msgspec.structs.asdict(run.total), "unproven": unproven}
        print(json.dumps(row, ensure_ascii=False))
    else:
        print(printable(_total(run.total, unproven).say(args.language)))
    return 1 if unproven else 0


def _authority(path: Path) -> "Authority":
    from wire.certificates import Authority, BadCertificate

    try:
        return Authority(path.read_bytes())
    except (OSError, BadCertificate) as exc:
        raise Fault(
            f"无法使用 CA 证书 {path}：{exc}；请用站点网关 keys/ca.crt",
            f"cannot use the CA certificate {path}: {exc}; take keys/ca.crt of the site's gateway",
        ) from exc


def _struck(path: Path, authority: "Authority | None") -> dict[int, int]:
    from wire.certificates import BadCertificate

    if authority is None:
        raise Fault("--crl 需要 --ca", "--crl needs --ca")
    try:
        return authority.read_list(path.read_bytes())
    except (OSError, BadCertificate) as exc:
        raise Fault(
            f"无法使用吊销列表 {path}：{exc}；请用站点网关 keys/crl.pem",
            f"cannot use the list {path}: {exc}; take keys/crl.pem of the site's gateway",
        ) from exc


def _check_is_there(path: Path) -> None:
    try:
        path.open("rb").close()
    except OSError as exc:
        raise Fault(
            f"无法读取 {path}：{exc.strerror}；请检查路径与权限",
            f"cannot read {path}: {exc.strerror}; check the path and permissions",
        ) from exc


def _total(one: "BundleTotal", unproven: int) -> Words:
    made = datetime.fromtimestamp((one.made_ms or 0) / 1000, UTC).isoformat(timespec="seconds")
    made = "-" if one.made_ms is None else made
    verdict = Words(f"有 {unproven} 处未证实", f"{unproven} things NOT proven")
    if not unproven:
        verdict = Words("全部证实", "all proven")
    zh = f"（已比对 {one.compared} 个）" if one.compared else ""
    en = f" ({one.compared} compared with those given)" if one.compared else ""
    return Words(
        f"{verdict.zh}：{one.proven}/{one.records} 条记录，{one.photos_proven}/{one.photos} 张照片，"
        f"{one.days} 个每日根值{zh}；{made} 导出：{one.why}",
        f"{verdict.en}: {one.proven}/{one.records} records, {one.photos_proven}/{one.photos} photos, "
        f"{one.days} daily roots{en}; made {made} for {one.why}",
    )
