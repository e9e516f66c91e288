"""EV2's maths: NXP's published exchanges exactly, from both sides, and nothing else believed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hardware.cards import ev2
from hardware.cards.ev2 import NotGenuine, SessionKeys

KEY = bytes(16)
# AN12196 6.10 and 6.12: authentication with key 3, then WriteData in full mode
RND_A = bytes.fromhex("b98f4c50cf1c2e084fd150e33992b048")
CHALLENGE = bytes.fromhex("b875ceb0e66a6c5cd00898dc371f92d1")
ANSWER = bytes.fromhex("ff0306e47dfbc50087c4d8a78e88e62de1e8be457aa477c707e2f0874916a8b1")
LAST = bytes.fromhex("0cc9a8094a8eea683ecaac5c7bf20584206d0608d477110fc6b3d5d3f65c3a6a")
KEYS = SessionKeys(
    bytes.fromhex("7a93d6571e4b180fca6ac90c9a7488d4"),
    bytes.fromhex("fc4af159b62e549b5812394cab1918cc"),
    bytes.fromhex("7614281a"),
)


class TestPublished:
    def test_the_hosts_side(self, published):
        row = published("ev2_first", "AN12196-T14")
        rnd_a = bytes.fromhex(row["rndA"])
        answer, rnd_b = ev2.answer_challenge(KEY, bytes.fromhex(row["rapdu1"])[:-2], rnd_a)
        assert rnd_b.hex().upper() == row["rndB"]
        assert bytes.fromhex("90af000020") + answer + b"\0" == bytes.fromhex(row["capdu2"])
        keys = ev2.finish(KEY, rnd_a, rnd_b, bytes.fromhex(row["rapdu2"])[:-2])
        told = (keys.ti.hex(), keys.enc.hex(), keys.mac.hex())
        assert told == (row["ti"].lower(), row["k_enc"].lower(), row["k_mac"].lower())

    def test_the_cards_side(self, published):
        row = published("ev2_first", "AN12196-T14")
        rnd_b, ti = bytes.fromhex(row["rndB"]), bytes.fromhex(row["ti"])
        assert ev2.challenge(KEY, rnd_b) == bytes.fromhex(row["rapdu1"])[:-2]
        rnd_a = ev2.check_answer(KEY, rnd_b, bytes.fromhex(row["capdu2"])[5:-1])
        assert rnd_a.hex().upper() == row["rndA"]
        assert ev2.last_answer(KEY, rnd_a, ti) == bytes.fromhex(row["rapdu2"])[:-2]

    def test_another_exchange_and_its_session(self):
        answer, rnd_b = ev2.answer_challenge(KEY, CHALLENGE, RND_A)
        assert answer == ANSWER
        assert ev2.finish(KEY, RND_A, rnd_b, LAST) == KEYS

    def test_a_command_with_a_mac(self, published):
        row = published("commmode_mac", "AN12196-T8")
        keys = SessionKeys(b"", bytes.fromhex(row["k_mac"]), bytes.fromhex(row["ti"]))
        command = bytes.fromhex(row["capdu"])
        assert ev2.command_mac(keys, 0, 0xF5, b"\x02") == command[6:-1]
        said, mac = ev2.split_mac(bytes.fromhex(row["rapdu"])[:-2])
        assert ev2.answer_mac(keys, 1, 0x00, said) == mac

    def test_a_full_command(self):
        """AN12196 6.12: WriteData of 0102..0A to file 3."""
        header = bytes.fromhex("030000000a0000")
        sealed = ev2.seal(KEYS, 0, bytes.fromhex("0102030405060708090a"), to_card=True)
        assert sealed.hex() == "6b5e6804909962fc4e3ff5522cf0f843"
        assert ev2.command_mac(KEYS, 0, 0x8D, header + sealed).hex() == "6c0c53315b9c73aa"
        assert ev2.answer_mac(KEYS, 1, 0x00, b"").hex() == "c26d236e4a7c046d"

    def test_a_full_answer(self):
        """AN12196 7.3: GetCardUID."""
        keys = SessionKeys(
            bytes.fromhex("2b4d963c014dc36f24f69a50a394f875"),
            bytes.fromhex("379d32130ce61705dd5fd8c36b95d764"),
            bytes.fromhex("df055522"),
        )
        assert ev2.command_mac(keys, 0, 0x51, b"").hex() == "8e2c155adda99be3"
        sealed, mac = ev2.split_mac(
            bytes.fromhex("70756055688505b52a5e26e59e329cd6595f672298ea41b7")
        )
        assert ev2.answer_mac(keys, 1, 0x00, sealed) == mac
        assert ev2.unseal(keys, 1, sealed, to_card=False).hex() == "04958caa5c5e80"
        assert ev2.seal(keys, 1, bytes.fromhex("04958caa5c5e80"), to_card=False) == sealed


class TestNotBelieved:
    @pytest.mark.parametrize("at", range(256))
    def test_each_bit_of_the_last_answer_counts(self, at):
        _, rnd_b = ev2.answer_challenge(KEY, CHALLENGE, RND_A)
        changed = bytearray(LAST)
        changed[at // 8] ^= 1 << at % 8
        with pytest.raises(NotGenuine):
            ev2.finish(KEY, RND_A, rnd_b, bytes(changed))

    def test_a_recorded_exchange_answers_no_other_random_number(self):
        """Replay: the same challenge, the same last answer, but the host's number is fresh."""
        rnd_a = bytes(range(16))
        _, rnd_b = ev2.answer_challenge(KEY, CHALLENGE, rnd_a)
        with pytest.raises(NotGenuine):
            ev2.finish(KEY, rnd_a, rnd_b, LAST)

    def test_the_hosts_own_answer_sent_back(self):
        answer, rnd_b = ev2.answer_challenge(KEY, CHALLENGE, RND_A)
        with pytest.raises(NotGenuine):
            ev2.finish(KEY, RND_A, rnd_b, answer)

    @pytest.mark.parametrize("length", [0, 1, 15, 17, 32])
    def test_a_challenge_of_another_length(self, length):
        with pytest.raises(NotGenuine, match=f"{length} bytes"):
            ev2.answer_challenge(KEY, bytes(length), RND_A)

    @pytest.mark.parametrize("length", [0, 16, 31, 33, 48])
    def test_answers_of_another_length(self, length):
        with pytest.raises(NotGenuine, match=f"{length} bytes"):
            ev2.finish(KEY, RND_A, RND_A, bytes(length))
        with pytest.raises(NotGenuine, match=f"{length} bytes"):
            ev2.check_answer(KEY, RND_A, bytes(length))

    def test_another_key(self):
        answer, rnd_b = ev2.answer_challenge(b"k" * 16, ev2.challenge(KEY, RND_A), RND_A)
        assert rnd_b != RND_A
        with pytest.raises(NotGenuine):
            ev2.check_answer(KEY, RND_A, answer)

    @pytest.mark.parametrize("sealed", [b"x" * 15, b"x" * 16, b"x" * 33])
    def test_sealed_data_without_padding(self, sealed):
        with pytest.raises(NotGenuine):
            ev2.unseal(KEYS, 1, sealed, to_card=False)

    def test_no_room_for_a_mac(self):
        with pytest.raises(NotGenuine, match="7 bytes"):
            ev2.split_mac(bytes(7))

    def test_session_keys_are_not_shown(self):
        assert "b'" not in repr(KEYS)


@given(st.binary(min_size=1, max_size=300), st.integers(0, 0xFFFF), st.booleans())
def test_what_is_sealed_is_opened_with_its_own_counter_and_way_only(plain, counter, to_card):
    sealed = ev2.seal(KEYS, counter, plain, to_card)
    assert ev2.unseal(KEYS, counter, sealed, to_card) == plain
    for other in ((counter ^ 1, to_card), (counter, not to_card)):
        try:
            assert ev2.unseal(KEYS, other[0], sealed, other[1]) != plain
        except NotGenuine:
            continue
