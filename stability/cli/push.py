"""`push`: the cheapest push that makes a token win, or the cheapest rivals of a prediction."""

import argparse
import json
from collections.abc import Iterator
from typing import Any

from stability.cli.chat import add_chat, prompt_of, utf8
from stability.cli.command import add_command
from stability.cli.commands import load_model
from stability.cli.console import fitted
from stability.defaults import MOST_RIVALS, RIVALS
from stability.text import digits, spelled

COLUMNS = ("nats", "bound", "predicted", "plain", "cheaper", "distance")


def add_push(commands: Any) -> argparse.ArgumentParser:
    """Add the command `push`."""
    push = add_command(
        commands,
        "push",
        "the cheapest push to another next token",
        "stability push --prompt 'The capital of France is' --target ' London'",
        "For the push of the vector that makes another token the most likely for the least KL: "
        "its divergence and its length, beside those of the plain difference of the tokens' rows. "
        "Without a target, the cheapest rivals of the prediction.",
    )
    push.add_argument("--prompt", metavar="TEXT", type=utf8, required=True, help="one prompt")
    add_chat(push)
    push.add_argument(
        "--target",
        metavar="TOKEN",
        nargs="+",
        type=utf8,
        help="the text of one token, or its id; of several, the cheapest",
    )
    push.add_argument(
        "--n",
        type=int,
        help=f"number of rivals, without a target, at most {MOST_RIVALS}; by default {RIVALS}",
    )
    push.add_argument("--position", type=int, default=-1, help="token index; by default the last")
    push.add_argument(
        "--site",
        default="prelogit",
        type=utf8,
        help="which vector is pushed: prelogit, final or block:L; by default %(default)s, the only one "
        "that has a list of rivals",
    )
    push.set_defaults(run=run_push)
    return push


def run_push(options: argparse.Namespace) -> None:
    """`push`: the cheapest push to a target, or the cheapest rivals, as JSON or as a table."""
    from stability.cli.progress import import_torch, progress, waiting

    import_torch()
    from stability.errors import require_distinct
    from stability.geometry.cheapest_push import cheapest_to
    from stability.geometry.rivals import Rivals, most_tried, require_listed, rivals

    _require_one_question(options)
    n = require_listed(RIVALS if options.n is None else options.n)
    prompt, lm = prompt_of(options), load_model(options.model, options.dtype)
    state = lm.capture(prompt, options.position, options.site)
    if options.target is None:
        most = most_tried(state, n)
        with progress("Trying tokens") as said:
            found = rivals(state, n, lambda tried: said(tried, most))
    else:
        tokens = [lm.token_id(text) for text in options.target]
        require_distinct(tokens, "Target tokens")
        with waiting("Searching for the push"):
            found = Rivals(*cheapest_to(state, tokens))
    report = {
        "model": {"name": lm.card.name, "revision": lm.card.revision},
        "prompt": str(prompt),
        "position": state.position,
        "site": state.site,
        "argmax": {
            "id": state.argmax,
            "text": state.text(state.argmax),
            "probability": float(state.probs[state.argmax]),
        },
        "pushes": [push.report() for push in found.pushes],
        "is_complete": found.is_complete,
        "is_certified": state.readout.softcap is None,
    }
    print(json.dumps(report, allow_nan=False) if options.json else readable(report))


def _require_one_question(options: argparse.Namespace) -> None:
    from stability.errors import StabilityError

    if options.target is not None and options.n is not None:
        raise StabilityError(
            f"A number of rivals is for a list, without a target; received --n {options.n} with "
            f"--target {options.target[0]!r:.80}: leave one of them out."
        )
    if options.target is None and options.site != "prelogit":
        raise StabilityError(
            f"A list of rivals is for --site prelogit; received --site {options.site!r:.40} without a "
            "target: give one with --target, or leave --site out."
        )


def readable(report: dict[str, Any]) -> str:
    """The report of `push` as a table."""
    top = report["argmax"]
    lines = [
        f"model      {report['model']['name']} ({report['model']['revision']})",
        f"next       probability {digits(top['probability'])} of {spelled(top['text'])}",
        f"vector     site {report['site']}, position {report['position']}",
        "",
        "".join(f"{column:>10}" for column in COLUMNS) + "  token",
        *(_row(push) for push in report["pushes"]),
        "",
        *_notes(report),
    ]
    return "\n".join(map(fitted, lines))


def _row(push: dict[str, Any]) -> str:
    times = push["times_cheaper"]
    cells = [
        *(_number(push[name]) for name in ("nats", "bound", "predicted")),
        _number(push["plain"]["nats"]),
        "-" if times is None else f"{digits(times)}×",
        _number(push["distance"]),
    ]
    return "".join(f"{cell:>10}" for cell in cells) + f"  {spelled(push['text'])}"


def _notes(report: dict[str, Any]) -> Iterator[str]:
    yield "KL(before ‖ after) in nats where the token takes over, along the cheapest push"
    yield "and along the plain difference. No push costs less than the bound, if it moves"
    yield "the last vector up to ten times as far. Predicted is the closed form, far too"
    yield "low for rare tokens. Distances are in coordinates."
    if not report["is_certified"]:
        yield "With soft-capping the bound is that of any prediction, and may be far below."
    elif report["site"] != "prelogit":
        yield "Below the readout this is what a search found: the least lies above the bound."
    for push in report["pushes"]:
        token = spelled(push["text"])
        if push["distance"] is None:
            yield f"Along its push {token} is not among the first 256 tokens to take over."
        if push["plain"]["distance"] is None:
            yield f"Along the plain difference {token} does not take over: rays are followed for"
            yield "256 changes of the argmax, and below the readout for five norms of the vector."
    if not report["is_complete"] and report["pushes"][-1]["nats"] is not None:
        yield "Tokens not tried, or not solved for, may be cheaper than the last of these."


def _number(value: float | None) -> str:
    return "-" if value is None else digits(value)
