"""Whatever the code of others raises is one sentence, and nothing else is touched."""

import pytest

from stability.errors import StabilityError
from stability.models.foreign import LONGEST_REASON, foreign


def refused(error: BaseException) -> str:
    with pytest.raises(StabilityError) as caught, foreign("Running", "tiny"):
        raise error
    assert caught.value.__cause__ is error
    return str(caught.value)


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (IndexError("index out of range in self"), "IndexError (index out of range in self)"),
        (KeyError("layer"), "KeyError ('layer')"),
        (ValueError("\n  first line.\nand a second"), "ValueError (first line)"),
        (RuntimeError(), "RuntimeError"),
        (NotImplementedError("\n"), "NotImplementedError"),
        (MemoryError("no room"), "MemoryError (no room)"),
        (RecursionError("too deep"), "RecursionError (too deep)"),
    ],
)
def test_an_error_is_one_sentence_with_its_type_and_its_first_line(error, reason):
    expected = f"Running 'tiny' must raise no error; received {reason}: choose another model."
    assert refused(error) == expected


def test_a_long_message_is_cut():
    assert len(refused(ValueError("word " * 10_000))) < LONGEST_REASON + 100


def test_the_name_cannot_break_the_line():
    with pytest.raises(StabilityError) as caught, foreign("Loading", "a\nb", "check the name"):
        raise OSError("gone")
    assert str(caught.value) == (
        r"Loading 'a\nb' must raise no error; received OSError (gone): check the name."
    )


def test_our_own_sentences_pass_as_they_are():
    error = StabilityError("A sentence of ours.")
    with pytest.raises(StabilityError) as caught, foreign("Running", "tiny"):
        raise error
    assert caught.value is error


@pytest.mark.parametrize("ending", [KeyboardInterrupt, SystemExit, GeneratorExit])
def test_what_ends_a_process_passes(ending):
    with pytest.raises(ending), foreign("Running", "tiny"):
        raise ending


def test_what_succeeds_is_left_alone():
    with foreign("Running", "tiny"):
        result = 3
    assert result == 3


def test_a_panic_of_compiled_code_is_a_sentence_too():
    panic = type("PanicException", (BaseException,), {})
    with (
        pytest.raises(StabilityError, match=r"received PanicException \(index out of bounds\)"),
        foreign("Tokenizing with", "mine"),
    ):
        raise panic("index out of bounds")
