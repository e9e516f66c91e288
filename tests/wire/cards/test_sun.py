"""SUN messages: the published ones exactly, and what an attacker would make of them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wire.cards.sun import MAX_URL, BadSun, SunKeys, SunTap, identify, parse, verify

T5 = "https://ntag.nxp.com/424?e=EF963FF7828658A599F3041510671E88&c=94EED9EE65337086"
KEYS = SunKeys(bytes(16), bytes(16))
PLAIN = "https://x.example/t?uid=04DE5F1EACC040&ctr=00003D&c=94EED9EE65337086"


def keys_of(row):
    return SunKeys(bytes.fromhex(row["meta_key"]), bytes.fromhex(row["file_read_key"]))


class TestPublished:
    def test_sealed_uid_and_counter(self, published):
        row = published("sdm_aes", "AN12196-T5")
        assert row["url"] == T5
        assert verify(parse(T5), keys_of(row)) == SunTap("04de5f1eacc040", 61)

    def test_sealed_file_data(self, published):
        row = published("sdm_aes", "AN12196-T6")
        url = f"https://x.example/?picc_data={row['picc_data']}&enc={row['enc']}&cmac={row['cmac']}"
        assert parse(url).covered == row["mac_input_ascii"].encode()
        assert verify(parse(url), keys_of(row)) == SunTap("04958caa5c5e80", 8, b"x" * 16)

    def test_other_keys_and_other_names(self, published):
        row = published("sdm_aes", "boltcard-1")
        url = f"lnurlw://x.example/b?p={row['picc_data'].lower()}&c={row['cmac'].lower()}"
        assert verify(parse(url), keys_of(row)) == SunTap("04996c6a926980", 3)

    def test_in_clear_it_is_the_same_proof(self):
        """The session key holds UID and counter, whichever way they came."""
        assert verify(parse(PLAIN), SunKeys(None, bytes(16))) == SunTap("04de5f1eacc040", 61)


class TestRefused:
    @pytest.mark.parametrize("at", range(16))
    def test_each_digit_of_the_mac_counts(self, at):
        begin = T5.index("c=94") + 2 + at
        forged = T5[:begin] + ("0" if T5[begin] != "0" else "1") + T5[begin + 1 :]
        with pytest.raises(BadSun, match="MAC is not that of card 04de5f1eacc040"):
            verify(parse(forged), KEYS)

    @pytest.mark.parametrize(
        ("old", "new"), [("04DE", "05DE"), ("00003D", "00003E"), ("00003D", "3D0000")]
    )
    def test_another_card_or_counter(self, old, new):
        with pytest.raises(BadSun, match="MAC"):
            verify(parse(PLAIN.replace(old, new)), KEYS)

    def test_another_sites_card(self):
        with pytest.raises(BadSun, match="not sealed with this site's key"):
            verify(parse(T5), SunKeys(b"k" * 16, bytes(16)))
        with pytest.raises(BadSun, match="MAC"):
            verify(parse(T5), SunKeys(bytes(16), b"k" * 16))
        with pytest.raises(BadSun, match="no key to open"):
            verify(parse(T5), SunKeys(None, bytes(16)))

    def test_file_data_that_the_mac_does_not_cover(self):
        """Sealed data pushed into a message that had none: the MAC must cover it, or nothing is believed."""
        with pytest.raises(BadSun, match="MAC"):
            verify(parse(T5.replace("&c=", f"&enc={'00' * 16}&c=")), KEYS)
        with pytest.raises(BadSun, match="after the MAC"):
            parse(f"{T5}&enc={'00' * 16}")

    @pytest.mark.parametrize(
        ("url", "why"),
        [
            ("", "character"),
            ("https://x.example/", "must carry"),
            ("https://x.example/?c=94EED9EE65337086", "must carry"),
            ("https://x.example/?e=EF963FF7828658A599F3041510671E88", "must carry"),
            (PLAIN.replace("&ctr=00003D", ""), "must carry"),
            (T5 + "&uid=04DE5F1EACC040&ctr=00003D", "must carry"),
            (T5 + "&c=94EED9EE65337086", "comes twice"),
            (T5 + "&cmac=94EED9EE65337086", "comes twice"),
            (T5[:-1], "right length"),
            (T5 + "0", "right length"),
            (T5[:-1] + "g", "right length"),
            (T5[:-1] + "+", "right length"),
            (T5.replace("&c=", "&enc=&c="), "right length"),
            (T5.replace("&c=", f"&enc={'0' * 30}&c="), "right length"),
            (T5 + "\n", "character"),
            (T5 + " ", "character"),
            (T5 + "\x00", "character"),
            (T5 + "é", "character"),
            (T5.replace("7086", "708６"), "character"),
            (T5 + "#&c=00", "character"),
            (T5.replace("e=", "%65="), "must carry"),
            (T5 + "&" + "z" * MAX_URL, "longer than 500"),
        ],
    )
    def test_what_is_no_sun_message(self, url, why):
        with pytest.raises(BadSun, match=why):
            parse(url)

    @given(st.text(max_size=600) | st.text(alphabet="?&=ecuidtrma0F", max_size=120).map(T5.__add__))
    def test_whatever_comes_it_is_told_in_words(self, text):
        try:
            verify(parse(text), KEYS)
        except BadSun as fault:
            assert fault.words.zh and fault.words.en
        else:
            assert text.startswith(T5)


def test_what_a_message_claims_is_told_before_it_is_believed():
    assert identify(parse(T5[:-1] + "0"), bytes(16)) == ("04de5f1eacc040", 61)


def test_keys_are_not_shown():
    shown = repr(SunKeys(b"secretsecretsecr", b"secretsecretsecr"))
    assert "secret" not in shown
