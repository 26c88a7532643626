"""Work in the background: one run for all who wait, whatever fails, is left or is forgotten."""

import gc
import queue
import threading
import weakref
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import pytest
from streamlit.runtime import RuntimeState
from streamlit.testing.v1 import AppTest

from stability.errors import StabilityError
from stability.ui.cached import background
from stability.ui.cached import job as jobs
from stability.ui.cached.background import Jobs
from stability.ui.cached.wishes import Wishes

pytestmark = pytest.mark.slow

PATIENCE = 10.0  # seconds after which a test has failed


class Page:
    """Streamlit as far as a job needs it: every session that waits draws into a slot of its own."""

    def __init__(self):
        self.waiting = threading.Semaphore(0)  # one more for each session that begins to wait
        self.shown = queue.Queue()
        self.cleared = 0

    def empty(self):
        self.waiting.release()
        return SimpleNamespace(progress=self.progress, empty=self.clear)

    def progress(self, fraction, message):
        self.shown.put((message, fraction))

    def clear(self):
        self.cleared += 1


class Work:
    """Work that counts its runs and goes on only when it is let."""

    def __init__(self, outcome="done", free=False):
        self.outcome, self.runs, self.gate = outcome, 0, threading.Event()
        if free:
            self.gate.set()

    def __call__(self, report):
        self.runs += 1
        assert self.gate.wait(PATIENCE)
        if isinstance(self.outcome, Exception):
            raise self.outcome
        return self.outcome


class LeftError(Exception):
    """What Streamlit raises in a session that is to run anew."""


@pytest.fixture
def page(monkeypatch):
    page = Page()
    monkeypatch.setattr(background, "st", page)
    return page


@pytest.fixture
def sessions():
    with ThreadPoolExecutor(16) as pool:
        yield pool


def ask(sessions, page, store, key, work):
    """A session that is known to wait for its job."""
    session = sessions.submit(store.get, key, work)
    assert page.waiting.acquire(timeout=PATIENCE)
    return session


# --- one run for all ------------------------------------------------------------------------------


def test_a_result_is_computed_once_and_then_there_at_once(page):
    store, work = Jobs(2), Work(object(), free=True)
    first = store.get("key", work)
    page.waiting = threading.Semaphore(0)
    assert store.get("key", work) is first is work.outcome
    assert work.runs == 1
    assert not page.waiting.acquire(blocking=False)


def test_all_who_ask_wait_for_the_same_run(page, sessions):
    store, work = Jobs(2), Work(object())
    asking = [ask(sessions, page, store, "key", work) for _ in range(8)]
    assert not any(session.done() for session in asking)
    work.gate.set()
    assert all(session.result(PATIENCE) is work.outcome for session in asking)
    assert work.runs == 1
    assert page.cleared == 8


def test_results_are_told_apart_by_their_keys(page):
    store = Jobs(5)
    works = {key: Work(key, free=True) for key in ["a", "b", ("a", 1), ("a", 2.5)]}
    for _ in range(2):
        assert [store.get(key, work) for key, work in works.items()] == list(works)
    assert [work.runs for work in works.values()] == [1] * 4


def test_jobs_run_one_after_another(page, sessions):
    store, first, second = Jobs(2), Work(), Work()
    asking = [ask(sessions, page, store, "a", first), ask(sessions, page, store, "b", second)]
    # whoever waits looks up five times a second: the second job had time to begin
    for _ in range(4):
        page.shown.get(timeout=PATIENCE)
    assert (first.runs, second.runs) == (1, 0)
    second.gate.set()
    first.gate.set()
    assert [session.result(PATIENCE) for session in asking] == ["done", "done"]


# --- failure --------------------------------------------------------------------------------------


