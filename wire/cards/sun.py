"""A SUN message (Secure Unique NFC): the URL that an NTAG 424 DNA makes anew at each reading. Pure.

Source: NXP NT4H2421Gx 9.3 and AN12196, AES mode. What it proves is *a* tap, not one of now: the reader
must see the counter rise. What the MAC covers, whoever wrote the card decides; here it is, as in NXP's
examples: nothing but UID and counter (by the session key), or with encrypted file data all from there
to the MAC. Nothing else of the URL is believed.
"""

import hmac
import re

from msgspec import Struct

from wire.cards.cipher import BLOCK, cmac, decrypt, encrypt, short_mac
from wire.words import Fault

MAX_URL = 500
"""Characters; also the bound of a check-in's `sun`."""

NAMES = {
    "picc": ("e", "picc_data", "p"),
    "enc": ("enc",),
    "mac": ("c", "cmac"),
    "uid": ("uid",),
    "counter": ("ctr",),
}
"""The names under which a URL may carry each part."""

SIZES = {"picc": 16, "mac": 8, "uid": 7, "counter": 3}
FORMS = ({"mac", "picc"}, {"mac", "uid", "counter"})
"""The parts that a message has, beside file data."""

PICC_TAG = 0xC7
"""UID of 7 bytes and counter are both in the PICC data."""

_PART = {name: part for part, names in NAMES.items() for name in names}
_FILE_KEY, _MAC_KEY = bytes.fromhex("c33c00010080"), bytes.fromhex("3cc300010080")


class BadSun(Fault):
    """A URL is no SUN message, or one that the keys do not bear out: take it for no proof."""


class SunKeys(Struct, frozen=True):
    """`meta` opens PICC data (None: only UID and counter in clear are taken); `file` makes the MAC."""

    meta: bytes | None
    file: bytes

    def __repr__(self) -> str:
        return "SunKeys(…)"


class SunMessage(Struct, frozen=True):
    """The parts of a URL, each of the right form and none of them believed yet.

    `picc`: UID and counter, sealed; `claim`: the same in clear, None where they are sealed. `enc`:
    sealed file data, None where there is none. `covered`: what of the URL the MAC is made over.
    """

    mac: bytes
    picc: bytes
    claim: tuple[str, int] | None
    enc: bytes | None
    covered: bytes


class SunTap(Struct, frozen=True):
    """A reading of the card `uid` (hex), the `counter`th; `file`: opened file data, None where none came."""

    uid: str
    counter: int
    file: bytes | None = None


def parse(url: str) -> SunMessage:
    """Takes a URL apart. Raises `BadSun` for what is no SUN message, saying what is wrong."""
    if len(url) > MAX_URL:
        raise _bad(f"网址超过 {MAX_URL} 个字符", f"the URL is longer than {MAX_URL} characters")
    if not re.fullmatch(r"[!-~]+", url) or "#" in url:
        raise _bad("网址含有不允许的字符", "the URL has a character that no SUN message has")
    query = url.partition("?")[2]
    spans = _spans(query)
    values = {part: _value(part, query[begin:end]) for part, (begin, end) in spans.items()}
    if values.keys() - {"enc"} not in FORMS:
        raise _bad(
            "网址须带校验码 c，以及 e（加密）或 uid 与 ctr（明文）",
            "the URL must carry a MAC, c, and either e (sealed) or uid and ctr (in clear)",
        )
    return SunMessage(
        mac=values["mac"],
        picc=values.get("picc", b""),
        claim=None if "picc" in values else _claim(values["uid"], values["counter"]),
        enc=values.get("enc"),
        covered=_covered(query, spans),
    )


def _claim(uid: bytes, counter: bytes) -> tuple[str, int]:
    return uid.hex(), int.from_bytes(counter, "big")


def _spans(query: str) -> dict[str, tuple[int, int]]:
    """Where the value of each known part begins and ends."""
    spans: dict[str, tuple[int, int]] = {}
    for found in re.finditer(r"(?:^|&)([^&=]*)=([^&]*)", query):
        part = _PART.get(found[1])
        if part is None:
            continue
        if part in spans:
            raise _bad(f"参数 {found[1]} 重复", f"the parameter {found[1]} comes twice")
        spans[part] = found.span(2)
    return spans


def _value(part: str, text: str) -> bytes:
    size = SIZES.get(part)
    whole = len(text) == 2 * size if size else len(text) % (2 * BLOCK) == 0
    if not whole or not re.fullmatch(r"[0-9A-Fa-f]+", text):
        name = NAMES[part][0]
        raise _bad(f"参数 {name} 不是应有长度的十六进制", f"{name} is no hex of the right length")
    return bytes.fromhex(text)


def _covered(query: str, spans: dict[str, tuple[int, int]]) -> bytes:
    if "enc" not in spans:
        return b""
    begin, end = spans["enc"][0], spans["mac"][0]
    if begin > end:
        raise _bad("加密数据在校验码之后", "the sealed file data comes after the MAC")
    return query[begin:end].encode("ascii")


def identify(message: SunMessage, meta: bytes | None) -> tuple[str, int]:
    """The UID (hex) and counter that `message` claims, to look its keys up by: not yet believed.

    Raises `BadSun` where they are sealed with another key than `meta`.
    """
    if message.claim:
        return message.claim
    if meta is None:
        raise _bad("没有打开 e 的密钥", "there is no key to open e with")
    plain = decrypt(meta, message.picc)
    if plain[0] != PICC_TAG:
        raise _bad("e 不是用本站点的密钥加密的", "e is not sealed with this site's key")
    return plain[1:8].hex(), int.from_bytes(plain[8:11], "little")


def verify(message: SunMessage, keys: SunKeys) -> SunTap:
    """The tap that `message` proves. Raises `BadSun` where the keys do not bear it out."""
    uid, counter = identify(message, keys.meta)
    which = bytes.fromhex(uid) + counter.to_bytes(3, "little")
    mac = short_mac(cmac(keys.file, _MAC_KEY + which), message.covered)
    if not hmac.compare_digest(mac, message.mac):
        raise _bad(f"卡 {uid} 的校验码不符", f"the MAC is not that of card {uid}")
    if message.enc is None:
        return SunTap(uid, counter)
    key = cmac(keys.file, _FILE_KEY + which)
    iv = encrypt(key, counter.to_bytes(3, "little").ljust(BLOCK, b"\x00"))
    return SunTap(uid, counter, decrypt(key, message.enc, iv))


def _bad(zh: str, en: str) -> BadSun:
    return BadSun(
        f"不是有效的 SUN 消息：{zh}；不作凭证", f"no valid SUN message: {en}; it proves nothing"
    )
