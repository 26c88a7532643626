"""A steering vector before it is used or shared: does it fit the model, and is it applied once?"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from stability.models.language_model import LanguageModel
from stability.prediction.conversation import PromptLike
from stability.steering.applied import applied_change, zero_divergence
from stability.steering.budget import Budget
from stability.steering.dose import Dose, dose
from stability.steering.intervention import Positions, resolve_positions
from stability.steering.steered_pass import SteeredPass
from stability.steering.steered_text import SteeredText
from stability.steering.vector_card import Finding, card_lines, spelled_positions
from stability.steering.vectors import VectorLike
from stability.text import digits
from stability.vector_files.vector_file import PROJECT
from stability.vector_files.write import write_vectors

PROMPTS = (
    "The capital of France is Paris, and the river that runs through it is the",
    "I went to the market this morning because I wanted to buy some",
    "In my opinion, the most important thing about a good friend is that",
)
EPSILONS = (0.01, 0.1, 1.0)
STATISTICS = ("last", "mean", "p95")
SAME = 1e-6  # nats, at a coefficient of zero
EXACT = 1e-5  # of the change: what float32 leaves where the state is not much longer


@dataclass(frozen=True, eq=False)
class VectorCheck:
    """What was found of a steering vector, with its doses.

    Attributes:
        dose: of the vector on the prompts.
        findings: in order.
        budgets: the doses of statistics over tokens.
    """

    dose: Dose
    findings: tuple[Finding, ...]
    budgets: tuple[Budget, ...]

    @property
    def holds(self) -> bool:
        """Whether everything is as it must be."""
        return all(finding.holds is not False for finding in self.findings)

    def report(self) -> dict[str, Any]:
        """Return everything as plain data, ready for JSON."""
        return {
            "holds": self.holds,
            "findings": [vars(finding) for finding in self.findings],
            "warnings": list(self.dose.warnings),
            "budgets": [
                {name: getattr(budget, name) for name in _COLUMNS} for budget in self.budgets
            ],
        }

    def card(self) -> str:
        """Return a card in Markdown, to paste into a model card."""
        return "\n".join(card_lines(self.dose, self.findings, self.budgets))

    def metadata(self) -> dict[str, str | float]:
        """Return the doses that are reached as keys of a GGUF file, `stability.*`."""
        model = self.dose.model
        keys: dict[str, str | float] = {
            "stability.model": model.name,
            "stability.model_revision": model.revision,
            "stability.site": self.dose.vector.site,
            "stability.positions": spelled_positions(self.dose.positions),
        }
        for budget in self.budgets:
            for name in ("predicted", "minus", "plus"):
                value = getattr(budget, name)
                if value is not None:
                    keys[f"stability.dose.{budget.statistic}.{budget.epsilon:g}.{name}"] = value
        return keys

    def write(self, path: str | Path) -> None:
        """Write the vector as a GGUF control vector with its doses in the metadata.

        Args:
            path: ends in `.gguf`.

        Raises:
            StabilityError: the vector cannot be written so.
        """
        write_vectors(self.dose.vector, Path(path).with_suffix(".gguf"), self.metadata())


_COLUMNS = ("epsilon", "statistic", "predicted", "minus", "plus")


def check_vector(
    lm: LanguageModel,
    vector: VectorLike,
    prompts: PromptLike | Sequence[PromptLike] = PROMPTS,
    site: str | None = None,
    positions: Positions = "all",
    mode: str | None = None,
    epsilons: Sequence[float] = EPSILONS,
) -> VectorCheck:
    """Examine a steering vector on a model: its file, its lengths, that it is applied once, its doses.

    A card to paste into a model card::

        print(stability.check_vector(lm, "happy.gguf", site="block:12").card())

    Args:
        lm: a loaded model.
        vector: as for `stability.dose`.
        prompts: texts that it is tried on.
        site: where it is applied.
        positions: `all`, `last`, or indices of each prompt.
        mode: `add` or `project`.
        epsilons: nats.

    Returns:
        What was found, whether it holds, and the doses.

    Raises:
        StabilityError: as for `stability.dose`.
    """
    found = dose(lm, vector, prompts, site, positions, mode)
    budgets = found.budgets(epsilons, *STATISTICS)
    return VectorCheck(found, tuple(_findings(lm, found)), budgets)


def _findings(lm: LanguageModel, found: Dose) -> Iterator[Finding]:
    vector, text = found.vector, found.texts[0]
    yield Finding("file", f"{vector.file}, {vector.format}")
    yield Finding("model", f"{found.model.name} ({found.model.revision})")
    for site, values in vector.vectors.items():
        measured = vector.extracted.get(site)
        where = f", measured at {measured}" if measured else ""
        length = digits(float(np.linalg.norm(values)))
        yield Finding(site, f"width {len(values)}, length {length}{where}")
    how = "projected out" if vector.mode == PROJECT else "added"
    yield Finding("applied", f"{how} at positions {spelled_positions(found.positions)}")
    reach = max(each.reach for each in found.texts)
    yield Finding("as long as the states", f"at a coefficient of {digits(reach)}")
    if vector.coefficient is not None:
        yield Finding("the file's own coefficient", digits(vector.coefficient))
    still = zero_divergence(lm, text)
    yield Finding("at coefficient 0", f"{still:.1e} nats from the base model", still <= SAME)
    error = _applied_error(lm, found, text)
    if error is not None:
        yield Finding("the change of the state", f"c·v to {error:.0e}, once", error <= EXACT)


def _applied_error(lm: LanguageModel, found: Dose, text: SteeredText) -> float | None:
    """How far the change of the recorded state is from `c·v`, where it is added after one block."""
    vector, steered = found.vector, text.steered
    if vector.mode == PROJECT or len(vector.vectors) > 1 or not isinstance(steered, SteeredPass):
        return None
    [expected] = (text.reach * values for values in vector.vectors.values())
    positions = resolve_positions(found.positions, len(text.states)) or (len(text.states) - 1,)
    change = applied_change(lm, steered, text.reach, positions[-1])
    return float(np.linalg.norm(change - expected) / np.linalg.norm(expected))