def test_a_failure_is_raised_to_all_who_wait_and_the_next_try_is_fresh(page, sessions):
    store, broken, sound = Jobs(2), Work(ValueError("no such model")), Work(free=True)
    asking = [ask(sessions, page, store, "key", broken) for _ in range(4)]
    broken.gate.set()
    for session in asking:
        with pytest.raises(ValueError, match="no such model"):
            session.result(PATIENCE)
    assert broken.runs == 1
    assert page.cleared == 4
    assert store.get("key", sound) == "done"


def test_one_who_hears_late_of_a_failure_does_not_undo_the_next_try(page, sessions, monkeypatch):
    store, broken, again, twice = Jobs(2), Work(ValueError("broken")), Work(), Work()
    clearing, late = threading.Event(), threading.Event()
    monkeypatch.setattr(page, "clear", lambda: (clearing.set(), late.wait(PATIENCE)))
    slow = ask(sessions, page, store, "key", broken)
    broken.gate.set()
    assert clearing.wait(PATIENCE)
    retry = ask(sessions, page, store, "key", again)
    late.set()
    with pytest.raises(ValueError, match="broken"):
        slow.result(PATIENCE)
    joining = ask(sessions, page, store, "key", twice)
    again.gate.set()
    twice.gate.set()
    assert retry.result(PATIENCE) == joining.result(PATIENCE) == "done"
    assert (again.runs, twice.runs) == (1, 0)


def leave(page, store, key, work, monkeypatch):
    """A session that is called away as soon as it sees its job's progress."""

    def called_away(fraction, message):
        raise LeftError

    with monkeypatch.context() as patch:
        patch.setattr(page, "progress", called_away)
        with pytest.raises(LeftError):
            store.get(key, work)
    page.waiting = threading.Semaphore(0)


def test_who_leaves_does_not_stop_the_job(page, sessions, monkeypatch):
    store, work = Jobs(2), Work()
    leave(page, store, "key", work, monkeypatch)
    back = ask(sessions, page, store, "key", work)
    work.gate.set()
    assert back.result(PATIENCE) == "done"
    assert work.runs == 1


def test_a_failure_that_nobody_waited_for_is_forgotten_too(page, monkeypatch):
    store, broken = Jobs(2), Work(ValueError("broken"))
    leave(page, store, "key", broken, monkeypatch)
    broken.gate.set()
    store.get("another", Work(free=True))  # jobs run in order: the first has failed by now
    assert store.get("key", Work("fresh", free=True)) == "fresh"


def test_a_failure_takes_no_place_from_a_result(page):
    store, kept = Jobs(2), Work(free=True)
    store.get("kept", kept)
    for _ in range(2):
        with pytest.raises(ValueError, match="broken"):
            store.get("broken", Work(ValueError("broken"), free=True))
        store.get("kept", kept)
    store.get("new", Work(free=True))
    store.get("kept", kept)
    assert kept.runs == 1


# --- forgetting -----------------------------------------------------------------------------------


def test_the_result_not_asked_for_longest_is_forgotten(page):
    store = Jobs(2)
    works = {key: Work(key, free=True) for key in "abc"}
    for key in "abacbca":
        assert store.get(key, works[key]) == key
    # a, b; a again; c takes the place of b; b of a; c again; a takes the place of b
    assert {key: work.runs for key, work in works.items()} == {"a": 2, "b": 2, "c": 1}


def test_a_job_under_way_is_not_forgotten(page, sessions):
    """With room for one result, two jobs still run once each, whoever asks meanwhile."""
    store, works = Jobs(1), {"a": Work("a"), "b": Work("b")}
    asking = [ask(sessions, page, store, key, works[key]) for key in "abab"]
    works["a"].gate.set()
    assert [asking[i].result(PATIENCE) for i in (0, 2)] == ["a", "a"]
    # b runs or waits to; a was asked for last, and stays for that
    assert store.get("a", works["a"]) == "a"
    asking.append(ask(sessions, page, store, "b", works["b"]))
    works["b"].gate.set()
    assert [asking[i].result(PATIENCE) for i in (1, 3, 4)] == ["b"] * 3
    assert [work.runs for work in works.values()] == [1, 1]


