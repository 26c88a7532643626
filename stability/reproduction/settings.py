"""The sweeps that the results rest on, and the rows of each model that come with the package."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from stability.errors import StabilityError, writing
from stability.prediction.provenance import ModelCard
from stability.sweeps.dose_plan import DosePlan
from stability.sweeps.doses import DOSES as DOSES_SCHEMA
from stability.sweeps.measurement import SCHEMA
from stability.sweeps.plan import Plan
from stability.sweeps.prompts import Prompt
from stability.sweeps.provenance import NUMBER

HERE = Path(__file__).parent
PROMPTS, RESULTS = HERE / "prompts" / "prompts.jsonl", HERE / "results"
PAIRS = HERE / "prompts" / "pairs.jsonl"
EVERY_DOSE = 24  # of the prompts: one of each kind


def _single(schema: pa.Schema) -> pa.Schema:
    """The same columns with numbers in single precision, small enough to ship."""
    return pa.schema(
        [(field.name, pa.float32() if field.type == NUMBER else field.type) for field in schema]
    )


@dataclass(frozen=True)
class Kind:
    """A kind of results: its columns, and how its files' names end."""

    schema: pa.Schema
    ending: str = ""

    def file(self, model: str, folder: Path) -> Path:
        """Where a folder keeps the results of a model."""
        return folder / f"{model}{self.ending}.parquet"


RADII, DOSES = Kind(_single(SCHEMA)), Kind(_single(DOSES_SCHEMA), "-doses")
RESULTS_SCHEMA = RADII.schema


@dataclass(frozen=True)
class Setting:
    """One of the sweeps that the claims rest on: its name, its plan, and which prompts it takes."""

    name: str
    plan: Plan
    every: int = 1

    def prompts(self, all_prompts: Sequence[Prompt]) -> Sequence[Prompt]:
        """The prompts of this sweep: one in `every`, from the first."""
        return all_prompts[:: self.every]


def sweep_settings(model: ModelCard) -> tuple[Setting, ...]:
    """At the readout, two positions of every prompt; below, one position of every twelfth."""
    below = Plan(
        sites=("final", f"block:{model.n_layers // 2}", "block:0"),
        directions=("eig:0", "random:1", "covariance:1"),
        positions=1,
    )
    return Setting("readout", Plan()), Setting("depth", below, every=12)


def dose_plan(model: ModelCard) -> DosePlan:
    """Two vectors after an early block, the middle and a late one, at all positions and the last."""
    n = model.n_layers
    rows = [json.loads(line) for line in PAIRS.read_text("utf-8").splitlines()]
    return DosePlan(
        sites=tuple(f"block:{block}" for block in (n // 6, n // 2, 5 * n // 6)),
        pairs=tuple((row["positive"], row["negative"]) for row in rows),
    )


def write_results(tables: Sequence[pa.Table], path: Path, kind: Kind = RADII) -> None:
    """Write all rows of a model into one file, in single precision."""
    table = pa.concat_tables(tables).cast(kind.schema)
    with writing("Results need a file", path):
        pq.write_table(table, path, compression="zstd", compression_level=19)


def has_results(model: str, folder: Path = RESULTS, kind: Kind = RADII) -> bool:
    """Whether a folder holds results of a model, readable or damaged."""
    return kind.file(model, folder).exists()


def shipped(model: str, folder: Path = RESULTS, kind: Kind = RADII) -> pa.Table:
    """The rows of a model that come with the package, or that `reproduce --measure` left in a folder.

    Raises StabilityError where there are none, and for a file that is damaged or lacks a column: a
    column of nulls in its place would leave claims without cases.
    """
    path = kind.file(model, folder)
    if not has_results(model, folder, kind):
        raise StabilityError(
            f"Results of {model!r} must be measured first; there are none at {str(path)!r}: run "
            "`python -m stability reproduce --measure DIR`."
        )
    try:
        table = pq.read_table(path, partitioning=None)
    except (OSError, pa.ArrowException) as error:
        raise StabilityError(
            f"Results must be a Parquet file of a sweep; {str(path)!r} is damaged ({error}): take it "
            "from the repository again."
        ) from error
    if table.schema != kind.schema:
        expected, received = set(kind.schema), set(table.schema)
        differ = sorted({field.name for field in expected ^ received}) or ["their order"]
        raise StabilityError(
            f"Results must have the columns of a sweep of this version; those in {str(path)!r} differ "
            f"in {', '.join(differ):.200}: measure them again into another folder."
        )
    if table["actual"].null_count == len(table):
        raise StabilityError(
            f"Results must hold boundaries; {str(path)!r} is damaged (it holds none): take it from the "
            "repository again."
        )
    return table.replace_schema_metadata()
