"""Turns and wishes: the most urgent goes first, and what nobody wants any more is not begun."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from stability.errors import StabilityError
from stability.ui.cached.background import Jobs
from stability.ui.cached.job import TURN, Wishes, turn
from stability.ui.cached.turns import Turns, Urgency

PATIENCE = 10.0


def waiting(turns, number):
    """Wait until so many wait for their turn."""
    while len(turns._waiting) < number:
        threading.Event().wait(0.001)


def test_the_most_urgent_goes_first_and_equals_in_their_order():
    turns, order = Turns(), []
    asked = [Urgency.LONG, Urgency.PLANE, Urgency.FIRST, Urgency.PLANE, Urgency.FIRST]

    def go(name, urgency):
        assert turns.acquire(urgency, PATIENCE)
        order.append(name)
        turns.release()

    turns.acquire()
    with ThreadPoolExecutor(len(asked)) as pool:
        for name, urgency in enumerate(asked):
            pool.submit(go, name, urgency)
            waiting(turns, name + 1)
        turns.release()
    assert order == [2, 4, 1, 3, 0]


def test_one_who_gives_up_is_not_waited_for():
    turns = Turns()
    turns.acquire()
    assert not turns.acquire(Urgency.FIRST, 0.01)
    turns.release()
    assert turns.acquire(Urgency.LONG, 0.01)


@pytest.fixture
def held():
    """The one turn of the server, taken until the test gives it back."""
    TURN.acquire()
    given_back = threading.Event()

    def give_back():
        if not given_back.is_set():
            given_back.set()
            TURN.release()

    yield give_back
    give_back()


def test_work_that_nobody_wants_any_more_ends_while_it_waits_for_its_turn(held):
    store, session, began = Jobs(4, at_once=4), Wishes(), []

    def work(report):
        with turn():
            began.append(True)

    old, new = (store.start(name, work, Urgency.FIRST) for name in ("old", "new"))
    session.renew([old])
    session.renew([new])
    with pytest.raises(StabilityError, match="was stopped"):
        old.future.result(PATIENCE)
    held()
    new.future.result(PATIENCE)
    assert began == [True]


def test_work_that_another_session_wants_goes_on(held):
    store, mine, other = Jobs(4, at_once=4), Wishes(), Wishes()

    def work(report):
        with turn():
            return "done"

    job = store.start("both", work, Urgency.FIRST)
    mine.renew([job])
    other.renew([job])
    mine.renew([])
    held()
    assert job.future.result(PATIENCE) == "done"