def test_what_is_forgotten_is_let_go(page):
    class Result:
        pass

    store, results = Jobs(2), []
    for key in range(5):
        results.append(weakref.ref(store.get(key, lambda report: Result())))
    gc.collect()
    assert [result() is not None for result in results] == [False, False, False, True, True]


# --- progress -------------------------------------------------------------------------------------


def shows(page, message):
    """The fraction that is next shown with a message."""
    while (shown := page.shown.get(timeout=PATIENCE))[0] != message:
        pass
    return shown[1]


@pytest.mark.parametrize(("reported", "shown"), [(-0.5, 0.0), (0.25, 0.25), (7.0, 1.0)])
def test_progress_is_shown_within_its_limits(page, sessions, reported, shown):
    def work(report):
        report("Reading", reported)
        assert gate.wait(PATIENCE)

    store, gate = Jobs(2), threading.Event()
    asking = ask(sessions, page, store, "key", work)
    assert shows(page, "Reading") == shown
    gate.set()
    asking.result(PATIENCE)
    assert page.cleared == 1


def test_every_job_has_its_own_progress_and_a_new_try_starts_anew(page, sessions):
    def broken(report):
        report("Almost there", 0.9)
        raise ValueError("broken")

    store, work = Jobs(2), Work()
    with pytest.raises(ValueError, match="broken"):
        store.get("key", broken)
    while not page.shown.empty():
        page.shown.get()
    page.waiting = threading.Semaphore(0)
    asking = [ask(sessions, page, store, key, work) for key in ("key", "other")]
    assert [page.shown.get(timeout=PATIENCE) for _ in range(4)] == [("Waiting", 0.0)] * 4
    work.gate.set()
    assert [session.result(PATIENCE) for session in asking] == ["done", "done"]


# a page that uses nothing from this module
def waiting_page():
    import time

    import streamlit as st

    from stability.ui.cached.background import Jobs

    def work(report):
        report("More than all", 1.5)
        time.sleep(0.5)
        return "the result"

    st.markdown(Jobs(1).get("key", work))


def test_on_a_real_page_only_the_result_is_left():
    app = AppTest.from_function(waiting_page).run(timeout=30)
    assert not app.exception
    assert app.markdown[0].value == "the result"
    assert [element.type for element in app.main.children.values()] == ["empty", "markdown"]


# --- many sessions --------------------------------------------------------------------------------


def test_many_sessions_at_once_each_get_what_they_asked_for(page, sessions):
    def session(seed):
        keys = [(seed * i) % 5 for i in range(1, 60)]
        return [store.get(key, lambda report, key=key: [key]) == [key] for key in keys]

    store = Jobs(2)
    asking = [sessions.submit(session, seed) for seed in range(1, 17)]
    assert all(all(done.result(PATIENCE)) for done in asking)


# --- stopping, and taking turns -------------------------------------------------------------------


def test_work_that_takes_turns_lets_others_in_and_frees_its_turn_when_it_fails():
    order = []

    def work(report):
        order.append("work")
        entered.set()
        while len(order) < 2:
            report("Waiting for the other", 0.5)
        raise ValueError("it failed")

    def other():
        assert entered.wait(PATIENCE)
        with jobs.TURN:
            order.append("other")

    entered = threading.Event()
    thread = threading.Thread(target=other)
    thread.start()
    with ThreadPoolExecutor(1) as pool:
        job = jobs.Job(pool, work, takes_turns=True)
        with pytest.raises(ValueError, match="it failed"):
            job.future.result(PATIENCE)
    thread.join(PATIENCE)
    assert order == ["work", "other"]
    assert jobs.TURN.acquire(timeout=PATIENCE)
    jobs.TURN.release()


def test_work_that_is_done_cannot_be_stopped():
    job = Jobs(max_entries=3).start("key", lambda report: 5)
    job.future.result()
    job.stop()
    assert job.is_ready
    assert not job.is_stopped


