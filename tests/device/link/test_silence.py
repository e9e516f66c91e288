"""When silence means that a connection is dead."""

from device.link.silence import FIRST_S, LEAST_S, MOST_S, Silence


def measured(answer_s, times=200):
    silence = Silence()
    for number in range(times):
        silence.handed(number, number)
        silence.answered(number, number + answer_s)
    return silence


def test_nothing_owed_is_no_silence():
    assert not Silence().is_dead(1e6)


def test_an_unknown_link_is_given_time():
    silence = Silence()
    silence.handed(1, 0.0)
    assert not silence.is_dead(1 + 3 * FIRST_S)
    assert silence.is_dead(1.1 + 3 * FIRST_S)


def test_a_fast_link_is_given_up_soon():
    assert measured(0.05).limit_s == LEAST_S


def test_a_slow_link_is_given_as_long_as_it_needs():
    assert measured(4.0).limit_s > 3 * 4.0


def test_whatever_comes_is_a_sign_of_life():
    silence = measured(0.05)
    silence.handed(1000, 1000.0)
    silence.heard(1002.0)
    assert not silence.is_dead(1002.0 + LEAST_S)
    assert silence.is_dead(1002.1 + LEAST_S)


def test_in_vain_doubles_the_limit_up_to_a_bound():
    silence = Silence()
    before_s = silence.limit_s
    for number in range(20):
        silence.handed(number, number * 1000.0)
        assert silence.is_dead(number * 1000.0 + MOST_S + 1)
        assert silence.limit_s >= before_s
        before_s = silence.limit_s
    assert silence.limit_s == MOST_S


def test_a_connection_that_is_gone_owes_nothing():
    silence = measured(0.05)
    silence.handed(1000, 1000.0)
    silence.forget()
    assert not silence.is_dead(2000.0)


def test_the_next_answer_ends_the_doubling():
    silence = measured(0.05)
    for number in range(3):
        silence.handed(number, 1000.0 * (number + 1))
        assert silence.is_dead(1000.0 * (number + 1) + MOST_S + 1)
    assert silence.limit_s > LEAST_S
    silence.handed(9, 5000.0)
    silence.answered(9, 5000.05)
    assert silence.limit_s == LEAST_S
