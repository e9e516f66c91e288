"""Hostile payloads from good ones, by a seed: changes of bytes, of JSON that is signed anew, and of zlib streams."""

import ctypes
import gc
import json
import types
import zlib
from contextlib import suppress
from pathlib import Path

INTS = (0, -1, 2**31, 2**53, 2**53 + 1, 2**63, -(2**63) - 1, 10**30, 10**400)
FLOATS = ("1e308", "1e999", "-0.0", "NaN", "Infinity", "0.1e-400", "1" * 400)
TEXTS = (
    "",
    "\0",
    "a\0b",
    "\ud800",
    "\udfff\ud800",
    "\u202e",
    "x" * 600,
    "y" * 70_000,
    "../../etc/passwd",
    "'; DROP TABLE records; --",
    "-" * 64,
    "0" * 64,
    "f" * 16 + "\n",
    "%s%n",
    "gw",
    "[" * 50,
    "1e5",
)
LONG = 2_000


class Raw(str):
    """Stands in JSON as it is."""

    __slots__ = ()


class Mutator:
    """Draws by `dice` (`random.Random`)."""

    def __init__(self, dice):
        self.dice = dice

    # Bytes

    def bytes(self, good, other=b""):
        """`good` with one to three changes of its bytes; `other` is what it may be spliced with."""
        ways = (self._flip, self._cut, self._insert, self._repeat, self._splice, self._remove)
        for _ in range(self.dice.choice((1, 1, 1, 2, 3))):
            good = self.dice.choice(ways)(good, other)
        return good

    def _at(self, data):
        return self.dice.randrange(len(data) + 1)

    def _flip(self, data, _):
        changed = bytearray(data)
        for _ in range(self.dice.choice((1, 1, 2, 8)) if data else 0):
            changed[self.dice.randrange(len(data))] ^= 1 << self.dice.randrange(8)
        return bytes(changed)

    def _cut(self, data, _):
        return data[: self._at(data)]

    def _insert(self, data, _):
        at = self._at(data)
        new = self.dice.choice((b"\0", b"\xff", b'"', b"{", b"\xed\xa0\x80", self._noise()))
        return data[:at] + new + data[at:]

    def _repeat(self, data, _):
        begin, end = sorted((self._at(data), self._at(data)))
        return (data[:end] + data[begin:])[: 2 * len(data) + 64]

    def _splice(self, data, other):
        return data[: self._at(data)] + other[self._at(other) :]

    def _remove(self, data, _):
        begin, end = sorted((self._at(data), self._at(data)))
        return data[:begin] + data[end:]

    def _noise(self):
        return self.dice.randbytes(self.dice.choice((1, 4, 64)))

    # zlib

    def zlib(self, text):
        """A stream of `text` that is changed, cut, followed by more, made of parts, or far too long."""
        packed = zlib.compress(text, self.dice.choice((0, 1, 9)))
        how = self.dice.randrange(24)
        if how == 0:
            return zlib.compress(text + b" " * (2 * 2**20), 9)
        if how < 3:
            return packed + self._noise()
        if how < 5:
            return packed + packed
        return self.bytes(packed, zlib.compress(self._noise()))

    # JSON

    def json(self, good):
        """`good` (as `json.loads` gives it) with one to three values changed, as JSON text in bytes."""
        value = json.loads(json.dumps(good))
        for _ in range(self.dice.choice((1, 1, 1, 2, 3))):
            value = self._changed(value)
        return self.dump(value)

    def _changed(self, value):
        if self.dice.random() < 0.02:
            return self.hostile(value)
        if isinstance(value, dict) and value:
            return self._changed_object(value)
        if isinstance(value, list) and value:
            at = self.dice.randrange(len(value))
            way = self.dice.randrange(4)
            if way == 0:
                return value[:at] + value[at + 1 :]
            if way == 1:
                return value + [value[at]] * self._times(value[at])
            return [*value[:at], self._changed(value[at]), *value[at + 1 :]]
        return self.hostile(value)

    def _changed_object(self, value):
        key = self.dice.choice(list(value))
        way = self.dice.randrange(12)
        if way == 0:
            return {k: v for k, v in value.items() if k != key}
        if way == 1:
            return {**value, self.dice.choice(TEXTS): self.hostile(None)}
        if way == 2:
            return {(self.dice.choice(TEXTS) if k == key else k): v for k, v in value.items()}
        return {**value, key: self._changed(value[key])}

    def _times(self, value):
        """Long lists of what is short."""
        return self.dice.choice((1, 64, 1_001, LONG) if len(str(value)) < 100 else (1, 3))

    def hostile(self, good):
        """A value that nobody expects in the place of `good`."""
        dice = self.dice
        ways = (
            lambda: dice.choice(INTS),
            lambda: Raw(dice.choice(FLOATS)),
            lambda: dice.choice(TEXTS),
            lambda: dice.choice((None, True, False, [], {}, [[]], {"a": {}})),
            lambda: Raw("[" * (depth := dice.choice((3, 9, 12, LONG))) + "]" * depth),
            lambda: Raw('{"a":' * (depth := dice.choice((3, 9, 12, LONG))) + "1" + "}" * depth),
            lambda: [good] * self._times(good),
            lambda: good + dice.choice((-1, 1)) if isinstance(good, int) else str(good),
            lambda: good[: len(good) // 2] if isinstance(good, str) else [good],
        )
        return dice.choice(ways)()

    def dump(self, value):
        """JSON text; now and then with a key twice, with escapes, or with lone surrogates as bytes."""
        text = _text(value, self.dice.random() < 0.5)
        if self.dice.random() < 0.05 and text.startswith("{") and len(text) > 2:
            text = text[:-1] + "," + text[1:]
        return text.encode("utf-8", "surrogatepass")


def _text(value, ascii_only):
    if isinstance(value, Raw):
        return str(value)
    if isinstance(value, dict):
        pairs = (
            f"{json.dumps(k, ensure_ascii=ascii_only)}:{_text(v, ascii_only)}"
            for k, v in value.items()
        )
        return "{" + ",".join(pairs) + "}"
    if isinstance(value, list):
        texts = {
            id(one): _text(one, ascii_only) for one in {id(one): one for one in value}.values()
        }
        return "[" + ",".join(texts[id(one)] for one in value) + "]"
    return json.dumps(value, ensure_ascii=ascii_only)


# What must not grow

NOT_OURS = (type, types.ModuleType, types.FunctionType, types.CodeType, types.FrameType)


def held(*roots):
    """How many objects hang on `roots`, without modules, types and functions."""
    gc.collect()
    seen, waiting = set(), list(roots)
    while waiting:
        one = waiting.pop()
        if id(one) in seen or isinstance(one, NOT_OURS):
            continue
        seen.add(id(one))
        waiting += gc.get_referents(one)
    return len(seen)


def resident_kib():
    """The process's memory (RSS), without what the allocator keeps for later."""
    gc.collect()
    with suppress(AttributeError):  # another C library than glibc
        ctypes.CDLL(None).malloc_trim(0)
    lines = Path("/proc/self/status").read_text("ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS"))