def test_stopped_work_ends_at_its_next_report_with_a_sentence():
    def work(report):
        report("Measuring", 0.25)
        started.set()
        while True:
            report("Measuring", 0.5)

    started = threading.Event()
    with ThreadPoolExecutor(1) as pool:
        job = jobs.Job(pool, work, takes_turns=True)
        assert started.wait(PATIENCE)
        job.is_stopped = True
        with pytest.raises(StabilityError, match="Measuring was stopped: start it again"):
            job.future.result(PATIENCE)


def test_work_ends_when_the_server_stops(monkeypatch):
    state = RuntimeState.ONE_OR_MORE_SESSIONS_CONNECTED
    server = SimpleNamespace(exists=lambda: True, get_instance=lambda: SimpleNamespace(state=state))
    monkeypatch.setattr(jobs, "runtime", server)
    begun = threading.Event()

    def work(report):
        while True:
            report("Fetching", 0.5)
            begun.set()

    job = Jobs(1).start("key", work)
    assert begun.wait(PATIENCE)
    state = RuntimeState.STOPPING
    with pytest.raises(StabilityError, match="Fetching was stopped"):
        job.future.result(PATIENCE)


def test_stoppable_work_that_no_page_looks_at_ends_and_other_work_goes_on(monkeypatch):
    monkeypatch.setattr(jobs, "ABANDONED", 0.0)
    began, looked = threading.Event(), threading.Event()

    def work(report):
        report("Measuring", 0.25)
        began.set()
        assert looked.wait(PATIENCE)
        report("Measuring", 0.5)
        return "done"

    with ThreadPoolExecutor(1) as pool:
        for looked_at in (None, 0.0):  # without a button nobody is expected to look
            began.clear(), looked.clear()
            job = jobs.Job(pool, work, takes_turns=False)
            assert began.wait(PATIENCE)
            if looked_at is None:
                looked.set()
                assert job.future.result(PATIENCE) == "done"
            else:
                job.looked_at = looked_at
                looked.set()
                with pytest.raises(StabilityError, match="Measuring was stopped"):
                    job.future.result(PATIENCE)


def test_a_job_that_needs_another_waits_for_it_without_spinning_and_shows_its_progress():
    first, second, seen = Work("the model"), Jobs(4), []
    other = Jobs(4).start("first", first)

    def work(report):
        def counted(message, fraction):
            seen.append(message)
            report(message, fraction)

        return jobs.awaited(other, counted)

    waiting = second.start("second", work)
    threading.Event().wait(3 * jobs.GIVE_UP)
    assert 1 <= len(seen) <= 10
    assert waiting.progress == other.progress
    first.gate.set()
    assert waiting.future.result(PATIENCE) == "the model"


def test_work_that_takes_turns_leaves_its_turn_while_it_waits_for_another_job():
    first = Work()
    other = Jobs(4).start("first", first)
    waiting = Jobs(4, takes_turns=True).start("second", lambda report: jobs.awaited(other, report))
    while waiting.progress != other.progress:
        threading.Event().wait(0.01)
    assert jobs.TURN.acquire(timeout=PATIENCE)
    jobs.TURN.release()
    first.gate.set()
    assert waiting.future.result(PATIENCE) == "done"


def test_a_job_that_one_session_gives_up_goes_on_for_another_whatever_their_order():
    kept, gate = Jobs(64, at_once=8), threading.Event()
    sessions = [Wishes() for _ in range(8)]
    last = Wishes()
    job = kept.start("shared", lambda report: gate.wait(PATIENCE))
    last.renew([job])

    def come_and_go(wishes):
        for _ in range(200):
            wishes.renew([job])
            wishes.renew([])

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(come_and_go, sessions))
    assert not job.is_stopped
    last.renew([])
    assert job.is_stopped
    gate.set()
