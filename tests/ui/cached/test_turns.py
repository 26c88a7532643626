"""Turns and wishes: the most urgent goes first, and what nobody wants any more is not begun."""

import threading
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from functools import partial

import pytest

from stability.errors import StabilityError
from stability.ui.cached import job as jobs
from stability.ui.cached import turns as turns_module
from stability.ui.cached.background import Jobs
from stability.ui.cached.job import TURN, make_way, turn
from stability.ui.cached.turns import Turns, Urgency
from stability.ui.cached.wishes import Wishes

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


class Clock:
    """A clock that only the test moves."""

    def __init__(self):
        self.time = 0.0

    def __call__(self):
        return self.time


@pytest.fixture
def waiters():
    with ThreadPoolExecutor(8) as pool:
        yield pool


def queued(pool, turns, *urgencies):
    """Threads that wait for their turn, in this order."""
    asked = []
    for urgency in urgencies:
        number = len(turns._waiting) + 1
        asked.append(pool.submit(turns.acquire, urgency, PATIENCE))
        waiting(turns, number)
    return asked


def next_of(turns, asked):
    """Which of those that wait has the turn once it is given back."""
    waited = [one for one in asked if not one.done()]
    turns.release()
    wait(waited, PATIENCE, FIRST_COMPLETED)
    [came] = [asked.index(one) for one in waited if one.done()]
    return came


def test_who_has_waited_long_goes_first_and_keeps_the_turn_for_a_slice(waiters):
    clock = Clock()
    turns = Turns(clock)
    turns.acquire()
    asked = queued(waiters, turns, Urgency.LONG)
    clock.time = turns_module.PATIENCE - 0.01
    assert not turns.is_wanted(Urgency.PLANE)
    clock.time = turns_module.PATIENCE
    assert turns.is_wanted(Urgency.FIRST)
    asked += queued(waiters, turns, Urgency.FIRST)
    assert next_of(turns, asked) == 0
    clock.time += turns_module.SLICE - 0.01
    assert not turns.is_wanted(Urgency.LONG)
    clock.time += 0.01
    assert turns.is_wanted(Urgency.LONG)
    assert next_of(turns, asked) == 1


def test_however_many_have_waited_long_the_urgent_goes_first_until_the_next_slice(waiters):
    clock = Clock()
    turns = Turns(clock)
    turns.acquire()
    asked = queued(waiters, turns, *[Urgency.LONG] * 3)
    clock.time = 60.0
    order = [next_of(turns, asked)]
    for _ in range(2):
        asked += queued(waiters, turns, Urgency.FIRST)
        clock.time += turns_module.SLICE
        order.append(next_of(turns, asked))
        clock.time += turns_module.PATIENCE
        order.append(next_of(turns, asked))
    assert order == [0, 3, 1, 4, 2]


def test_a_slice_ends_with_its_turn(waiters):
    clock = Clock()
    turns = Turns(clock)
    turns.acquire()
    asked = queued(waiters, turns, Urgency.LONG)
    clock.time = 60.0
    assert next_of(turns, asked) == 0
    asked += queued(waiters, turns, Urgency.LONG)
    assert next_of(turns, asked) == 1
    asked += queued(waiters, turns, Urgency.FIRST)
    assert turns.is_wanted(Urgency.FIRST)
    assert next_of(turns, asked) == 2


def test_who_looks_whether_it_is_wanted_keeps_its_place(held, monkeypatch):
    """Those that wait give up and wait again all the time."""
    monkeypatch.setattr(jobs, "GIVE_UP", 0.001)
    store, order, places, asked = Jobs(8, at_once=8), [], set(), []

    def work(name, report):
        with turn():
            order.append(name)

    for name in range(5):
        asked.append(store.start(name, partial(work, name)))
        while len(places) <= name:
            places |= {one.since for one in list(TURN._waiting)}
    held()
    for job in asked:
        job.future.result(PATIENCE)
    assert order == list(range(5))


