"""`dictionary`: all rows of a dictionary as directions at once, ranked, as JSON or as a table."""

import argparse
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from textwrap import wrap
from typing import Any

from stability.cli.chat import add_chat, prompt_of, utf8
from stability.cli.command import add_command
from stability.cli.commands import load_model
from stability.cli.console import REPORT_WIDTH, fitted
from stability.errors import writing
from stability.text import digits, in_nats, printable, spelled

TOP, SIDES = 10, ("minus", "plus")
LONGEST = 9  # characters of a token in the table


def add_dictionary(commands: Any) -> argparse.ArgumentParser:
    """Add the command `dictionary`."""
    command = add_command(
        commands,
        "dictionary",
        "all rows of a dictionary as directions at once, ranked",
        "stability dictionary SAE_FOLDER --prompt 'The capital of France is' --search Paris",
        "The stable radius along every row of a sparse autoencoder's decoder, of a matrix, or of W_U "
        "through a Jacobian lens, the shortest first; boundaries, and tokens that are pushed, of the "
        "rows that are listed.",
    )
    command.add_argument(
        "path",
        metavar="PATH",
        type=utf8,
        help="a folder of SAELens or Llama Scope; .npy, .npz, .safetensors or .pt",
    )
    command.add_argument("--prompt", metavar="TEXT", type=utf8, required=True, help="what is read")
    add_chat(command)
    command.add_argument(
        "--position", type=int, default=-1, help="token index; by default %(default)s, the last"
    )
    command.add_argument(
        "--site",
        type=utf8,
        help="where the rows are measured: prelogit, final or block:L; by default where the file says",
    )
    command.add_argument("--epsilon", type=float, default=0.01, help="nats; by default %(default)s")
    command.add_argument(
        "--search", metavar="TEXT", type=utf8, help="an index, or part of a token that is pushed"
    )
    command.add_argument(
        "--top", type=int, default=TOP, metavar="N", help="rows to list; by default %(default)s"
    )
    command.add_argument("--csv", type=Path, metavar="FILE", help="write all rows as a table")
    command.set_defaults(run=run_dictionary)
    return command


def run_dictionary(options: argparse.Namespace) -> None:
    """`dictionary`: closed form and brackets of all rows, the truth of those that are listed."""
    from stability.cli.progress import import_torch, progress

    import_torch()
    from stability.arguments import whole
    from stability.dictionaries.measure import dictionary
    from stability.dictionaries.report import report, write_csv
    from stability.prediction.distribution import require_nats
    from stability.vector_files.row_readers import open_rows

    require_nats(options.epsilon)
    whole(options.top, "The number of rows to list")
    if options.csv is not None:
        # before minutes of work, and not after
        with writing("A table needs a file", options.csv):
            options.csv.touch()
    source, prompt = open_rows(options.path), prompt_of(options)
    site = options.site or source.only_site
    state = load_model(options.model, options.dtype).capture(prompt, options.position, site)
    with progress("Measuring rows, in %") as said:
        found = dictionary(state, source, lambda fraction: said(round(100 * fraction), 100))
    among = None if options.search is None else found.search(options.search)
    with progress("Following rows, in %") as said:
        rows = found.with_truth(
            found.ranked(options.epsilon, options.top, among),
            lambda fraction: said(round(100 * fraction), 100),
        )
    for sentence in found.warnings:
        print(f"stability: {printable(sentence)}", file=sys.stderr)
    if options.csv is not None:
        write_csv(found, [options.epsilon], options.csv)
    listed = report(found, rows) | {"matching": len(found if among is None else among)}
    print(
        json.dumps(listed, allow_nan=False) if options.json else readable(listed, options.epsilon)
    )


def readable(listed: dict[str, Any], epsilon: float) -> str:
    """The report of `dictionary` as a table."""
    from stability.vector_files.layer_names import extracted_at

    model, about = listed["model"], listed["dictionary"]
    lines = [
        f"model       {model['name']} ({model['revision']})",
        f"dictionary  {about['file']}, {about['format']}",
        f"rows        {about['rows']:,}; {extracted_at(about['extracted'])}, measured at "
        f"{about['measured']}",
        f"after       position {listed['position']}, {spelled(listed['token']['text'])}",
        "",
        *_rows(listed),
        "",
        *wrap(
            f"Radius: closed form at {in_nats(f'{epsilon:g}')}; minus and plus: the true boundaries; "
            "in the vector's own coordinates. First: what takes over on either side. Pushed: what "
            f"gains most probability on + (on −). {about['certainty']}",
            REPORT_WIDTH,
        ),
    ]
    return "\n".join(map(fitted, lines))


def _rows(listed: dict[str, Any]) -> Iterator[str]:
    if not listed["rows"]:
        yield "No row pushes such a token: try a part of it, or an index."
        return
    yield f"{'row':>7}{'radius':>9}{'minus':>9}{'plus':>9}  {'first -, +':<20}pushed"
    for row in listed["rows"]:
        met, flips = (row[name] or dict.fromkeys(SIDES) for name in ("boundary", "flips"))
        numbers = "".join(
            f"{'-' if x is None else digits(x):>9}" for x in (row["radius"], *met.values())
        )
        first = ", ".join(_token(flips[side]) for side in SIDES)
        minus, plus = (" ".join(map(_token, row["pushed"][side][:2])) for side in SIDES)
        yield f"{spelled(row['name'], 7):>7}{numbers}  {first:<20}{plus} ({minus})"
    if listed["matching"] > len(listed["rows"]):
        yield f"{listed['matching'] - len(listed['rows']):,} more: --top, or --csv for all"


def _token(part: dict[str, Any] | None) -> str:
    return "-" if part is None else spelled(part["text"], LONGEST)
