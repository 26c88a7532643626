"""Cached results: a key is all arguments but the parts, which are found before the cache is asked."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from stability.ui.cached.keyed import cached, forget_results, looking_ahead

PATIENCE = 10  # seconds after which a test has failed


class Parts:
    """Parts that count how often they are found."""

    def __init__(self):
        self.found, self.given = [], []

    def find(self, model, site="prelogit"):
        self.found.append((model, site))
        return object()  # which nothing could hash


@pytest.fixture
def parts():
    return Parts()


@pytest.fixture
def result(parts):
    @cached(2, parts=parts.find)
    def result(_part: object, model: str, site: str = "prelogit") -> list[str]:
        """A docstring."""
        parts.given.append(_part)
        return [model, site]

    return result


def test_a_result_is_computed_once_for_each_key(result, parts):
    first = result("a")
    assert first == ["a", "prelogit"]
    assert result("a") is first
    assert result("b") == ["b", "prelogit"]
    assert len(parts.given) == 2


def test_a_default_and_a_name_make_no_other_key(result, parts):
    first = result("a")
    assert result("a", "prelogit") is result(model="a", site="prelogit") is first
    assert result("a", "final") == ["a", "final"]
    assert len(parts.given) == 2


def test_parts_are_found_at_every_call(result, parts):
    result("a")
    result("a")
    assert parts.found == [("a", "prelogit")] * 2


def test_no_lock_is_held_while_parts_are_found():
    """Another session gets the result meanwhile: a lock would keep it waiting."""
    session, finding = ThreadPoolExecutor(1), []

    def find(model):
        finding.append(model)
        if len(finding) == 1:
            assert session.submit(result, model).result(PATIENCE) == "a, 2"
        return len(finding)

    @cached(2, parts=find)
    def result(_part: int, model: str) -> str:
        return f"{model}, {_part}"

    assert result("a") == "a, 2"
    assert finding == ["a", "a"]
    session.shutdown()


def test_parts_that_cannot_be_found_leave_the_cache_alone(parts):
    def fails(model):
        raise ValueError("no such model")

    @cached(2, parts=fails)
    def never(_part: object, model: str) -> str:
        parts.given.append(_part)
        return model

    with pytest.raises(ValueError, match="no such model"):
        never("a")
    assert parts.given == []


def test_a_failure_is_not_kept(parts):
    @cached(2, parts=lambda model: None)
    def fails_once(_part: None, model: str) -> str:
        parts.given.append(model)
        if len(parts.given) == 1:
            raise ValueError("broken")
        return model

    with pytest.raises(ValueError, match="broken"):
        fails_once("a")
    assert fails_once("a") == "a"


def test_the_oldest_result_is_forgotten(result, parts):
    for model in "abca":
        result(model)
    assert len(parts.given) == 4
    result("a")
    assert len(parts.given) == 4


def test_what_is_found_ahead_pushes_out_nothing_that_was_asked_for(result, parts):
    first, second = result("a"), result("b")
    with looking_ahead():
        for model in "cde":
            result(model)
        # as it was asked for
        result("a")
    assert result("a") is first
    assert result("b") is second
    assert len(parts.given) == 5


def test_what_is_found_ahead_is_there_when_it_is_asked_for_and_kept_since(result, parts):
    with looking_ahead():
        found = result("a")
    assert result("a") is found
    with looking_ahead():
        for model in "bcd":
            result(model)
    assert result("a") is found
    assert len(parts.given) == 4


def test_who_asks_at_once_waits_for_one_result():
    given, sessions = threading.Semaphore(0), ThreadPoolExecutor(8)
    may_go_on = threading.Event()

    @cached(2, parts=lambda model: None)
    def result(_part: None, model: str) -> object:
        given.release()
        assert may_go_on.wait(PATIENCE)
        return object()

    asked = [sessions.submit(result, "a") for _ in range(8)]
    assert given.acquire(timeout=PATIENCE)
    may_go_on.set()
    assert len({id(one.result(PATIENCE)) for one in asked}) == 1
    assert not given.acquire(blocking=False)
    sessions.shutdown()


def test_what_is_forgotten_is_made_again(result, parts):
    first = result("a")
    forget_results()
    assert result("a") == first
    assert len(parts.given) == 2


def test_two_functions_with_the_same_arguments_have_their_own_results(result):
    @cached(2, parts=lambda model, site="prelogit": None)
    def another(_part: None, model: str, site: str = "prelogit") -> str:
        return "another"

    assert result("a") != another("a") == "another"


def test_a_cached_function_says_what_it_does(result):
    assert (result.__name__, result.__doc__) == ("result", "A docstring.")
