"""Which vector of a file is meant: the one for a site, or the one that a name after `#` names."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from stability.prediction.site_names import canonical_site
from stability.vector_files.layer_names import with_layers
from stability.vector_files.registry import read_vectors, split_name
from stability.vector_files.steering_vector import SteeringVector, sites_in
from stability.vector_files.unsettled import (
    UnsettledError,
    partly_sited,
    several,
    sites_of,
    unsited,
)
from stability.vector_files.vector_file import Entry, VectorFile

ALL = "all"


def choose_from(
    path: str | Path, n_layers: int, site: str | None = None, mode: str | None = None
) -> SteeringVector:
    """Read a file, and choose from it: see `choose`."""
    file, name = split_name(str(path))
    return choose(read_vectors(file), n_layers, name, site, mode)


def choose(
    file: VectorFile,
    n_layers: int,
    name: str | None = None,
    site: str | None = None,
    mode: str | None = None,
) -> SteeringVector:
    """Choose the steering vector that a name or a site means.

    Args:
        file: what was read.
        n_layers: the number of the model's blocks, to which the rows of a matrix may belong.
        name: the file's own name of one vector, or its number; it may be applied at any site.
        site: where it is to be applied: one site, several with commas, or `all` that the file names.
        mode: `add` or `project`; by default the file's.

    Returns:
        The vectors by site; all that the file has, each at its own, where neither name nor site is
        given.

    Raises:
        StabilityError: the file does not say which vector is meant, or where it belongs, or says
            otherwise.
    """
    file = with_layers(file, n_layers)
    # the last block's output has two names
    last = f"block:{n_layers - 1}"
    given = [] if site in (None, ALL) else sites_in(str(site))
    wanted = [last if each == "final" else each for each in given] or None
    if name is not None:
        entries = _placed_by_name(file, _named(file, name), wanted)
    elif wanted is None:
        entries = _all(file, asked=site == ALL)
    else:
        entries = {each: _at(file, each) for each in wanted}
    return SteeringVector(
        file=file.file,
        format=file.format,
        vectors={each: entry.vector for each, entry in entries.items()},
        mode=mode or file.mode,
        extracted={each: entry.extracted for each, entry in entries.items()},
        coefficient=file.coefficient,
        model_type=file.model_type,
        warnings=(*file.warnings, *_notes(file, entries, n_layers, site)),
    )


def _named(file: VectorFile, name: str) -> Entry:
    """The entry of a name, or of the number in it, or of a site."""
    ways: Sequence = (
        lambda entry: entry.name == name,
        lambda entry: entry.name.rpartition(".")[2] == name or entry.name.endswith(f"_{name}"),
        lambda entry: entry.applied is not None and entry.applied == canonical_site(name),
    )
    for way in ways:
        entries = [entry for entry in file.entries if way(entry)]
        if len(entries) == 1:
            return entries[0]
    raise UnsettledError(
        f"The name of a vector must be one of those in {file.file!r}, {file.names}; received "
        f"{name!r:.60}",
        "vector",
        "name one after the #",
    )


def _placed_by_name(
    file: VectorFile, entry: Entry, wanted: Sequence[str] | None
) -> dict[str, Entry]:
    if wanted is None and entry.applied is None:
        raise unsited(file)
    return dict.fromkeys(wanted or [str(entry.applied)], entry)


def _all(file: VectorFile, asked: bool) -> dict[str, Entry]:
    """Every vector at its own site, if the file has one for each and says so."""
    sites = [entry.applied for entry in file.entries]
    if not any(sites) or (file.layered and not asked):
        raise unsited(file)
    if None in sites:
        raise partly_sited(file)
    if len(set(sites)) < len(sites):
        raise several(file, str(sites[0]))
    return {str(entry.applied): entry for entry in file.entries}


def _at(file: VectorFile, site: str) -> Entry:
    """The vector that the file has for a site, or its only one where it names no site at all."""
    wanted = site if _is_sited(file) else None
    entries = [entry for entry in file.entries if entry.applied == wanted]
    if len(entries) == 1:
        return entries[0]
    if len(entries) > 1:
        raise several(file, site)
    measured = [entry for entry in file.entries if entry.extracted == site]
    if measured:
        raise _measured(file, measured[0], site)
    entry = file.entries[0]
    raise UnsettledError(
        f"A steering vector must be applied where it is meant; {file.file!r} has "
        f"{sites_of(file)}, and not {site:.40}",
        "site or vector",
        f"give one of its sites, or name a vector, FILE#{entry.name}, to apply it at {site:.40} all "
        "the same",
    )


def _measured(file: VectorFile, entry: Entry, site: str) -> UnsettledError:
    """What is said where a vector was measured at a site, and is applied elsewhere."""
    added = "before the first block, which is no site here"
    name_it = f"name it, FILE#{entry.name}, to add it at {site}"
    if entry.applied is not None:
        added, name_it = f"at {entry.applied}", f"give that site, or {name_it}"
    return UnsettledError(
        f"A steering vector must be applied where it is meant; {entry.name!r} of {file.file!r} was "
        f"measured at {site} and is added by its own tool {added}",
        "site or vector" if entry.applied is not None else "vector",
        name_it,
    )


def _is_sited(file: VectorFile) -> bool:
    return any(entry.applied or entry.extracted for entry in file.entries)


def _notes(
    file: VectorFile, entries: Mapping[str, Entry], n_layers: int, site: str | None
) -> list[str]:
    """What the choice should be known for."""
    notes = [
        f"The file's own tool applies {entry.name!r} at {entry.applied}; here it is applied at {at}."
        for at, entry in entries.items()
        if entry.applied not in (None, at)
    ]
    if len(entries) > 1 and site is None:
        notes.append(
            f"It has vectors for {len(entries)} sites, {sites_of(file)}, which are all applied with "
            "one coefficient: give a site for one of them."
        )
    last = f"block:{n_layers - 1}"
    if last in entries and file.ends_normed and entries[last].applied == last:
        notes.append(
            f"The vector of the last block, {last}, was measured on states after the final norm, which "
            "leave it in other coordinates."
        )
    return notes
