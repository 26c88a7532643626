"""The keys that describe a model: each is read once, and what nothing has read is refused."""

import math

from stability.gguf_format import GGUFError, GGUFFile, Value

# of kinds of keys that no logit depends on; the tokenizer's have a reader of their own
_HARMLESS = ("general.", "tokenizer.", "split.", "quantize.", "mradermacher.")
# values that say what is so without them, for the architectures that read no such key
_NEUTRAL: dict[str, Value] = {
    "attention.causal": True,
    "attention.clamp_kqv": 0.0,
    "attention.max_alibi_bias": 0.0,
    "attention.sliding_window": 0,
    "attn_logit_softcapping": 0.0,
    "embedding_scale": 1.0,
    "expert_count": 0,
    "expert_group_count": 0,
    "expert_group_used_count": 0,
    "expert_shared_count": 0,
    "expert_used_count": 0,
    "expert_weights_scale": 1.0,
    "final_logit_softcapping": 0.0,
    "leading_dense_block_count": 0,
    "logit_scale": 1.0,
    "nextn_predict_layers": 0,
    "pooling_type": 0,
    "rescale_every_n_layers": 0,
    "residual_scale": 1.0,
    "router_logit_softcapping": 0.0,
    "swin_norm": False,
    "tensor_data_layout": "Meta AI original pth",
}


class Keys:
    """The metadata under an architecture's prefix, and the tensors beside it.

    A default is what llama.cpp assumes without the key; without one, the key must be there.
    """

    def __init__(self, file: GGUFFile) -> None:
        self.tensors = file.tensors
        self.prefix = f"{architecture_of(file)}."
        self._left = dict(file.metadata)

    def integer(self, key: str, default: int | None = None) -> int:
        """Return a positive whole number, or the default."""
        value = self._take(key, default)
        if type(value) is not int or not (0 < value < 2**31 or value == default):
            raise self._not(key, value, "a positive whole number")
        return value

    def number(self, key: str, default: float | None = None) -> float:
        """Return a finite number that is not negative."""
        value = self._take(key, default)
        if type(value) not in (int, float) or not 0 <= value < math.inf:  # type: ignore[operator]
            raise self._not(key, value, "a number that is not negative")
        return float(value)  # type: ignore[arg-type]

    def positive(self, key: str, default: float | None = None) -> float:
        """Return a finite number above zero."""
        value = self.number(key, default)
        if not value:
            raise self._not(key, value, "a positive number")
        return value

    def flag(self, key: str, default: bool | None = None) -> bool:
        """Return a truth value."""
        value = self._take(key, default)
        if type(value) is not bool:
            raise self._not(key, value, "true or false")
        return value

    def text(self, key: str, default: str | None = None) -> str:
        """Return a string."""
        value = self._take(key, default)
        if type(value) is not str:
            raise self._not(key, value, "a text")
        return value

    def value(self, key: str) -> Value | None:
        """Return a value of any type, None without the key."""
        return self._left.pop(self.prefix + key, None)

    def states(self, key: str) -> bool:
        """Return whether a key is there, unread."""
        return self.prefix + key in self._left

    def require(self, key: str, needed: Value) -> None:
        """Read a key that may only say what holds without it."""
        found = self.value(key)
        if found is not None and not _equal(found, needed):
            raise self._not(key, found, f"{needed!r}, the only value that can be read here")

    def holds(self, *endings: str) -> bool:
        """Return whether any tensor's name ends so."""
        return any(name.endswith(endings) for name in self.tensors)

    def finish(self) -> None:
        """Refuse the first key that nothing has read."""
        for name, value in self._left.items():
            key = name.removeprefix(self.prefix)
            neutral = name != key and key in _NEUTRAL and _equal(value, _NEUTRAL[key])
            if not neutral and not name.startswith(_HARMLESS):
                raise GGUFError(f"{name} = {_shown(value)}, which cannot be read here")

    def _take(self, key: str, default: Value | None) -> Value:
        value = self._left.pop(self.prefix + key, default)
        if value is None:
            raise GGUFError(f"no key {self.prefix + key}")
        return value

    def _not(self, key: str, value: Value, needed: str) -> GGUFError:
        return GGUFError(f"{self.prefix + key} = {_shown(value)}, not {needed}")


def architecture_of(file: GGUFFile) -> str:
    """Return the architecture of a file that holds one whole model.

    Raises:
        GGUFError: the file holds something else, or a part of a model.

    """
    metadata = file.metadata
    architecture = metadata.get("general.architecture")
    if type(architecture) is not str or not architecture:
        raise GGUFError("no key general.architecture")
    kind = metadata.get("general.type", "model")
    if architecture == "controlvector":
        raise GGUFError("a control vector, which is a direction and no model")
    if kind != "model":
        raise GGUFError(f"a file of the type {_shown(kind)}, which is no model")
    parts = metadata.get("split.count", 0)
    if parts not in (0, 1):
        raise GGUFError(f"part of a model split into {_shown(parts)} files: join them first")
    return architecture


def _equal(value: Value, needed: Value) -> bool:
    """Whether two values are the same, unlike in Python not true and one."""
    return isinstance(value, bool) == isinstance(needed, bool) and value == needed


def _shown(value: Value) -> str:
    """A value in few characters."""
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}…"
