"""`check-vector`: a steering vector before it is used or shared, as JSON or as a card in Markdown."""

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stability.cli.chat import utf8
from stability.cli.check import DOES_NOT_HOLD
from stability.cli.command import add_command
from stability.cli.commands import load_model
from stability.cli.console import encodable
from stability.cli.dose import add_vector_options
from stability.text import printable

if TYPE_CHECKING:
    from stability.vector_files.vector_file import VectorFile


def add_check_vector(commands: Any) -> argparse.ArgumentParser:
    """Add the command `check-vector`."""
    check = add_command(
        commands,
        "check-vector",
        "a steering vector before it is used or shared: a card in Markdown",
        "stability check-vector vector.gguf",
        "Read a file of vectors, compare its width, layers and length with a model, apply "
        "it, and print what was found with its doses. The exit status is 1 if something does not hold.",
    )
    check.add_argument("file", metavar="FILE", type=utf8, help="of vectors: PATH or PATH#NAME")
    check.add_argument("--prompt", metavar="TEXT", type=utf8, help="one, instead of the built-in")
    check.add_argument(
        "--write",
        metavar="OUT.gguf",
        type=Path,
        help="what was checked, with the doses in its metadata: those vectors of FILE that are applied "
        "together, so with --site all every one that has a site",
    )
    add_vector_options(check)
    check.set_defaults(run=run_check_vector)
    return check


def run_check_vector(options: argparse.Namespace) -> None:
    """`check-vector`: what was found of a file and its doses, as a card."""
    from stability.prediction.distribution import require_nats
    from stability.steering.checks.vector_check import PROMPTS, check_vector, require_copy
    from stability.steering.vectors.given import steering_vector
    from stability.vector_files.registry import read_vectors, split_name

    require_nats(*options.epsilon)
    path, name = split_name(options.file)
    if options.write is not None:
        # before all that takes long
        require_copy(options.write, path)
    lm, file = load_model(options.model, options.dtype), read_vectors(path)
    vector = steering_vector(lm, file, options.site, options.mode, name)
    check = check_vector(
        lm,
        vector,
        PROMPTS if options.prompt is None else [options.prompt],
        positions=options.positions,
        epsilons=options.epsilon,
    )
    if options.write is not None:
        check.write(options.write)
        kept = 1 if name is not None or len(file.entries) == 1 else len(vector.vectors)
        _say_what_is_left_out(file, options.write, kept, lm.card.n_layers)
    print(json.dumps(check.report(), allow_nan=False) if options.json else encodable(check.card()))
    if not check.holds:
        raise SystemExit(DOES_NOT_HOLD)


def _is_written_whole(file: "VectorFile", n_layers: int) -> bool:
    """Whether `--site all` writes every vector: each has a block of its own, from the second on."""
    from stability.vector_files.layer_names import with_layers

    sites = [entry.applied for entry in with_layers(file, n_layers).entries]
    blocks = {f"block:{layer}" for layer in range(1, n_layers)}
    return len(file.entries) == len(sites) == len(set(sites)) and blocks.issuperset(sites)


def _say_what_is_left_out(file: "VectorFile", copy: Path, kept: int, n_layers: int) -> None:
    """Say on standard error that a copy holds fewer vectors than its file, and how it holds all.

    With others beside them, the doses in it would be wrong: tools apply all with one coefficient.
    """
    if kept < len(file.entries):
        sentence = (
            f"{str(copy)!r} holds {kept:,} of the {len(file.entries):,} vectors of {file.file!r}, as "
            "its doses are those of what is applied together"
        )
        whole = f": check {file.file!r} with --site all to write all."
        sentence += whole if _is_written_whole(file, n_layers) else "."
        print(f"stability: {printable(sentence)}", file=sys.stderr)
