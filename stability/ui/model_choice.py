"""The model that a person has chosen: its name, its dtype, and the device that it runs on."""

import re
from dataclasses import dataclass, replace
from pathlib import PurePath

from stability.models.model_name import parse_name
from stability.models.packaged.registry import PACKAGED
from stability.models.precision import AUTO, WIDTHS

DTYPES = tuple(WIDTHS)
_WRITTEN = re.compile(
    rf"(?P<name>.*?)(?: in (?P<dtype>{'|'.join(DTYPES)}))?(?: on (?P<device>cpu|{AUTO}|cuda:\d+))?",
    re.DOTALL,
)


@dataclass(frozen=True)
class ModelChoice:
    """A model's name as `load` takes it, its dtype, and its device, None for the default one.

    Its written form is part of links and of the keys of caches: the name, and where they are not the
    default `in bfloat16` and `on cpu` or `on auto`.
    """

    name: str
    dtype: str = DTYPES[0]
    device: str | None = None

    @classmethod
    def parse(cls, written: str) -> "ModelChoice":
        """The choice that a text is the written form of; any text is."""
        found = _WRITTEN.fullmatch(written)
        assert found is not None
        return cls(found["name"], found["dtype"] or DTYPES[0], found["device"])

    def __str__(self) -> str:
        device = f" on {self.device}" if self.device else ""
        is_plain = self.dtype == DTYPES[0] and self.parse(self.name + device) == self
        return self.name + ("" if is_plain else f" in {self.dtype}") + device

    @property
    def shared(self) -> "ModelChoice":
        """The choice as a link names it: a device is of one computer."""
        return replace(self, device=None)

    @property
    def title(self) -> str:
        """The name as people know the model; of a path its last part."""
        name = parse_name(self.name)
        if name.kind == "packaged":
            return PACKAGED[self.name].title
        return PurePath(self.name).name or self.name if name.kind == "path" else self.name
