"""A steering vector before it is used or shared: does it fit the model, and is it applied once?"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from stability.defaults import DOSE_EPSILONS, DOSE_STATISTICS
from stability.errors import StabilityError, writing
from stability.models.language_model import LanguageModel
from stability.prediction.conversation import PromptLike
from stability.steering.checks.findings import described, tried
from stability.steering.checks.vector_card import Finding, card_lines, spelled_positions
from stability.steering.crossings.budget import Budget
from stability.steering.doses.dose import Dose, dose
from stability.steering.passes.intervention import Positions
from stability.steering.vectors.given import VectorLike
from stability.vector_files.registry import split_name
from stability.vector_files.write import write_vectors

PROMPTS = (
    "The capital of France is Paris, and the river that runs through it is the",
    "I went to the market this morning because I wanted to buy some",
    "In my opinion, the most important thing about a good friend is that",
)


@dataclass(frozen=True, eq=False)
class VectorCheck:
    """What was found of a steering vector, with its doses.

    Attributes:
        dose: of the vector on the prompts.
        findings: in order.
        budgets: the doses of statistics over tokens.
        source: the file that the vector was read from; None for one that was not.
    """

    dose: Dose
    findings: tuple[Finding, ...]
    budgets: tuple[Budget, ...]
    source: Path | None = None

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
            "budgets": [budget.report() for budget in self.budgets],
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
            "stability.model_dtype": model.dtype,
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
            path: ends in `.gguf`, and is not the vector's own file; what is there is replaced at once.

        Raises:
            StabilityError: the path is another, or the vector cannot be written so.
        """
        path = require_copy(path, self.source)
        with (
            writing("A copy needs a file", path),
            TemporaryDirectory(prefix=".", dir=path.parent) as folder,
        ):
            whole = Path(folder) / path.name
            write_vectors(self.dose.vector, whole, self.metadata())
            whole.replace(path)


def require_copy(path: str | Path, source: Path | None) -> Path:
    """Return the path of a copy with doses.

    Args:
        path: where it is to be written.
        source: the file that is copied, if it is one.

    Returns:
        The path.

    Raises:
        StabilityError: it does not end in `.gguf`, is the file that is copied, or its folder is not
            there.
    """
    path = Path(path)
    if path.suffix.lower() != ".gguf":
        raise StabilityError(
            f"A copy with doses must end in .gguf; received {str(path)!r:.200}: rename it."
        )
    if source is not None and path.exists() and source.exists() and path.samefile(source):
        raise StabilityError(
            f"A copy must be another file than the vector's own; received {str(path)!r:.200}: give it "
            "another name."
        )
    if not path.parent.is_dir():
        raise StabilityError(
            f"A copy must stand in a folder that is there; received {str(path)!r:.200}: make the "
            "folder."
        )
    return path


def check_vector(
    lm: LanguageModel,
    vector: VectorLike,
    prompts: PromptLike | Sequence[PromptLike] = PROMPTS,
    site: str | None = None,
    positions: Positions = "all",
    mode: str | None = None,
    epsilons: Sequence[float] = DOSE_EPSILONS,
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
    measured = dose(lm, vector, prompts, site, positions, mode)
    budgets = measured.budgets(epsilons, *DOSE_STATISTICS)
    source = split_name(str(vector))[0] if isinstance(vector, str | Path) else None
    return VectorCheck(measured, (*described(lm, measured), *tried(lm, measured)), budgets, source)
