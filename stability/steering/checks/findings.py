"""What is found of a steering vector: lengths and sign in a model, and whether it is applied once."""

from collections.abc import Iterator

import numpy as np

from stability.models.language_model import LanguageModel
from stability.steering.checks.applied import applied_error, state_lengths, zero_divergence
from stability.steering.checks.vector_card import Finding, spelled_positions
from stability.steering.doses.dose import Dose
from stability.text import digits, spelled
from stability.vector_files.vector_file import PROJECT

SAME = 1e-6  # nats, at a coefficient of zero
EXACT = 1e-6  # of a changed state, which float32 rounds once, by 6e-8
BOUGHT = 3  # next tokens that are named on either side


def described(lm: LanguageModel, dose: Dose) -> Iterator[Finding]:
    """What the vector is, beside the states that it is applied to."""
    vector, model = dose.vector, dose.model
    yield Finding("file", f"{vector.file}, {vector.format}")
    yield Finding("model", f"{model.name} ({model.revision}), {model.dtype}")
    lengths = [state_lengths(text) for text in dose.texts]
    for site, values in vector.vectors.items():
        measured = vector.extracted.get(site)
        where = f", measured at {measured}" if measured else ""
        length = digits(float(np.linalg.norm(values)))
        states = digits(float(np.median([each[lm.block(site)] for each in lengths])))
        yield Finding(
            site, f"width {len(values)}, length {length}{where}; states there are {states} long"
        )
    how = "projected out" if vector.mode == PROJECT else "added"
    yield Finding("applied", f"{how} at positions {spelled_positions(dose.positions)}")
    reach = max(text.reach for text in dose.texts)
    yield Finding("as long as the states", f"at a coefficient of {digits(reach)}")
    if vector.coefficient is not None:
        yield Finding("the file's own coefficient", digits(vector.coefficient))
    # a sign that is taken for the other is seen by what it makes more likely
    for sign, prices in zip("−+", dose.prices(n=BOUGHT), strict=True):
        bought = ", ".join(
            f"{spelled(price.text)} at {digits(price.coefficient)}" for price in prices
        )
        yield Finding(f"after the first text, {sign} buys first", bought or "nothing")


def tried(lm: LanguageModel, dose: Dose) -> Iterator[Finding]:
    """What must hold, on every text."""
    still = max(zero_divergence(lm, text) for text in dose.texts)
    yield Finding("at coefficient 0", f"{still:.1e} nats from the base model", still <= SAME)
    vector = dose.vector
    vectors = {lm.block(site): values for site, values in vector.vectors.items()}
    error = max(applied_error(text, vectors, vector.mode) for text in dose.texts)
    change = "−c·(h·d)d" if vector.mode == PROJECT else "c·v"
    yield Finding(
        "the change of the states",
        f"{change} to {error:.0e} of their length, at every site and position, once",
        error <= EXACT,
    )
