"""`xunkong card keys`: the site's key file, made once, and moved from one master key to the next."""

import argparse
from pathlib import Path

from wire.cards.keyfile import next_keys, read_keys, without_earlier, write_keys
from wire.commands import Commands
from wire.words import Words

KEYS = "card-keys.toml"


def key_commands(commands: Commands) -> None:
    """Declares `keys` and what is under it."""
    keys = commands.group("keys", Words("本站点的密钥文件", "the site's key file"))
    words = Words("新建密钥文件，不覆盖已有的", "make a key file; never overwrites one")
    new = keys.add("new", words, f"xunkong card keys new {KEYS}", new_keys)
    new.add_argument("file", type=Path, metavar="FILE", help=keys.say("新文件", "the new file"))
    _rotation_commands(keys)


def _rotation_commands(keys: Commands) -> None:
    words = Words(
        "换密钥：新主密钥，旧的仍保留，供尚未重写的卡使用",
        "new keys: a file with a new master key and the earlier ones, for cards still to be moved",
    )
    parser = keys.add("next", words, f"xunkong card keys next {KEYS} card-keys-2.toml", next_file)
    _two_files(keys, parser)
    words = Words(
        "所有卡重写后：只留最新主密钥",
        "when all cards are moved: a file with the newest master key alone",
    )
    example = "xunkong card keys retire card-keys-2.toml card-keys-3.toml"
    _two_files(keys, keys.add("retire", words, example, retire))


def _two_files(keys: Commands, parser: argparse.ArgumentParser) -> None:
    said = keys.say("现用的文件，保持原样", "the file in use, which stays as it is")
    parser.add_argument("old", type=Path, metavar="FILE", help=said)
    parser.add_argument("new", type=Path, metavar="NEW", help=keys.say("新文件", "the new file"))


def new_keys(args: argparse.Namespace) -> int:
    """Makes the key file; shows nothing of it."""
    write_keys(args.file)
    words = Words(
        f"已新建 {args.file}；请离线备份，丢失后卡不能再改写",
        f"made {args.file}; keep a copy in a safe: without it no card can be changed",
    )
    print(words.say(args.language))
    return 0


def next_file(args: argparse.Namespace) -> int:
    """Makes the file with which cards are moved to new keys; shows nothing of it."""
    made = write_keys(args.new, next_keys(read_keys(args.old)))
    words = Words(
        f"已新建 {args.new}（版本 {made.version}，并保留旧密钥）；填入 gateway.toml，重启网关，"
        "给每个单元重新 config push，然后逐张 personalise",
        f"made {args.new} (version {made.version}, with the earlier keys); name it in gateway.toml, "
        "restart the gateway, config push to each unit, then personalise the cards one by one",
    )
    print(words.say(args.language))
    return 0


def retire(args: argparse.Namespace) -> int:
    """Makes the file that ends a move to new keys; shows nothing of it."""
    made = write_keys(args.new, without_earlier(read_keys(args.old)))
    words = Words(
        f"已新建 {args.new}（只有版本 {made.version}）；填入 gateway.toml，重启网关，给每个单元重新 "
        "config push；此后旧卡视为伪造",
        f"made {args.new} (version {made.version} alone); name it in gateway.toml, restart the gateway, "
        "config push to each unit; cards with earlier keys are forged ones from then on",
    )
    print(words.say(args.language))
    return 0
