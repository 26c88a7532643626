"""The report of `dose` as a table of 80 columns."""

from collections.abc import Iterator
from typing import Any

from stability.cli.console import fitted
from stability.text import counted

MOST_TOKENS = 12  # of a prompt
MOST_PRICES = 3  # on either side


def readable(report: dict[str, Any]) -> str:
    """The report of `dose` as a table."""
    vector = report["vector"]
    lines = [
        f"model      {report['model']['name']} ({report['model']['revision']})",
        f"vector     {vector['file']}, {vector['format']}",
        f"applied    {vector['mode']} at {vector['site']}, positions {report['positions']}; length "
        f"{vector['norm']:.3g}",
        "",
        *_budgets(report),
    ]
    for prompt in report["prompts"]:
        lines += ["", f"{prompt['prompt']!r}", *_tokens(prompt["tokens"])]
        lines += ["", *_prices(prompt["prices"])]
    if "layers" in report:
        lines += ["", *_layer_lines(report["layers"])]
    lines += [
        "",
        "Coefficients multiply the vector as it is in the file: predicted (minus, plus).",
        "Epsilon is in nats of KL(original ‖ changed) of the next token: a bound on damage,",
        "not a measure of a text's quality.",
    ]
    return "\n".join(map(fitted, lines))


def _budgets(report: dict[str, Any]) -> Iterator[str]:
    yield "".join(f"{name:>11}" for name in ("epsilon", "tokens", "predicted", "minus", "plus"))
    for row in report["budgets"]:
        numbers = (_number(row[name]) for name in ("predicted", "minus", "plus"))
        cells = (f"{row['epsilon']:g}", row["statistic"], *numbers)
        yield "".join(f"{cell:>11}" for cell in cells)


def _tokens(tokens: list[dict[str, Any]]) -> Iterator[str]:
    epsilons = [dose["epsilon"] for dose in tokens[0]["doses"]]
    yield f"{'token':>16}" + "".join(f"{f'{epsilon:g} nats':>20}" for epsilon in epsilons)
    for token in tokens[-MOST_TOKENS:]:
        cells = (
            f"{_number(dose['predicted'])} ({_number(dose['minus'])}, {_number(dose['plus'])})"
            for dose in token["doses"]
        )
        yield f"{token['text']!r:>16.16}" + "".join(f"{cell:>20}" for cell in cells)
    if len(tokens) > MOST_TOKENS:
        yield f"{counted(len(tokens) - MOST_TOKENS, 'earlier token')} in --json"


def _prices(prices: dict[str, Any]) -> Iterator[str]:
    """The cheapest tokens on either side, and those that truly take over."""
    yield f"{'after the last token, bought first':>38}{'at':>11}{'nats':>11}"
    for side in ("minus", "plus"):
        for price in prices[side][:MOST_PRICES]:
            numbers = f"{_number(price['coefficient']):>11}{_number(price['nats']):>11}"
            yield f"{side:>11}  {price['text']!r:>25.25}{numbers}"
        first = prices["first"][side]
        if first:
            yield f"{'truly':>11}  {first['text']!r:>25.25}{_number(first['coefficient']):>11}"


def _layer_lines(layers: list[dict[str, Any]]) -> Iterator[str]:
    """The predicted doses after each block: the mean over tokens at every `ε`."""
    epsilons = dict.fromkeys(dose["epsilon"] for dose in layers[0]["doses"])
    yield f"{'mean, after':>16}" + "".join(f"{f'{epsilon:g} nats':>20}" for epsilon in epsilons)
    for layer in layers:
        means = (dose for dose in layer["doses"] if dose["statistic"] == "mean")
        cells = "".join(f"{_number(dose['predicted']):>20}" for dose in means)
        yield f"{layer['site']:>16}{cells}"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3g}"
