"""The names of sites, and the spellings that other tools have for them.

`block:L` is the residual stream that leaves block `L`, counted from 0. Hooks of TransformerLens name
the stream before a block or after it; modules of PyTorch name the block whose output is meant.
"""

import re

# what may stand before a list of blocks in the name of a module; towers of images have other names
_BODIES = (
    "base_model|model|module|transformer|gpt_neox|backbone|decoder|language_model|text_model|llm"
)
_BLOCK = re.compile(rf"(?:(?:{_BODIES})\.)*(?:layers?|blocks?|h)\.(\d{{1,6}})")
_HOOK = re.compile(r"blocks\.(\d{1,6})\.hook_resid_(pre|post)")


def canonical_site(name: str) -> str:
    """The site that a name spells; a name of another kind is returned as it is.

    >>> [canonical_site(name) for name in ("blocks.5.hook_resid_post", "blocks.5.hook_resid_pre")]
    ['block:5', 'block:4']
    >>> [canonical_site(name) for name in ("model.layers.5", "transformer.h.5", "layers.5")]
    ['block:5', 'block:5', 'block:5']
    """
    if hook := _HOOK.fullmatch(name):
        # what enters the first block are the embeddings, which are no site
        block = int(hook[1]) - (hook[2] == "pre")
        return f"block:{block}" if block >= 0 else name
    module = _BLOCK.fullmatch(name)
    return name if module is None else f"block:{int(module[1])}"
