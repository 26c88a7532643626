"""A scene of a dose: everything that a browser shows of one vector on one text, as plain JSON.

Coefficients multiply the vector as it is in its file; divergences are KL(original ‖ changed), in nats.
None stands for what is not known, or not yet: a page may send the prediction first, then the truth, the
layers, the texts. A statistic is one of `last`, `mean`, `p95`, over the changed tokens but the first::

    {"setting": {"model", "version", "versions", "prompt", "messages", "positions", "vector": …}
     "tokens": [{"index", "id", "text", "role", "special", "information"}, …]
     "information": {statistic: I, …}     None where there is one token alone
     "start": the first position that is changed
     "reach": the coefficient at which the change is as long as the states
     "extent": the coefficient to which both sides are drawn
     "epsilons": [nats, …]
     "truth": None | {"limit": the largest coefficient tried,
                      "doses": [{"epsilon", "statistic", "minus", "plus", "kinds"}, …],
                      "curves": {"c": [ascending, signed], statistic: [nats, …], …}}
     "passes": [{"c", "kl": [of each token], "leading": [{"id", "text"}, …]}, …]
     "prices": None | [for each token {"minus": [{"id", "text", "coefficient", "nats"}, …], "plus": …}]
     "prices_note": a sentence that says why there are none | None
     "layers": None | [{"site", "information": {statistic: I, …}}, …]
     "layers_note": a sentence that says why there are none | None
     "written": None | {"statistic", "sign", "texts": [{"name", "coefficient", "first_difference",
                                                        "tokens": [{"id", "text", "kl"}, …]}, …]}
     "written_note": a sentence that says why there is none | None
     "wanted": {"statistic", "sign"}: of the texts that are written, or being written
     "status": {"message", "fraction"} | None
     "notes": [sentences to be shown]}

`scene_parts` makes what takes its time. What a browser makes of it, at any coefficient and `ε`, is
`predicted dose = sqrt(2ε/I)` and `predicted KL = ½·I·c²`: see `dose_law.js`.
"""

import base64
import io
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from stability.defaults import DOSE_EPSILONS
from stability.errors import StabilityError
from stability.instrument.plain import plain
from stability.instrument.setting import read_by
from stability.steering.doses.dose import Dose
from stability.steering.scenes.scene_parts import Part, by_statistic, extent
from stability.text import spelled
from stability.vector_files.steering_vector import SteeringVector

# that a page may send when they are known, or why they are not
LATER = (
    *("truth", "prices", "prices_note", "layers", "layers_note"),
    *("written", "written_note", "wanted", "status"),
)


def dose_scene(dose: Dose, source: Mapping[str, Any], **known: Any) -> Part:
    """Put a scene together from a dose on one text.

    Args:
        dose: of the vector.
        source: what makes the vector again: `{"pairs": [positive, negative], "method", "site"}`, or
            `{"file", "name"}`; `{}` for numbers that were given.
        known: the parts that are known besides, by their names in the scene.

    Returns:
        Lists, dictionaries, text, whole and finite numbers.

    Raises:
        StabilityError: the dose is of KL(changed ‖ original).
    """
    if dose.reverse:
        raise StabilityError(
            "A scene shows KL(original ‖ changed); received a dose of KL(changed ‖ original): "
            "measure it without `reverse`."
        )
    [text], [information] = dose.texts, dose.information
    given = {
        "setting": _setting(dose, source),
        "tokens": [
            {**asdict(token), "text": spelled(token.text), "information": float(value)}
            for token, value in zip(text.tokens, information, strict=True)
        ],
        "information": by_statistic(information, text.start),
        "start": text.start,
        "reach": text.reach,
        "extent": extent(dose),
        "epsilons": DOSE_EPSILONS,
        **dict.fromkeys(LATER),
        "passes": (),
        "notes": (),
    }
    made: Part = plain({**given, **known})
    return made


def _setting(dose: Dose, source: Mapping[str, Any]) -> Part:
    [text] = dose.texts
    return {
        **read_by(dose.model, text.prompt),
        "positions": dose.positions,
        "vector": _vector(dose.vector, source),
    }


def _vector(vector: SteeringVector, source: Mapping[str, Any]) -> Part:
    """The vector with its lengths and sites, and with its numbers where it has one site."""
    [first, *others] = vector.vectors.values()
    return {
        "file": vector.file,
        "format": vector.format,
        "mode": vector.mode,
        "norm": vector.norm,
        "site": vector.site,
        "sites": [
            {
                "site": site,
                "extracted": vector.extracted.get(site),
                "norm": float(values @ values) ** 0.5,
            }
            for site, values in vector.vectors.items()
        ],
        "coefficient": vector.coefficient,
        "warnings": vector.warnings,
        "npy": None if others else _npy(first),
        "source": source,
    }


def _npy(values: Float[ndarray, " d"]) -> str:
    """The content of a `.npy` file in base64."""
    file = io.BytesIO()
    np.save(file, values)
    return base64.b64encode(file.getvalue()).decode()
