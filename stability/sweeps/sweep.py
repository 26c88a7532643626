"""Many prompts measured into a folder, from which a sweep that was killed goes on.

`sweep.json` says what is measured; `rows/` holds a Parquet file for each prompt that is done, and
`failed/` the reason for each that could not be. A file appears whole or not at all, under the name of
its prompt's place, so that no row is lost or repeated.
"""

import json
import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
from filelock import FileLock, Timeout

from stability import __version__
from stability.errors import StabilityError, writing
from stability.prediction.source import Model
from stability.prediction.state import ModelCard
from stability.sweeps.measurement import Pause, measure
from stability.sweeps.plan import Plan
from stability.sweeps.prompts import Prompt

Outcome = tuple[Prompt, pa.Table | str]  # the rows of a prompt, or why there are none
Progress = Callable[[int, int], None]  # prompts done, and all


@dataclass(frozen=True)
class Attempt:
    """Measures a prompt by a plan; a prompt that cannot be measured becomes its reason."""

    plan: Plan
    pause: Pause = None

    def __call__(self, lm: Model, prompt: Prompt) -> Outcome:
        """The prompt, and its rows or the reason."""
        try:
            return prompt, measure(lm, self.plan, prompt, self.pause)
        except StabilityError as error:
            return prompt, str(error)


Attempts = Callable[[Attempt, Sequence[Prompt]], Iterable[Outcome]]


@dataclass(frozen=True)
class Sweep:
    """The folder of a sweep."""

    folder: Path

    @property
    def rows(self) -> Path:
        """Where the rows of each prompt are."""
        return self.folder / "rows"

    @property
    def failed(self) -> Path:
        """Where the reasons are of prompts that could not be measured."""
        return self.folder / "failed"

    def run(
        self,
        plan: Plan,
        prompts: Sequence[Prompt],
        model: ModelCard,
        attempts: Attempts,
        progress: Progress = lambda done, of: None,
    ) -> None:
        """Measure all prompts that are not done yet.

        `attempts` makes the outcome of each prompt, here or on other machines, in any order. Raises
        StabilityError where the folder holds another sweep, or another process writes to it.
        """
        self._make()
        try:
            with FileLock(self.folder / ".lock", timeout=0):
                self._claim(_settings(plan, prompts, model))
                left = [prompt for prompt in prompts if not self._is_done(prompt)]
                done = len(prompts) - len(left)
                progress(done, len(prompts))
                for prompt, outcome in attempts(Attempt(plan), left) if left else ():
                    self._keep(prompt, outcome)
                    done += 1
                    progress(done, len(prompts))
        except Timeout:
            raise StabilityError(
                f"One process writes to a sweep; another is writing to {str(self.folder)!r}: wait for "
                "it, or choose another folder."
            ) from None

    def table(self) -> pa.Table:
        """All rows measured so far, in the order of the prompts."""
        files = sorted(self.rows.glob("*.parquet"))
        if not files:
            raise StabilityError(
                f"A sweep must hold rows; {str(self.folder)!r} has none: run it first."
            )
        return ds.dataset(files, format="parquet").to_table()

    def count(self) -> int:
        """How many rows there are."""
        return sum(pq.read_metadata(path).num_rows for path in self.rows.glob("*.parquet"))

    def failures(self) -> list[dict[str, Any]]:
        """The prompts that could not be measured, with the reason of each."""
        return [json.loads(path.read_text("utf-8")) for path in sorted(self.failed.glob("*.json"))]

    def _make(self) -> None:
        with writing("A sweep needs a folder", self.folder):
            for part in (self.rows, self.failed):
                part.mkdir(parents=True, exist_ok=True)
            (self.folder / ".lock").touch()

    def _claim(self, settings: dict[str, Any]) -> None:
        """Make the folder this sweep's, unless it is another's."""
        path = self.folder / "sweep.json"
        if not path.exists():
            _write(path, lambda part: part.write_text(json.dumps(settings, indent=1), "utf-8"))
            return
        try:
            held = json.loads(path.read_text("utf-8"))
            if not isinstance(held, dict):
                raise ValueError("it holds no settings")
        except ValueError as error:
            raise StabilityError(
                f"A sweep is known by its sweep.json; {str(path)!r} is damaged ({error}): choose "
                "another folder."
            ) from error
        for name, value in settings.items():
            if held.get(name) != value:
                raise StabilityError(
                    f"A folder holds one sweep; the {name} of the one in {str(self.folder)!r} is "
                    f"{held.get(name)!r:.200}, this one's {value!r:.200}: choose another "
                    "folder, or the same settings to go on."
                )

    def _is_done(self, prompt: Prompt) -> bool:
        name = _name(prompt)
        return (self.rows / f"{name}.parquet").exists() or (self.failed / f"{name}.json").exists()

    def _keep(self, prompt: Prompt, outcome: pa.Table | str) -> None:
        if isinstance(outcome, str):
            text = json.dumps({**asdict(prompt), "reason": outcome})
            path = self.failed / f"{_name(prompt)}.json"
            _write(path, lambda part: part.write_text(text, "utf-8"))
        else:
            path = self.rows / f"{_name(prompt)}.parquet"
            _write(path, lambda part: pq.write_table(outcome, part, compression="zstd"))


def _name(prompt: Prompt) -> str:
    return f"{prompt.index:07d}"


def _write(path: Path, write: Callable[[Path], Any]) -> None:
    """A file that appears whole."""
    part = path.with_name(f"{path.name}.part")
    write(part)
    os.replace(part, path)


def _settings(plan: Plan, prompts: Sequence[Prompt], model: ModelCard) -> dict[str, Any]:
    """What must be the same for a sweep to go on, as JSON holds it."""
    texts = json.dumps([[prompt.id, prompt.kind, prompt.text] for prompt in prompts])
    settings = {
        "version": __version__,
        "model": asdict(model),
        **asdict(plan),
        "prompts": {"number": len(prompts), "sha256": sha256(texts.encode()).hexdigest()},
    }
    held: dict[str, Any] = json.loads(json.dumps(settings))
    return held
