"""A language model up to its unembedding: how token ids become the vectors that it is given."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from inspect import signature
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from transformers import Cache, DynamicCache, PreTrainedModel

from stability.errors import StabilityError
from stability.models.foreign import foreign
from stability.models.network_view import StandIn, view, view_of_all
from stability.models.rotation import FixedRotation, depends_on_length
from stability.models.weights_at_use import holds_copies
from stability.prediction.provenance import ModelCard, Token


class _Reached(BaseException):
    """Raised by the unembedding's stand-in: a pass need not go further."""

    def __init__(self, prelogits: Tensor) -> None:
        super().__init__()
        self.prelogits = prelogits


class _EndOfPass(StandIn):
    """Take the place of the unembedding, whose product with every position is not wanted."""

    def forward(self, prelogits: Tensor, *_: Any, **__: Any) -> Tensor:
        """End the pass, and hand over what the unembedding is given."""
        raise _Reached(prelogits)


@dataclass(frozen=True, eq=False)
class Network:
    """A model's own forward pass, ended where its unembedding is called.

    Whatever the model does between its last block and its unembedding is part of it.

    Attributes:
        model: the transformers model.
        card: its name and sizes.
    """

    model: PreTrainedModel
    card: ModelCard

    @property
    def device(self) -> torch.device:
        """Where all is computed, with the readout; weights may lie elsewhere."""
        device: torch.device = self.model.get_output_embeddings().weight.device
        return device

    def prelogits(
        self,
        ids: Int[Tensor, "n t"],
        stand_ins: Mapping[str, StandIn] | None = None,
        cache: Cache | None = None,
        length: int | None = None,
    ) -> Float[Tensor, "n t D"]:
        """Run rows of token ids through a private view of the model.

        Args:
            ids: the tokens; with a cache those that follow the ones in it.
            stand_ins: modules that take the place of the model's own, by qualified name.
            cache: what earlier tokens have left; it grows by these.
            length: number of tokens of the whole text, where rotations depend on it; by default that
                of `ids`.

        Returns:
            What the unembedding is given at each position.

        Raises:
            StabilityError: the model's own code fails, or never calls its unembedding.
        """
        try:
            self._run(ids, {**self._end, **(stand_ins or {})}, cache, length)
        except _Reached as reached:
            prelogits = reached.prelogits
            if prelogits[..., 0].numel() == ids.numel():
                return prelogits.reshape(*ids.shape, -1)
            received = f"one of shape {tuple(prelogits.shape)} for {tuple(ids.shape)}"
        else:
            received = "none"
        raise StabilityError(
            "A language model must give its unembedding a vector for each token; received "
            f"{received} from {self.card.name!r} ({type(self.model).__name__}): choose another model."
        )

    def ids(self, tokens: Sequence[Token]) -> Int[Tensor, " t"]:
        """Return the ids of tokens, where the model computes."""
        return torch.tensor([token.id for token in tokens], device=self.device)

    def logits(
        self, ids: Int[Tensor, "n t"], stand_ins: Mapping[str, StandIn] | None = None
    ) -> Float[Tensor, "n t V"]:
        """Return the model's own logits of rows of token ids, from a private view and without a cache.

        Raises:
            StabilityError: the model's own code fails.
        """
        logits: Tensor = self._run(ids, stand_ins or {}).logits
        return logits

    def _run(
        self,
        ids: Int[Tensor, "n t"],
        stand_ins: Mapping[str, StandIn],
        cache: Cache | None = None,
        length: int | None = None,
    ) -> Any:
        parts: dict[str, StandIn] = {
            **{
                name: FixedRotation(rotary, length or ids.shape[1])
                for name, rotary in self.rotations.items()
            },
            **stand_ins,
        }
        model: nn.Module = self.model
        if getattr(model, "_is_stateful", False):
            # it keeps a state in its modules, and needs modules of its own for each pass
            model = view_of_all(model)
            parts = {name: part.of(model.get_submodule(name)) for name, part in parts.items()}
        options = {} if cache is None else {str(self.cache_argument): cache}
        remedy = "use site 'prelogit'" if stand_ins.keys() - self._end else "choose another model"
        with foreign("Running", self.card.name, remedy):
            return view(model, parts)(input_ids=ids, use_cache=cache is not None, **options)

    def new_cache(self) -> DynamicCache | None:
        """Return an empty cache, or None if the model takes none."""
        if not self.cache_argument:
            return None
        try:
            return DynamicCache(config=self.model.config)
        # a configuration that no cache is made for, whatever it then raises
        except Exception:
            return None

    @cached_property
    def holds_weights(self) -> bool:
        """Whether the graph of a pass holds copies of weights."""
        return holds_copies(self.model)

    @cached_property
    def cache_argument(self) -> str | None:
        """The name of the forward pass's argument for a cache; transformers has renamed it."""
        names = signature(self.model.forward).parameters
        return next((name for name in ("cache", "past_key_values") if name in names), None)

    @cached_property
    def rotations(self) -> dict[str, nn.Module]:
        """The rotary embeddings whose frequencies depend on the text's length, by name."""
        return {
            name: module
            for name, module in self.model.named_modules(remove_duplicate=False)
            if depends_on_length(module)
        }

    @cached_property
    def block_lists(self) -> tuple[dict[str, nn.Module], ...]:
        """The lists that may be the model's blocks, by qualified name: as many as it has layers."""
        return tuple(
            {f"{name}.{index}": block for index, block in enumerate(blocks)}
            for name, blocks in _outermost_lists(self.model, self.card.n_layers)
        )

    @cached_property
    def unembedding(self) -> dict[str, nn.Module]:
        """The module that makes logits, by each of its qualified names."""
        unembedding: Any = self.model.get_output_embeddings()
        return {
            name: module
            for name, module in self.model.named_modules(remove_duplicate=False)
            if module is unembedding
        }

    @cached_property
    def _end(self) -> dict[str, StandIn]:
        return {name: _EndOfPass(module) for name, module in self.unembedding.items()}


def _outermost_lists(
    module: nn.Module, length: int, prefix: str = ""
) -> list[tuple[str, nn.ModuleList]]:
    """Return the lists of a length within a module, but for those within one of them."""
    found: list[tuple[str, nn.ModuleList]] = []
    for name, child in module.named_children():
        if isinstance(child, nn.ModuleList) and len(child) == length:
            found.append((prefix + name, child))
        else:
            found += _outermost_lists(child, length, f"{prefix}{name}.")
    return found
