"""The dose of a steering vector: at which coefficient predictions have changed by `ε` nats.

Any intervention with one coefficient `c` makes the logits of every position a function `z(c)`. With
`a = dz/dc` at `c = 0`

    I = Var_p(a),    c(ε) = sqrt(2ε / I),

the scalar Fisher information of the coefficient and the predicted dose, in the vector's own units; one
product in forward mode gives `a` at every position of a text. The truth is the first crossing on
either side, by whole passes. A budget in nats is necessary, not sufficient: no measure of quality.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from stability.arguments import distinct_levels
from stability.curvature import fisher
from stability.models.language_model import LanguageModel
from stability.prediction.conversation import PromptLike
from stability.prediction.provenance import ModelCard
from stability.steering.crossings import statistics
from stability.steering.crossings.budget import Budget
from stability.steering.crossings.truth import Truth, find_truth
from stability.steering.doses.prices import Price, prices
from stability.steering.passes.intervention import Positions, given_positions
from stability.steering.passes.reading import prompts_in, steered_text
from stability.steering.passes.steered_text import SteeredText
from stability.steering.vectors.given import VectorLike, steering_vector
from stability.text import repeated
from stability.vector_files.steering_vector import SteeringVector


@dataclass(frozen=True, eq=False)
class Dose:
    """How strong a steering vector may be, on some texts.

    Coefficients multiply the vector as it is. `minus` counts away from zero: −c·v is added there.

    Attributes:
        model: what read the texts.
        vector: what is applied, and where.
        positions: `all`, `last`, or indices.
        texts: each prompt with its states.
        reverse: whether divergences are KL(changed ‖ original), and not KL(original ‖ changed).

    From `stability.dose`::

        dose = stability.dose(lm, "happy.gguf", "The capital of France is", site="block:12")
        dose.predicted(0.1)  # for each text the coefficient of every token, (T,)
        dose.truth(0.1).doses  # for each text (2, T, 1): the minus and the plus side
    """

    model: ModelCard
    vector: SteeringVector
    positions: str | tuple[int, ...]
    texts: tuple[SteeredText, ...] = field(repr=False)
    reverse: bool = False

    @property
    def warnings(self) -> tuple[str, ...]:
        """What is easily got wrong about the vector, or the texts, a sentence each."""
        return (*self.vector.warnings, *repeated([text.prompt for text in self.texts], "prompt"))

    @cached_property
    def information(self) -> tuple[Float[ndarray, " _"], ...]:
        """`I = Var_p(dz/dc)` of every token of each text, in nats by squared coefficient."""
        return tuple(text.information for text in self.texts)

    def predicted(self, epsilon: float) -> tuple[Float[ndarray, " _"], ...]:
        """Return the closed-form dose `sqrt(2ε/I)` of every token of each text.

        Args:
            epsilon: nats.

        Returns:
            For each text (T,) coefficients; infinite where the vector changes nothing.

        Raises:
            StabilityError: `epsilon` is not a positive number of nats.
        """
        return tuple(
            np.array([fisher.radius(float(each), epsilon) or np.inf for each in information])
            for information in self.information
        )

    def truth(self, epsilons: float | Sequence[float], *names: str) -> Truth:
        """Return the true doses: first crossings, known to a thousandth, or said to be unresolved.

        Args:
            epsilons: nats.
            names: statistics that are wanted too: `last`, `mean`, `median`, `p95`.

        Returns:
            Doses of every token on both sides, first changes of the most likely token, and those of the
            statistics.

        Raises:
            StabilityError: an epsilon is not a positive number of nats, or a statistic is unknown.
        """
        return find_truth(
            self.texts, distinct_levels(epsilons), self.information, names, self.reverse
        )

    def prices(
        self, position: int = -1, n: int = 8, text: int = 0
    ) -> tuple[list[Price], list[Price]]:
        """Return the next tokens that the vector buys first, by straight lines along its slopes.

        The true first change is `Truth.flips`, and the token that takes over `Truth.winners`.

        Args:
            position: index of the token after which they come, negative to count from the end.
            n: how many on either side.
            text: which of the texts.

        Returns:
            Those of the minus and of the plus side, the cheapest first; none where nothing changes.

        Raises:
            StabilityError: there is no such position or text, or `n` is below 1.
        """
        return prices(self.texts, text, position, n)

    def budgets(
        self, epsilons: float | Sequence[float], *names: str, truth: Truth | None = None
    ) -> tuple[Budget, ...]:
        """Return the doses at which statistics over tokens and texts reach every `ε`.

        Args:
            epsilons: nats.
            names: `last`, `mean`, `median`, `p95`; by default all.
            truth: what `truth` has found before, for these `ε` and statistics.

        Returns:
            A budget for each `ε` and statistic, in that order.

        Raises:
            StabilityError: as for `truth`; or what `truth` has found is for others.
        """
        names, nats = names or tuple(statistics.STATISTICS), distinct_levels(epsilons)
        searched = truth or find_truth(
            self.texts, nats, self.information, names, self.reverse, tokens=False
        )
        return tuple(
            searched.budget(name, epsilon, self._predicted(name, epsilon))
            for epsilon in nats.tolist()
            for name in names
        )

    def _predicted(self, name: str, epsilon: float) -> float | None:
        starts = [text.start for text in self.texts]
        columns = [information[:, None] for information in self.information]
        return fisher.radius(float(statistics.over_texts(name, columns, starts)[0]), epsilon)


def dose(
    lm: LanguageModel,
    vector: VectorLike,
    prompts: PromptLike | Sequence[PromptLike],
    site: str | None = None,
    positions: Positions = "all",
    mode: str | None = None,
    reverse: bool = False,
) -> Dose:
    """Measure how strong a steering vector may be before predictions have changed by `ε` nats.

    The vector may be any that `stability.read_vectors` reads::

        lm = stability.load("smollm2-135m")
        dose = stability.dose(lm, "happy.gguf", ["The capital of France is"], site="block:12")
        dose.predicted(0.1), dose.budgets(0.1, "p95")

    Args:
        lm: a loaded model.
        vector: a file of vectors, as `PATH` or `PATH#NAME`; what was read of one; or an array (d,).
        prompts: a text or several, each read as it is.
        site: where the vector is applied, as `block:12`, several with commas, or `all` of the file's;
            by default where the file says.
        positions: `all`, also what is written later; `last`; or indices, from the end if negative.
        mode: `add`, h ← h + c·v, or `project`, h ← h − c·(h·d)d with d = v/‖v‖; by default the file's.
        reverse: measure KL(changed ‖ original) instead of KL(original ‖ changed).

    Returns:
        The doses, each computed when it is asked for.

    Raises:
        StabilityError: the file holds no vector, or does not say which or where; the site, the width or
            a position does not fit.
    """
    chosen = steering_vector(lm, vector, site, mode)
    # words stay as they are written; an array, for one, becomes plain numbers
    given = positions if isinstance(positions, str) else given_positions(positions)
    texts = tuple(steered_text(lm, prompt, chosen, given) for prompt in prompts_in(prompts))
    return Dose(lm.card, chosen, given, texts, reverse)
