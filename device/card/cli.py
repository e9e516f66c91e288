"""`xunkong card`: keys for the site's cards, and a card read, personalised and verified at a reader."""

import argparse
import json
import sys
from pathlib import Path

import msgspec
from msgspec.structs import replace

from device.card.facts import read_facts
from device.card.key_commands import KEYS, key_commands
from device.card.personalise import carry_out, survey
from device.card.proofs import Tried, prove, version_on
from device.card.reader import held
from device.card.roster import Badge, append, checked_person, is_in
from device.card.wanted import ndef_under, wanted
from wire.cards.keyfile import read_keys
from wire.commands import Commands
from wire.words import Words

PORT = "/dev/ttyAMA0"
SLOT_NAMES = (
    Words("改卡", "change"),
    Words("PICC 数据", "PICC data"),
    Words("SUN", "SUN"),
    Words("EV2", "EV2"),
    Words("备用", "spare"),
)


def add_commands(commands: Commands) -> None:
    """Declares the room's commands."""
    key_commands(commands)
    words = Words(
        "显示卡的类型、UID、网址、密钥版本、SUN 设置或应用",
        "a card's type, UID, URL, key versions, SUN settings or application",
    )
    _at_reader(commands, commands.add("read", words, f"xunkong card read --port {PORT}", read))
    _personalise_command(commands)
    words = Words("用本站点的密钥验证卡", "does the card prove itself with the site's keys?")
    example = f"xunkong card verify --port {PORT} --keys {KEYS}"
    parser = commands.add("verify", words, example, verify)
    _at_reader(commands, parser)
    _keys(commands, parser)


def _personalise_command(commands: Commands) -> None:
    words = Words(
        "把新的 NTAG 424 DNA 或 DESFire EV2/EV3 写成本站点某人的卡；中断后再运行即可继续",
        "make a new NTAG 424 DNA or DESFire EV2/EV3 a person's card; run it again to go on after an "
        "interruption",
    )
    example = (
        f"xunkong card personalise --port {PORT} --keys {KEYS} --url https://patrol.example/t "
        "--person p-0042 --out roster.toml"
    )
    parser = commands.add("personalise", words, example, personalise)
    _at_reader(commands, parser)
    _keys(commands, parser)
    said = commands.say(
        "NTAG 424 DNA 给出的网址，不带 ?", "the URL that an NTAG 424 DNA gives, without ?"
    )
    parser.add_argument("--url", metavar="URL", help=said)
    said = commands.say("持卡人", "who carries it")
    parser.add_argument("--person", required=True, metavar="P", help=said)
    said = commands.say("只列出步骤，不作改动", "tell the steps and change nothing")
    parser.add_argument("--dry-run", action="store_true", help=said)
    said = commands.say("把 [[badge]] 加入此花名册", "add the [[badge]] to this roster")
    parser.add_argument("--out", type=Path, metavar="FILE", help=said)


def _at_reader(commands: Commands, parser: argparse.ArgumentParser) -> None:
    said = commands.say("PN532 的串口", "the PN532's serial port")
    parser.add_argument("--port", required=True, metavar="PORT", help=said)
    said = commands.say("等卡的秒数，缺省 10", "seconds to wait for a card; 10 if left out")
    parser.add_argument("--wait-s", type=float, default=10.0, metavar="S", help=said)
    said = commands.say("每行一个 JSON 对象", "one JSON object a line")
    parser.add_argument("--json", action="store_true", help=said)


def _keys(commands: Commands, parser: argparse.ArgumentParser) -> None:
    said = commands.say("密钥文件", "the key file")
    parser.add_argument("--keys", type=Path, required=True, metavar="FILE", help=said)


def _ask(args: argparse.Namespace) -> None:
    words = Words("请把一张卡放在读卡器上", "lay one card on the reader")
    print(f"→ {words.say(args.language)}", file=sys.stderr, flush=True)


def _tell(args: argparse.Namespace, words: Words, **facts: object) -> None:
    """One line for a person, or what it says as JSON."""
    line = json.dumps(facts, ensure_ascii=False) if args.json else words.say(args.language)
    print(line, flush=True)


