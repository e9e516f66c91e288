"""`xunkong provision sd` and `first-boot`: a card whose machine makes a unit of itself."""

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from provision.ask import ASKED, unseen
from provision.kinds import RELEASES
from provision.laptop import laptop_only
from provision.network.options import network_of, network_options
from provision.site_options import gateway_options
from wire.commands import Commands
from wire.words import Fault, Words

if TYPE_CHECKING:
    from provision.sd.partition import Partition

VALID_H = 168.0
MODEL = "/proc/device-tree/model"


def sd_commands(commands: Commands) -> None:
    """Declares them."""
    words = Words(
        "写一张卡：机器首次通电即自行成为单元",
        "write a card whose machine makes a unit of itself at its first power-up",
    )
    example = (
        "xunkong provision sd /media/me/bootfs --unit cp-01 --role checkpoint --gateway site/gateway.toml "
        "--bundle bundles/ --ssh-key ~/.ssh/id_ed25519.pub"
    )
    add = commands.add("sd", words, example, sd)
    said = commands.say("已挂载的启动分区", "where the card's boot partition is mounted")
    add.add_argument("partition", type=Path, metavar="DIR", help=said)
    said = commands.say("撤销：把分区恢复原样", "put the partition back as it was")
    add.add_argument("--undo", action="store_true", help=said)
    _unit_options(commands, add)
    _login_options(commands, add)
    network_options(commands, add)
    said = commands.say("只显示将写入什么", "only show what would be written")
    add.add_argument("--dry-run", action="store_true", help=said)
    _json(commands, add)
    _first_boot_command(commands)


def _unit_options(commands: Commands, add: argparse.ArgumentParser) -> None:
    add.add_argument("--unit", metavar="ID", help=commands.say("单元", "the unit"))
    said = commands.say("角色", "its role")
    add.add_argument("--role", choices=("vehicle", "checkpoint"), help=said)
    said = commands.say("时区，缺省 Asia/Shanghai", "its time zone; Asia/Shanghai if left out")
    add.add_argument("--zone", default="Asia/Shanghai", metavar="Z", help=said)
    said = commands.say("部署包，或其所在目录", "the bundle, or a folder of them")
    add.add_argument("--bundle", type=Path, metavar="FILE", help=said)
    said = commands.say("卡上的系统；缺省自行识别", "the card's system; seen by itself if left out")
    add.add_argument("--os", choices=RELEASES, help=said)
    gateway_options(commands, add)
    said = commands.say("或其 keys/ca.crt", "or its keys/ca.crt, with --code and --broker")
    add.add_argument("--ca", type=Path, metavar="FILE", help=said)
    said = commands.say("与 --ca：一次性注册码；- 询问", "with --ca: a one-time code; - asks")
    add.add_argument("--code", metavar="CODE", help=said)
    said = commands.say(
        f"注册码有效小时数，缺省 {VALID_H:g}", f"hours the code is good for; {VALID_H:g}"
    )
    add.add_argument("--valid-h", type=float, default=VALID_H, metavar="N", help=said)
    said = commands.say("替换：同名的另一台立即失效", "put out the box that has this name now")
    add.add_argument("--replace", action="store_true", help=said)
    said = commands.say("broker 地址，可多次", "where units reach the broker; again for more")
    add.add_argument("--broker", action="append", default=[], metavar="HOST[:PORT]", help=said)
    said = commands.say(
        "核对更新的 release.pub；缺省取网关旁的",
        "release.pub, for updates; the gateway's if left out",
    )
    add.add_argument("--release-key", type=Path, metavar="FILE", help=said)
    said = commands.say("与手册不同的部件（TOML）", "parts that differ from the book (TOML)")
    add.add_argument("--parts", type=Path, metavar="FILE", help=said)
    said = commands.say("型号文件", "where the model is written")
    add.add_argument("--model-file", default=MODEL, metavar="PATH", help=said)
    add.set_defaults(boot_folder="/boot/firmware", test_again=False, keys_only=False)
    add.set_defaults(known_hosts=Path("~/.ssh/known_hosts"))


def _login_options(commands: Commands, add: argparse.ArgumentParser) -> None:
    said = commands.say("登录用户，缺省 pi", "who may log in; pi if left out")
    add.add_argument("--user", default="pi", metavar="NAME", help=said)
    said = commands.say(
        "其 SSH 公钥；给出后不许用密码登录", "his public SSH keys; then no password lets in"
    )
    add.add_argument("--ssh-key", type=Path, metavar="FILE", help=said)
    said = commands.say("询问其密码", "ask for his password")
    add.add_argument("--ask-password", action="store_true", help=said)


def _first_boot_command(commands: Commands) -> None:
    words = Words(
        "由卡上的服务运行：把本机变成单元",
        "run by the card's own service: make a unit of this machine",
    )
    example = "xunkong provision first-boot /boot/firmware/xunkong"
    add = commands.add("first-boot", words, example, first_boot)
    said = commands.say("卡上的目录", "the card's folder")
    add.add_argument("folder", type=Path, metavar="DIR", help=said)
    _json(commands, add)


def _json(commands: Commands, add: argparse.ArgumentParser) -> None:
    said = commands.say("每行一个 JSON 对象", "one JSON object a line")
    add.add_argument("--json", action="store_true", help=said)


def sd(args: argparse.Namespace) -> int:
    """Writes a card, or puts it back."""
    with laptop_only():
        from provision.sd.partition import Partition

    partition = Partition(args.partition)
    if args.undo:
        names = partition.undo()
        said = Words(f"已恢复：{' '.join(names)}", f"put back: {' '.join(names)}")
        print(json.dumps({"undone": names}) if args.json else said.say(args.language))
        return 0
    _check_given(args)
    return _write(args, partition)


def _check_given(args: argparse.Namespace) -> None:
    missing = [name for name in ("unit", "role", "bundle") if getattr(args, name) is None]
    if missing:
        raise Fault(f"请给出 --{missing[0]}", f"give --{missing[0]}")


def _write(args: argparse.Namespace, partition: "Partition") -> int:
    from provision.sd.login import user_of
    from provision.sd.write import carry_out, lines, make_plan, row

    asked = Words(f"{args.user} 的新密码：", f"new password of {args.user}: ")
    password = unseen(asked, args.language) if args.ask_password else None
    user = user_of(args.user, args.ssh_key, password)
    code = unseen(Words("注册码：", "code: "), args.language) if args.code == ASKED else args.code
    plan = make_plan(args, partition, user, network_of(args), code)
    if not args.dry_run:
        carry_out(plan, partition, _bar(args))
    if args.json:
        print(json.dumps(row(args, plan), ensure_ascii=False))
    else:
        print("\n".join(words.say(args.language) for words in lines(args, plan)))
    return 0


def _bar(args: argparse.Namespace) -> Callable[[int], None]:
    """Drawn on a terminal alone."""

    def draw(percent: int) -> None:
        end = "\r\x1b[K" if percent == 100 else ""
        bar = f"[{'#' * (percent // 5):<20}] {percent} %"
        print(f"\r{bar}{end}", end="", file=sys.stderr, flush=True)

    return draw if sys.stderr.isatty() and not args.json else lambda percent: None


def first_boot(args: argparse.Namespace) -> int:
    """Makes a unit of this machine. 1: to be tried again."""
    with laptop_only():
        from provision.sd.first_boot import make_unit

    return make_unit(args.folder, args.json, args.language)
