"""The columns that the rows of every sweep begin with: what was measured, of which prompt."""

from typing import Any

import pyarrow as pa

from stability import __version__
from stability.prediction.provenance import ModelCard
from stability.sweeps.prompts import Prompt

TEXT, INTEGER, NUMBER = pa.string(), pa.int32(), pa.float64()
PROVENANCE = {
    "model": TEXT,
    "revision": TEXT,
    "dtype": TEXT,
    "version": TEXT,
    "seed": INTEGER,
    "prompt_index": INTEGER,
    "prompt_id": TEXT,
    "prompt_kind": TEXT,
    "prompt": TEXT,  # what was read of it
}


def provenance(card: ModelCard, seed: int, prompt: Prompt, text: str) -> dict[str, Any]:
    """These columns for one prompt, of which a model has read a text."""
    return {
        "model": card.name,
        "revision": card.revision,
        "dtype": card.dtype,
        "version": __version__,
        "seed": seed,
        "prompt_index": prompt.index,
        "prompt_id": prompt.id,
        "prompt_kind": prompt.kind,
        "prompt": text,
    }
