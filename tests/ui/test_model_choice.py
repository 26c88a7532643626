"""The written form of a model, its dtype and its device."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stability.ui.model_choice import DTYPES, ModelChoice


@pytest.mark.parametrize(
    ("written", "choice"),
    [
        ("smollm2-135m", ModelChoice("smollm2-135m")),
        ("org/name@main in bfloat16", ModelChoice("org/name@main", "bfloat16")),
        ("/a b/c in float16 on cuda:1", ModelChoice("/a b/c", "float16", "cuda:1")),
        ("x on cpu", ModelChoice("x", device="cpu")),
        ("x in bfloat16 on auto", ModelChoice("x", "bfloat16", "auto")),
    ],
)
def test_what_is_not_the_default_is_written_behind_the_name(written, choice):
    assert ModelChoice.parse(written) == choice
    assert str(choice) == written


names = st.text() | st.sampled_from(
    ["a in bfloat16", "b on cpu", "c in float32 on cpu", " on auto"]
)


@given(names, st.sampled_from(DTYPES), st.sampled_from([None, "cpu", "auto", "cuda:0"]))
def test_every_choice_is_read_back_from_its_written_form(name, dtype, device):
    choice = ModelChoice(name, dtype, device)
    assert ModelChoice.parse(str(choice)) == choice


def test_a_link_names_no_device():
    assert str(ModelChoice("x", "bfloat16", "cuda:0").shared) == "x in bfloat16"


@pytest.mark.parametrize(
    ("name", "title"),
    [
        ("smollm2-135m", "SmolLM2-135M-Instruct"),
        ("org/name", "org/name"),
        ("/models/mine/", "mine"),
        ("~/mine.gguf", "mine.gguf"),
        ("/", "/"),
    ],
)
def test_a_model_is_titled_as_people_know_it(name, title):
    assert ModelChoice(name).title == title
