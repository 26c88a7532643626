"""A person's choice, and the callbacks that change it."""

import pytest
from streamlit.testing.v1 import AppTest

from stability.instrument.examples import EXAMPLES
from stability.ui import choice
from stability.ui.direction_choice import Pasted


def called(function, *arguments, **session):
    """The session's values after a function of `choice` was called on a page."""

    def page(name, arguments):
        from stability.ui import choice

        getattr(choice, name)(*arguments)

    app = AppTest.from_function(page, args=(function, arguments))
    for key, value in session.items():
        app.session_state[key] = value
    app.run()
    assert not app.exception
    return app.session_state


@pytest.mark.parametrize("site", ["prelogit", "final"])
def test_a_site_without_a_number_is_named_as_it_is(site):
    assert called("look_at", site)["site"] == site


def test_a_block_is_chosen_by_its_number():
    session = called("look_at", "block:3")
    assert (session["site"], session["block"]) == ("a block", 3)
    assert set(choice.SITES) == {"prelogit", "final", "a block"}


def test_an_eigendirection_is_chosen_by_its_rank():
    session = called("look_along", 2)
    assert (choice.KINDS[session["kind"]], session["rank"]) == ("eig", 2)


@pytest.mark.parametrize(
    ("written", "kind", "values"),
    [
        ("tokens:5,7", "tokens", {"start": "5", "end": "7"}),
        ("random:77", "random", {"seed": 77}),
        ("covariance:78", "covariance", {"seed": 78}),
        ("eig:3", "eig", {"rank": 4}),
    ],
)
def test_the_direction_of_a_measured_row_is_chosen(written, kind, values):
    from stability.curvature.direction_spec import DirectionSpec

    session = called("look_along_choice", DirectionSpec.parse(written))
    assert choice.KINDS[session["kind"]] == kind
    assert {key: session[key] for key in values} == values


def test_an_example_is_looked_at_where_it_continues():
    session = called("take_example", example="code", position=3)
    assert session["prompt"] == EXAMPLES["code"].prompt
    assert session["position"] == -1


def test_no_example_leaves_the_prompt():
    session = called("take_example", example=None, prompt="mine", position=3)
    assert (session["prompt"], session["position"]) == ("mine", 3)


@pytest.mark.parametrize(("data", "is_empty"), [(b"", True), (b" \n", True), (b"[1]", False)])
def test_a_pasted_vector_is_empty_until_something_is_given(data, is_empty):
    assert Pasted("pasted vector", data).is_empty is is_empty