def read(args: argparse.Namespace) -> int:
    """Shows what anybody may read of the card."""
    with held(args.port, args.wait_s, lambda: _ask(args)) as card:
        facts = read_facts(card)
    if args.json:
        print(msgspec.json.encode(facts).decode())
        return 0
    none = Words("无", "none").say(args.language)
    versions = enumerate(facts.key_versions or [])
    settings = msgspec.json.encode(facts.settings).decode() if facts.settings else none
    print(f"UID       {facts.uid}")
    print(f"{Words('类型', 'type').say(args.language):<10}{facts.kind}")
    print(f"URL       {facts.url or none}")
    print(f"{Words('密钥版本', 'key versions').say(args.language)}  ", end="")
    print(
        ", ".join(
            f"{slot} {SLOT_NAMES[slot].say(args.language)}: {said}" for slot, said in versions
        )
        or none
    )
    print(f"{Words('设置', 'settings').say(args.language)}  {settings}")
    print(f"{Words('本站点应用', 'application').say(args.language)}  {facts.application or none}")
    return 0


def personalise(args: argparse.Namespace) -> int:
    """Does what is left to be done, and tells each step. 1 where the card then does not prove itself."""
    site, person = read_keys(args.keys), checked_person(args.person)
    ndef = ndef_under(args.url) if args.url is not None else None
    with held(args.port, args.wait_s, lambda: _ask(args)) as card:
        wish = wanted(card, site)
        if wish.application is None:
            wish = replace(wish, ndef=ndef or ndef_under(None))
        badge = Badge(card.uid, person, wish.family)
        enrolled = args.out is not None and is_in(args.out, badge)
        work = survey(card.exchange, wish)
        _tell(
            args,
            Words(
                f"卡 {card.uid}：{len(work.left)} 步", f"card {card.uid}: {len(work.left)} steps"
            ),
            uid=card.uid,
            left=work.left,
        )
        if args.dry_run:
            return _dry(args, work.left, enrolled)
        carry_out(work, lambda step: _did(args, step))
        tried = prove(card, wish.keys, wish.application)
    if _told(args, card.uid, tried):
        return 1
    return _enrol(args, badge, enrolled)


def _dry(args: argparse.Namespace, left: tuple[str, ...], enrolled: bool) -> int:
    for step in left:
        words = _step(step)
        _tell(args, Words(f"  将{words.zh}", f"  would {words.en}"), step=step, done=False)
    if args.out and not enrolled:
        words = Words(f"  将加入 {args.out}", f"  would add the badge to {args.out}")
        _tell(args, words, step="roster", done=False)
    return 0


def _did(args: argparse.Namespace, step: str) -> None:
    words = _step(step)
    _tell(args, Words(f"  已{words.zh}", f"  done: {words.en}"), step=step, done=True)


def _step(step: str) -> Words:
    if step == "application":
        return Words("新建本站点的应用", "make the site's application")
    if step == "ndef":
        return Words("写入 NDEF 模板", "write the NDEF template")
    if step == "settings":
        return Words("设置 SUN 与访问权限", "set SUN and who may do what")
    name = SLOT_NAMES[int(step.removeprefix("key "))]
    return Words(f"更换{step.replace('key', '密钥')}（{name.zh}）", f"change {step} ({name.en})")


def _enrol(args: argparse.Namespace, badge: Badge, enrolled: bool) -> int:
    if args.out is None:
        _tell(args, Words(badge.text(), badge.text()), badge=msgspec.to_builtins(badge))
        return 0
    if not enrolled:
        append(args.out, badge)
    words = Words(f"  {args.out} 中有此卡", f"  {args.out} has the badge")
    _tell(args, words, step="roster", done=True)
    return 0


def verify(args: argparse.Namespace) -> int:
    """Tries SUN and EV2. 1 where one of them does not hold."""
    site = read_keys(args.keys)
    with held(args.port, args.wait_s, lambda: _ask(args)) as card:
        wish = wanted(card, site)
        version = version_on(card, wish)
        tried = prove(card, wish.known[version], wish.application)
    failed = _told(args, card.uid, tried)
    if not failed and version != wish.version:
        words = Words(
            f"  密钥版本 {version}，本站点已是 {wish.version}；请用 personalise 重写此卡",
            f"  its keys are of version {version}, the site's of {wish.version}: personalise it again",
        )
        _tell(args, words, uid=card.uid, version=version, newest=wish.version)
    return failed


def _told(args: argparse.Namespace, uid: str, tried: list[Tried]) -> int:
    for one in tried:
        name = one.proof.upper()
        words = one.failed or Words("有效", "holds")
        line = Words(f"  {uid} {name}：{words.zh}", f"  {uid} {name}: {words.en}")
        _tell(args, line, uid=uid, proof=one.proof, failed=one.failed and one.failed.en)
    return 1 if any(one.failed for one in tried) else 0
