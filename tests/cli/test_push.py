"""`push` on the command line: one JSON object or a table, and refusals of one line."""

import json

import pytest
import torch
from support.cli import refusal
from support.models import FAMILIES, hooked_logits, save_model

import stability
from stability.cli import main
from stability.cli.direction import direction_of
from stability.curvature.directions import resolve
from stability.geometry.rivals import most_tried

PROMPT = "the cat sat"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return str(save_model(tmp_path_factory.mktemp("tiny"), FAMILIES["llama"]()))


@pytest.fixture(scope="module")
def lm(folder):
    return stability.load(folder, device="cpu")


def report_of(capsys, *arguments):
    main(["push", "--prompt", PROMPT, "--json", *arguments])
    return json.loads(capsys.readouterr().out)


def rival(lm, rank=1):
    return lm.capture(PROMPT).most_likely(rank + 1)[rank][0]


@pytest.mark.parametrize("site", ["prelogit", "final", "block:0"])
def test_after_the_push_the_model_itself_says_the_target(folder, lm, capsys, site):
    """The whole model, by a plain hook: only the direction and the distance are the library's."""
    token = rival(lm)
    report = report_of(capsys, "--model", folder, "--target", str(token.id), "--site", site)
    [push] = report["pushes"]
    assert (push["id"], push["text"], report["site"]) == (token.id, token.text, site)
    assert report["is_certified"]
    state = lm.capture(PROMPT, site=site)
    direction = direction_of(lm, f"cheapest:{token.id}")
    vector = resolve(direction, state, stability.spectrum(state, 1), lm).vector.float()
    ids = torch.tensor([token.id for token in state.tokens])
    at = (lm.model, ids, state.position, site)
    before = hooked_logits(*at, 0 * vector).double().log_softmax(0)
    assert int(before.argmax()) == report["argmax"]["id"]
    after = hooked_logits(*at, push["distance"] * 1.001 * vector).double().log_softmax(0)
    assert int(after.argmax()) == token.id
    nats = float((before.exp() * (before - after)).sum())
    # a thousandth further: the divergence is some two thousandths more; rounding adds 1e-6
    assert push["nats"] == pytest.approx(nats, rel=1e-2, abs=1e-6)
    nearer = hooked_logits(*at, push["distance"] * 0.999 * vector)
    assert int(nearer.argmax()) != token.id


def test_without_a_target_it_lists_the_rivals(folder, lm, capsys):
    report = report_of(capsys, "--model", folder, "--n", "3")
    found = stability.rivals(lm.capture(PROMPT), 3)
    assert report["pushes"] == [push.report() for push in found.pushes]
    assert report["is_complete"] == found.is_complete


def test_what_is_tried_is_counted_on_standard_error(folder, lm, capsys):
    main(["push", "--prompt", PROMPT, "--model", folder, "--n", "3"])
    assert "Trying tokens 0 of 12\n" in capsys.readouterr().err


def test_no_more_tokens_are_tried_than_there_are(lm):
    state = lm.capture(PROMPT)
    assert most_tried(state, 2) == 8
    assert most_tried(state, 1000) == min(4000, state.readout.vocab_size - 1)


def test_a_table_holds_the_same(folder, lm, capsys):
    main(["push", "--prompt", PROMPT, "--model", folder, "--n", "2"])
    lines = capsys.readouterr().out.splitlines()
    assert lines[4].split() == [
        "nats",
        "bound",
        "predicted",
        "plain",
        "cheaper",
        "distance",
        "token",
    ]
    assert len(lines[5:7]) == 2
    assert all(len(line) <= 80 and not line.endswith("...") for line in lines[8:])


def test_a_direction_may_name_the_token_by_its_text(lm):
    token = rival(lm)
    assert direction_of(lm, f"cheapest:{token.text}") == direction_of(lm, f"cheapest:{token.id}")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--target", "two words"], "A single token is needed"),
        (["--target", "5", "--n", "3"], "leave one of them out"),
        (["--n", "0"], "number of rivals"),
        (
            ["--n", "100000"],
            "at most 1,000, as each is a problem of its own; received 100,000: try 20",
        ),
        (["--site", "final"], "received --site 'final' without a target: give one with --target"),
        (["--target", "7", "5", "7"], "received 7 twice"),
        (["--target", "99999"], "between 0 and"),
    ],
)
def test_a_refusal_is_one_line(folder, capsys, arguments, words):
    assert words in refusal(["push", "--prompt", PROMPT, "--model", folder, *arguments], capsys)
