"""The measurements that the results rest on: which sweeps, and where the rows of each model are."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from stability.errors import StabilityError
from stability.prediction.state import ModelCard
from stability.sweeps.measurement import SCHEMA
from stability.sweeps.plan import Plan
from stability.sweeps.prompts import Prompt

HERE = Path(__file__).parent
PROMPTS, RESULTS = HERE / "prompts" / "prompts.jsonl", HERE / "results"


@dataclass(frozen=True)
class Setting:
    """One of the sweeps that the findings rest on: its name, its plan, and which prompts it takes."""

    name: str
    plan: Plan
    every: int = 1

    def prompts(self, all_prompts: Sequence[Prompt]) -> Sequence[Prompt]:
        """The prompts it takes."""
        return all_prompts[:: self.every]


def settings(model: ModelCard) -> tuple[Setting, ...]:
    """At the readout, two positions of every prompt; below, one position of every twelfth."""
    below = Plan(
        sites=("final", f"block:{model.n_layers // 2}", "block:0"),
        directions=("eig:0", "random:1", "covariance:1"),
        positions=1,
    )
    return Setting("readout", Plan()), Setting("depth", below, every=12)


def together(tables: Sequence[pa.Table]) -> pa.Table:
    """All rows of a model in single precision, small enough to ship."""
    return pa.concat_tables(tables).cast(_small())


def _small() -> pa.Schema:
    return pa.schema([(f.name, pa.float32() if f.type == pa.float64() else f.type) for f in SCHEMA])


def has_results(model: str, folder: Path = RESULTS) -> bool:
    """Whether a folder holds results of a model, readable or damaged."""
    return (folder / f"{model}.parquet").exists()


def shipped(model: str, folder: Path = RESULTS) -> pa.Table:
    """The results that come with the repository, or those of an own `reproduce --measure`."""
    path = folder / f"{model}.parquet"
    if not has_results(model, folder):
        raise StabilityError(
            f"Results of {model!r} must be measured first; there are none at {str(path)!r}: run "
            "`python -m stability reproduce` in a clone of the repository."
        )
    try:
        table = pq.read_table(path, schema=_small())
        if table["actual"].null_count == len(table):  # also where a file lacks the column
            raise pa.ArrowInvalid("it holds no boundary")
    except (OSError, pa.ArrowException) as error:
        raise StabilityError(
            f"Results must be a Parquet file of a sweep; {str(path)!r} is damaged ({error}): take it "
            "from the repository again."
        ) from error
    return table
