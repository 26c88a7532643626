"""A person's choice on the Dose page: a vector, where and how it is applied, and a text."""

from dataclasses import dataclass

from stability.prediction.conversation import PromptLike
from stability.steering.scenes import first

# kinds of vectors by their names in a link
KINDS = {
    "pairs": "made of contrast pairs",
    "file": "a file of yours",
    "path": "a file on this computer",
    "numbers": "pasted numbers",
}
METHODS = {"mean": "mean of differences", "pca": "first principal component"}
MODES = {"add": "added", "project": "projected out"}
# the contrast pairs of a first visit, and the blocks of the first model, known before it is loaded
PAIRS, BLOCKS = first.PAIRS, {first.MODEL: first.BLOCKS}
# where a vector is applied: as its file says, or at a chosen place
OWN, BLOCK, READOUT = "own", "block", "prelogit"


@dataclass(frozen=True)
class FromPairs:
    """A vector made of the text of contrast pairs, measured at a site."""

    pairs: str
    method: str
    site: str


@dataclass(frozen=True)
class FromContent:
    """A vector of the content of a file, or of pasted numbers; `entry` is the file's name for it."""

    name: str
    data: bytes
    entry: str | None = None
    is_file: bool = True


@dataclass(frozen=True)
class FromPath:
    """A vector of a file on the server, or of a folder; `stamp` tells its versions apart."""

    path: str
    entry: str | None = None
    stamp: int = 0


VectorChoice = FromPairs | FromContent | FromPath


@dataclass(frozen=True)
class DoseChoice:
    """Everything on the Dose page that the server computes with."""

    model: str
    prompt: PromptLike
    vector: VectorChoice
    # None where the file says
    site: str | None
    positions: str
    # None as the file says
    mode: str | None


@dataclass(frozen=True)
class Asked:
    """What the browser wants to know of a dose besides: true divergences at coefficients, and texts.

    The texts are those at the doses of a statistic, on the side of a sign.
    """

    coefficients: tuple[float, ...]
    statistic: str
    sign: int


def middle(blocks: int) -> int:
    """The block after which vectors are measured first."""
    return blocks // 2
