"""How a batch meets a head, case by case."""

import pytest

from gateway.store.heads import EMPTY, Gap, Head, Joined, join
from wire.batch import decode_batch

MET = {
    "the next": (5, (5, 7), None, Joined("new")),
    "ahead": (5, (6, 7), None, Joined("island")),
    "wholly behind": (5, (2, 4), None, Joined("known")),
    "across": (5, (3, 7), None, Joined("new", 2)),
    "from the very start": (1, (1, 7), None, Joined("new")),
    "after a gap": (3, (6, 7), Gap(3, 5, None), Joined("new", jumped=True)),
    "beyond a gap": (3, (7, 7), Gap(3, 5, None), Joined("island")),
    "within a gap": (3, (5, 7), Gap(3, 5, b"?" * 32), Joined("new", jumped=True)),
    "after a gap that ends otherwise": (3, (6, 7), Gap(3, 5, b"?" * 32), Joined("foreign")),
}


@pytest.mark.parametrize(("at", "span", "gap", "how"), MET.values(), ids=MET)
def test_a_batch_meets_a_head(unit_log, at, span, gap, how):
    log = unit_log().grow(8)
    head = Head(at, log.hs[at - 1]) if at > 1 else EMPTY
    assert join(head, decode_batch(log.payload(*span)), gap) == how


def test_a_gap_that_ends_where_the_batch_begins(unit_log):
    log = unit_log().grow(8)
    met = join(EMPTY, decode_batch(log.payload(4)), Gap(1, 3, log.hs[3]))
    assert met == Joined("new", jumped=True)


@pytest.mark.parametrize(("span", "how"), [((5, 6), "foreign"), ((4, 6), "known")])
def test_another_chain_is_not_taken(unit_log, span, how):
    other = unit_log().grow(8, place="elsewhere")
    head = Head(5, unit_log().grow(4).hs[4])
    assert join(head, decode_batch(other.payload(*span)), None).how == how