def test_work_that_takes_long_goes_on_while_others_who_are_urgent_never_rest(monkeypatch):
    monkeypatch.setattr(jobs, "QUICK", float("inf"))
    monkeypatch.setattr(turns_module, "PATIENCE", 0.05)
    store, urgent, long = Jobs(4, at_once=4), [Endless(), Endless()], Endless()
    for name, one in enumerate(urgent):
        store.start(name, one, Urgency.FIRST)
        assert one.began.wait(PATIENCE)
    last = store.start("long", long)
    try:
        assert long.began.wait(PATIENCE)
        long.is_over.set()
        assert last.future.result(PATIENCE) == "done"
    finally:
        for one in (*urgent, long):
            one.is_over.set()


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


def begun():
    """Endless work that runs as urgently as any, for a session that waits for it."""
    session, long = Wishes(), Endless()
    job = Jobs(4).start("long", long, Urgency.FIRST)
    session.renew([job])
    assert long.began.wait(PATIENCE)
    return job, session


class Endless:
    """Work that makes way between steps, once it has begun, until it is told to end."""

    def __init__(self):
        self.began, self.is_over, self.steps = threading.Event(), threading.Event(), 0

    def __call__(self, report):
        with turn():
            while not self.is_over.is_set():
                make_way()
                self.steps += 1
                self.began.set()
        return "done"

    def steps_in_turn(self, report):
        """Another's work, which only looks how far this is once it has the turn."""
        with turn():
            return self.steps


def test_long_work_lets_the_work_of_another_go_first_and_is_done_in_the_end():
    store, long = Jobs(4, at_once=4), Endless()
    first = store.start("long", long, Urgency.FIRST)
    assert long.began.wait(PATIENCE)
    steps = store.start("quick", long.steps_in_turn, Urgency.FIRST).future.result(PATIENCE)
    assert not first.future.done()
    while long.steps == steps:
        threading.Event().wait(0.001)
    long.is_over.set()
    assert first.future.result(PATIENCE) == "done"


def test_work_makes_way_for_none_that_is_less_urgent_until_it_has_taken_long(monkeypatch):
    store, long = Jobs(4, at_once=4), Endless()
    first = store.start("long", long, Urgency.FIRST)
    assert long.began.wait(PATIENCE)
    later = store.start("later", long.steps_in_turn, Urgency.PLANE)
    waiting(TURN, 1)
    steps = long.steps
    while long.steps < steps + 100:
        threading.Event().wait(0.001)
    assert not later.future.done()
    monkeypatch.setattr(jobs, "QUICK", 0.0)
    assert later.future.result(PATIENCE) > steps
    long.is_over.set()
    assert first.future.result(PATIENCE) == "done"


def test_work_that_nobody_wants_any_more_ends_at_its_next_step_and_gives_its_turn_back():
    job, session = begun()
    session.renew([])
    with pytest.raises(StabilityError, match="was stopped"):
        job.future.result(PATIENCE)
    assert TURN.acquire(timeout=PATIENCE)
    TURN.release()


def test_work_that_is_stopped_while_it_lets_others_go_first_gives_no_turn_of_theirs_away():
    job, session = begun()
    TURN.acquire(timeout=PATIENCE)
    session.renew([])
    with pytest.raises(StabilityError, match="was stopped"):
        job.future.result(PATIENCE)
    assert not TURN.acquire(Urgency.FIRST, 0.01)
    TURN.release()


def test_work_whose_sessions_look_no_more_ends(monkeypatch):
    job, _ = begun()
    monkeypatch.setattr(jobs, "ABANDONED", -1.0)
    with pytest.raises(StabilityError, match="was stopped"):
        job.future.result(PATIENCE)
    assert job.is_stopped


def test_where_nobody_has_the_turn_nothing_makes_way():
    make_way()
    assert TURN.acquire(timeout=PATIENCE)
    make_way()
    assert not TURN.acquire(Urgency.FIRST, 0.01)
    TURN.release()
