"""The site that a name in a file speaks of: `layer_12`, `layer12.v`, `blocks.12.hook_resid_post`."""

import re
from dataclasses import replace

from stability.prediction.site_names import canonical_site
from stability.vector_files.vector_file import VectorFile

_NUMBERED = re.compile(r"(?:^|[^a-z])(?:layer|block|blk|resid_post)s?[._-]?(\d{1,6})(?!\d)", re.I)


def site_in(name: str) -> str | None:
    """The site that is spelled in a name, or that a numbered layer in it means; None for neither."""
    site = canonical_site(name)
    if site.startswith("block:"):
        return site
    # a hook that is no site says that something else than the residual stream is meant
    found = None if "hook_" in name else _NUMBERED.findall(name)
    return f"block:{int(found[0])}" if found and len(set(found)) == 1 else None


def named(site: str | None, name: str) -> tuple[str, ...]:
    """The warning that only a name says where a vector belongs."""
    if site is None:
        return ()
    return (f"Only the name {name!r} says that the vector belongs to {site}: check that it does.",)


def with_layers(file: VectorFile, n_layers: int) -> VectorFile:
    """The rows of a matrix as those of blocks, where there are as many, or one more for embeddings."""
    n = len(file.entries)
    if not file.layered or n not in (n_layers, n_layers + 1):
        return file
    first = n - n_layers
    entries = tuple(
        replace(entry, applied=f"block:{row - first}", extracted=f"block:{row - first}")
        for row, entry in enumerate(file.entries)
        if row >= first
    )
    warning = f"It has {n} rows, taken as those of the {n_layers} blocks in order"
    warning += ", after one for the embeddings." if first else "."
    return replace(file, entries=entries, warnings=(*file.warnings, warning))
