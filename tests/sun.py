"""SUN messages as a card makes them, for tests: by the cards' ciphers, not by the code that verifies."""

from wire.cards.cipher import cmac, encrypt, short_mac


def sun_url(file_key, uid, counter, meta=None):
    """What the card with this UID gives at its `counter`th reading; `meta`: UID and counter sealed by it."""
    which = bytes.fromhex(uid) + counter.to_bytes(3, "little")
    mac = short_mac(cmac(file_key, bytes.fromhex("3cc300010080") + which), b"").hex().upper()
    if meta is None:
        return f"https://x.example/t?uid={uid}&ctr={counter:06x}&c={mac}"
    picc = encrypt(meta, (b"\xc7" + which).ljust(16, b"\x5a")).hex()
    return f"https://x.example/t?e={picc}&c={mac}"
