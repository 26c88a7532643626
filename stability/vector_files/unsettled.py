"""A file that leaves open which of its vectors is meant, or where: what is missing, in a sentence."""

from stability.errors import StabilityError
from stability.vector_files.vector_file import VectorFile


class UnsettledError(StabilityError):
    """A file that leaves open what is meant of it.

    Attributes:
        problem: the sentence without its remedy, which is in the words of the library and the command
            line.
        wanted: what would settle it: `vector`, `site`, `site and vector`, or `site or vector`.
    """

    def __init__(self, problem: str, wanted: str, remedy: str) -> None:
        super().__init__(f"{problem}: {remedy}.")
        self.problem, self.wanted = problem, wanted


class UnsitedError(UnsettledError):
    """What is meant of a file has no site, and may be given any."""


def sites_of(file: VectorFile) -> str:
    """The sites of a file's vectors, in a sentence."""
    sites = list(dict.fromkeys(entry.applied or "no site" for entry in file.entries))
    return ", ".join(sites[:6]) + (f" and {len(sites) - 6} more" if len(sites) > 6 else "")


def partly_sited(file: VectorFile) -> UnsettledError:
    """What is said where some vectors of a file have a site and others none."""
    entry = next(entry for entry in file.entries if entry.applied is None)
    return UnsettledError(
        f"The vectors of a file must each have a site, or none of them; {file.file!r} ({file.format}) "
        f"says of {entry.name!r:.60} not where it is applied",
        "site and vector",
        f"name the one you mean after a #, FILE#{entry.name}, and give its site",
    )


def unsited(file: VectorFile) -> UnsitedError:
    """What is said where a file names no site."""
    many = len(file.entries) > 1
    return UnsitedError(
        f"A steering vector needs a site; {file.file!r} ({file.format}) does not say where "
        f"{'its vectors belong' if many else 'its vector belongs'}",
        "site and vector" if many else "site",
        "give a site, as block:12"
        + (f", and one of {file.names} after a #, FILE#{file.entries[0].name}" if many else ""),
    )


def several(file: VectorFile, site: str) -> UnsettledError:
    """What is said where a file has several vectors for a site."""
    return UnsettledError(
        f"One vector is needed for {site:.40}; {file.file!r} ({file.format}) has several, "
        f"{file.names}",
        "vector",
        f"name the one you mean after a #, FILE#{file.entries[0].name}",
    )
