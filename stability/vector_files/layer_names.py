"""The site that a name in a file speaks of: `layer_12`, `layer12.v`, `blocks.12.hook_resid_post`."""

import re
from dataclasses import replace

from stability.errors import StabilityError
from stability.prediction.site_names import canonical_site
from stability.vector_files.vector_file import Entry, VectorFile

_NUMBERED = re.compile(r"(?<![a-z])(?:layer|block|blk|resid_post)s?[._]?(\d{1,6})(?!\d)", re.I)
# what enters a block, or what it computes inside: no state that leaves one
_ELSEWHERE = re.compile(r"(?<![a-z])(?:pre|mid|(?:self_?)?attn|attention|mlp)(?![a-z])", re.I)
NAMED = ("prelogit", "final")  # sites that are spelled as they are
# what attention and MLPs compute inside a block, in coordinates of their own
_INSIDE = re.compile(
    r"hook_(?:q|k|v|z|pattern|attn_scores|pre|post|rot_q|rot_k|normalized|scale)$"
    r"|(?:[qkv]|qkv|gate|up)_proj|act_fn|c_fc|fc1|fc_in|dense_h_to_4h"
)


def site_in(name: str) -> str | None:
    """The site that is spelled in a name, or that a numbered layer in it means; None for neither.

    A minus is no hyphen here: the last layer has the number -1 too.
    """
    site = canonical_site(name)
    if site.startswith("block:") or site in NAMED:
        return site
    # a hook or a path of modules that is no site says that another stream or tower is meant
    is_elsewhere = "hook_" in name or _ELSEWHERE.search(name)
    found = [] if is_elsewhere else [*_NUMBERED.finditer(name)]
    if len({match[1] for match in found}) != 1:
        return None
    before, after = name[: found[0].start()], name[found[-1].end() :]
    return None if "." in before + after else f"block:{int(found[0][1])}"


def site_in_file_name(name: str) -> str | None:
    """The block that a file's own name speaks of: one called `final` may be the last of some tries."""
    site = site_in(name.rpartition(".")[0])
    return None if site in NAMED else site


def site_of_hook(hook: str, file: str) -> tuple[str | None, tuple[str, ...]]:
    """The site of a hook or a module, or None with the warning that it is none.

    Raises StabilityError for one inside attention or an MLP, which is no vector of the residual stream.
    """
    if _INSIDE.search(hook):
        raise StabilityError(
            f"A direction must belong to the residual stream; {file!r} was measured at {hook!r:.60}, "
            "inside a block: use one of a block's output."
        )
    site = site_in(hook)
    if site is not None:
        return site, ()
    warning = f"It was measured at {hook!r:.60}, which is no state between blocks: say with a site "
    return None, (warning + "where it is to be applied.",)


def extracted_at(hook: str | None) -> str:
    """Where vectors were measured, in the file's own words, as part of a sentence."""
    return f"extracted at {hook or 'a site that the file does not name'}"


def named(site: str | None, name: str) -> tuple[str, ...]:
    """The warning that only a name says where a vector belongs."""
    if site is None:
        return ()
    return (f"Only the name {name!r} says that the vector belongs to {site}: check that it does.",)


def with_layers(file: VectorFile, n_layers: int) -> VectorFile:
    """The file with its sites as blocks of a model.

    The last block's output has two names, of which `final` is the other. The rows of a matrix are those
    of blocks where there are as many, or one more for embeddings.
    """
    last = f"block:{n_layers - 1}"
    if any(entry.applied == "final" for entry in file.entries):
        file = replace(file, entries=tuple(_renamed(entry, last) for entry in file.entries))
    n = len(file.entries)
    if not file.layered or n not in (n_layers, n_layers + 1):
        return file
    first = n - n_layers
    sites = [f"block:{row - first}" for row in range(n)]
    # the last of `hidden_states` is read after the final norm
    measured = [*sites[:-1], "prelogit"] if first else sites
    entries = tuple(
        replace(entry, applied=applied, extracted=extracted)
        for entry, applied, extracted in zip(
            file.entries[first:], sites[first:], measured[first:], strict=True
        )
    )
    warning = f"It has {n} rows, taken as those of the {n_layers} blocks in order"
    warning += ", after one for the embeddings." if first else "."
    warnings = (*file.warnings, warning)
    return replace(file, entries=entries, ends_normed=first > 0, warnings=warnings)


def _renamed(entry: Entry, last: str) -> Entry:
    if entry.applied != "final":
        return entry
    return replace(entry, applied=last, extracted=last)
