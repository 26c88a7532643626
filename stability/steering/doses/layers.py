"""At which layer is a vector cheapest? Its predicted dose when it is applied after each block in turn.

The states below a block are those of one recorded pass over each text: a layer costs one product in
forward mode through the blocks above it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from stability.curvature import fisher
from stability.errors import StabilityError
from stability.models.language_model import LanguageModel
from stability.prediction.conversation import PromptLike
from stability.prediction.provenance import ModelCard, Token
from stability.steering.crossings import statistics
from stability.steering.passes.intervention import Positions, first_changed, sites_by_block
from stability.steering.passes.reading import prompts_in, steered_layers
from stability.steering.vectors.given import VectorLike, steering_vector
from stability.vector_files.choice import ALL
from stability.vector_files.steering_vector import SteeringVector
from stability.vector_files.unsettled import UnsitedError
from stability.vector_files.vector_file import VectorFile

FIRST = "block:0"


@dataclass(frozen=True, eq=False)
class DoseMap:
    """How strong a steering vector may be after each block, by the closed form.

    Attributes:
        model: what read the texts.
        vector: what is applied.
        sites: after which blocks, in order of depth.
        positions: `all`, `last`, or indices.
        tokens: those of each text.
        information: for each site and text `I = Var_p(dz/dc)` of every token, (T,).
        reach: for each site the coefficient at which the change is as long as the states there: doses
            over it compare layers whose states differ in length.

    From `stability.dose_map`::

        found.predicted(0.1, "p95")  # a coefficient for each of found.sites
        found.predicted(0.1) / found.reach  # as a part of the states' length
    """

    model: ModelCard
    vector: SteeringVector
    sites: tuple[str, ...]
    positions: Positions
    tokens: tuple[tuple[Token, ...], ...] = field(repr=False)
    information: tuple[tuple[Float[ndarray, " _"], ...], ...] = field(repr=False)
    reach: Float[ndarray, " L"]

    def predicted(self, epsilon: float, statistic: str = "mean") -> Float[ndarray, " L"]:
        """Return the closed-form dose `sqrt(2ε/I)` at every site.

        Args:
            epsilon: nats.
            statistic: of `I` over tokens, and in the mean over texts: `last`, `mean`, `median`, `p95`.

        Returns:
            A coefficient for each site, (L,); infinite where the vector changes nothing.

        Raises:
            StabilityError: `epsilon` is not a positive number of nats, or the statistic is unknown.
        """
        statistics.require(statistic)
        starts = [first_changed(self.positions, len(tokens)) for tokens in self.tokens]
        information = (
            statistics.over_texts(statistic, [each[:, None] for each in texts], starts)[0]
            for texts in self.information
        )
        return np.array([fisher.radius(float(value), epsilon) or np.inf for value in information])


def dose_map(
    lm: LanguageModel,
    vector: VectorLike,
    prompts: PromptLike | Sequence[PromptLike],
    positions: Positions = "all",
    on_progress: Callable[[float], None] = lambda fraction: None,
    mode: str | None = None,
) -> DoseMap:
    """Predict how strong a steering vector may be after each block of a model.

    A vector of one site is applied after every block in turn; of vectors for several sites, each by
    itself after its own::

        found = stability.dose_map(lm, "happy.gguf#12", "The capital of France is")
        dict(zip(found.sites, found.predicted(0.1)))

    Args:
        lm: a loaded model.
        vector: as for `dose`.
        prompts: a text or several, each read as it is.
        positions: `all`; `last`; or indices of each prompt.
        on_progress: called with the fraction that is done; what it raises ends the work.
        mode: `add` or `project`; by default the file's.

    Returns:
        The scalar information of every token of each text, by layer.

    Raises:
        StabilityError: as for `dose`, and for vectors of several sites of which one is no block.
    """
    chosen = _vector(lm, vector, mode)
    by_block = _by_block(lm, chosen)
    texts = prompts_in(prompts)
    passes = len(texts) * len(by_block)
    steered = (
        text
        for prompt in texts
        for text in steered_layers(lm, prompt, by_block, chosen.mode, positions)
    )
    tokens, information, reach = [], [], []
    for done, text in enumerate(steered, start=1):
        tokens.append(text.tokens)
        information.append(text.information)
        reach.append(text.reach)
        on_progress(done / passes)
    n = len(by_block)
    return DoseMap(
        model=lm.card,
        vector=chosen,
        sites=tuple(f"block:{block}" for block in by_block),
        positions=positions,
        tokens=tuple(tokens[::n]),
        information=tuple(tuple(information[layer::n]) for layer in range(n)),
        reach=np.array(reach).reshape(-1, n).max(axis=0),
    )


def _vector(lm: LanguageModel, vector: VectorLike, mode: str | None) -> SteeringVector:
    """All vectors of a file that names a site for each; else the only one, which has none."""
    if not isinstance(vector, SteeringVector | VectorFile | str | Path):
        return steering_vector(lm, vector, FIRST, mode)
    try:
        return steering_vector(lm, vector, ALL, mode)
    except UnsitedError:
        return steering_vector(lm, vector, FIRST, mode)


def _by_block(lm: LanguageModel, vector: SteeringVector) -> dict[int, Float[ndarray, " d"]]:
    if len(vector.vectors) == 1:
        [values] = vector.vectors.values()
        return dict.fromkeys(range(lm.card.n_layers), values)
    blocks = {
        block: vector.vectors[site] for block, site in sites_by_block(lm, vector.vectors).items()
    }
    if None in blocks:
        raise StabilityError(
            f"A map of layers needs vectors of blocks; received one at prelogit beside others "
            f"({vector.site}): leave it out."
        )
    return {block: blocks[block] for block in sorted(b for b in blocks if b is not None)}
