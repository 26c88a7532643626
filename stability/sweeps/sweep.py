"""The folder of a sweep, from which a sweep that was killed goes on.

`sweep.json` describes what is measured; `rows/` holds a Parquet file for each prompt that is done, and
`failed/` the reason for each that could not be measured. A file is named after its prompt's index and
appears whole or not at all, so that no row is lost or repeated.
"""

import json
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from filelock import AcquireReturnProxy, FileLock, Timeout

from stability import __version__
from stability.errors import StabilityError, writing
from stability.prediction.provenance import ModelCard
from stability.sweeps.dose_plan import DosePlan
from stability.sweeps.measurement import SCHEMA, Outcome
from stability.sweeps.plan import Plan
from stability.sweeps.prompts import Prompt


@dataclass(frozen=True)
class Sweep:
    """The folder of a sweep.

    With the folder claimed, measure the prompts that are left and keep each outcome:

        with sweep.claimed(plan, prompts, lm.card):
            for prompt, outcome in outcomes(lm, plan, sweep.left(prompts)):
                sweep.keep(prompt, outcome)
    """

    folder: Path

    @property
    def rows(self) -> Path:
        """The folder of the rows of each prompt."""
        return self.folder / "rows"

    @property
    def failed(self) -> Path:
        """The folder of the reasons for prompts that could not be measured."""
        return self.folder / "failed"

    @contextmanager
    def claimed(
        self,
        plan: Plan | DosePlan,
        prompts: Sequence[Prompt],
        model: ModelCard,
        schema: pa.Schema = SCHEMA,
    ) -> Iterator[None]:
        """Make the folder, or go on with it, and keep other processes from writing to it.

        Raises StabilityError where the folder holds another sweep, or another process writes to it.
        """
        with self._locked():
            self._describe(_description(plan, prompts, model, schema))
            yield

    def left(self, prompts: Sequence[Prompt]) -> list[Prompt]:
        """The prompts without an outcome; raises StabilityError for an outcome that is damaged."""
        return [prompt for prompt in prompts if not self._is_done(prompt)]

    def keep(self, prompt: Prompt, outcome: Outcome) -> None:
        """Write the rows of a prompt, or the reason why there are none; outcomes come in any order."""
        if isinstance(outcome, str):
            text = json.dumps({**asdict(prompt), "reason": outcome})
            _write(self._failure_file(prompt), lambda part: part.write_text(text, "utf-8"))
        else:
            _write(
                self._row_file(prompt),
                lambda part: pq.write_table(outcome, part, compression="zstd"),
            )

    def table(self) -> pa.Table:
        """All rows measured so far, in the order of the prompts."""
        files = sorted(self.rows.glob("*.parquet"))
        if not files:
            raise StabilityError(
                f"A sweep must hold rows; {str(self.folder)!r} has none: run it first."
            )
        return pa.concat_tables(_read(path, _read_rows) for path in files)

    def count(self) -> int:
        """The number of rows measured so far."""
        return sum(_read(path, pq.read_metadata).num_rows for path in self.rows.glob("*.parquet"))

    def failures(self) -> list[dict[str, Any]]:
        """The prompts that could not be measured, each with its reason."""
        return [_read(path, _read_json) for path in sorted(self.failed.glob("*.json"))]

    def _locked(self) -> AcquireReturnProxy:
        """Make the folder and lock it, until the context that is returned ends."""
        with writing("A sweep needs a folder", self.folder):
            for part in (self.rows, self.failed):
                part.mkdir(parents=True, exist_ok=True)
            (self.folder / ".lock").touch()
            try:
                return FileLock(self.folder / ".lock").acquire(timeout=0)
            except Timeout:
                raise StabilityError(
                    f"One process writes to a sweep; another is writing to {str(self.folder)!r}: wait "
                    "for it, or choose another folder."
                ) from None

    def _describe(self, description: dict[str, Any]) -> None:
        """Write the description of a new sweep; refuse to go on with a sweep of another one."""
        path = self.folder / "sweep.json"
        if not path.exists():
            _write(path, lambda part: part.write_text(json.dumps(description, indent=1), "utf-8"))
            return
        try:
            existing = _read_json(path)
            if not isinstance(existing, dict):
                raise ValueError("it holds no settings")
        except (OSError, ValueError, RecursionError) as error:
            raise StabilityError(
                f"A sweep is known by its sweep.json; {str(path)!r} is damaged ({error}): choose "
                "another folder."
            ) from error
        for name, value in description.items():
            if existing.get(name) != value:
                raise StabilityError(
                    f"A folder holds one sweep; the {name} of the one in {str(self.folder)!r} is "
                    f"{existing.get(name)!r:.200}, this one's {value!r:.200}: choose another "
                    "folder, or the same settings to go on."
                )

    def _is_done(self, prompt: Prompt) -> bool:
        readers = {self._row_file(prompt): pq.read_metadata, self._failure_file(prompt): _read_json}
        existing = [path for path in readers if path.exists()]
        for path in existing:
            _read(path, readers[path])
        return bool(existing)

    def _row_file(self, prompt: Prompt) -> Path:
        return self.rows / f"{prompt.index:07d}.parquet"

    def _failure_file(self, prompt: Prompt) -> Path:
        return self.failed / f"{prompt.index:07d}.json"


def _write(path: Path, write: Callable[[Path], Any]) -> None:
    """Write a file that appears whole or not at all."""
    part = path.with_name(f"{path.name}.part")
    with writing("A sweep needs a folder", path.parent):
        write(part)
        os.replace(part, path)


def _read(path: Path, read: Callable[[Path], Any]) -> Any:
    """Read a file of outcomes; raises StabilityError if it is damaged."""
    try:
        return read(path)
    except (OSError, ValueError, RecursionError, pa.ArrowException) as error:
        raise StabilityError(
            f"The files of a sweep must be whole; {str(path)!r} is damaged ({error}): remove it, and "
            "run the same command again to measure its prompt anew."
        ) from error


def _read_rows(path: Path) -> pa.Table:
    # by default, `key=value` in the path to the folder would make a column
    return pq.read_table(path, partitioning=None)


def _read_json(path: Path) -> Any:
    return json.loads(path.read_text("utf-8"))


def _description(
    plan: Plan | DosePlan, prompts: Sequence[Prompt], model: ModelCard, schema: pa.Schema
) -> dict[str, Any]:
    """All that must be the same for a sweep to go on, as JSON holds it."""
    # a conversation is written as its fields
    texts = json.dumps(
        [[prompt.id, prompt.kind, prompt.text] for prompt in prompts], default=asdict
    )
    description = {
        "version": __version__,
        "model": asdict(model),
        **asdict(plan),
        "prompts": {"number": len(prompts), "sha256": sha256(texts.encode()).hexdigest()},
        "columns": schema.names,
    }
    as_json: dict[str, Any] = json.loads(json.dumps(description))
    return as_json
