"""One side of a dose: the divergences of tokens at growing coefficients, and where they first cross.

Coefficients grow by a fifth (`STEP`) from below the smallest predicted dose, until every token and
every statistic has reached the largest `ε`, and every token its first change of the most likely one, or
the limit. Then the places where something happens are interpolated, and evaluated in between until they
are known to a thousandth (`crossing`). A stretch above `ε` shorter than a fifth of its coefficient may
be missed.

Lines from one state (`numerical.crossings`) are searched alike, but their interval is divided, which
costs a pass for each line and point: here one pass over a text gives all of its tokens, and serves
every token, statistic and `ε` that wants a coefficient near by.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float
from numpy import ndarray
from torch import Tensor

from stability.numerical.crossings import STEP
from stability.prediction.pause import Pause
from stability.steering.crossings.crossing import ACCURACY, Crossing, first_crossing
from stability.steering.passes.steered_text import SteeredText, reverse_kl

AT_ONCE = 4  # coefficients of growing ones
NEAR = 0.25  # of its bracket: how far from where it is wanted an evaluation serves a crossing
MOST_ROUNDS = 30  # of refining; what is then not known is unresolved
Place = tuple[int, int]  # a text, and a position in it
Statistic = Callable[[Sequence[Float[ndarray, "_ n"]]], Float[ndarray, " n"]]


@dataclass
class Sample:
    """What is known of one position at one coefficient: a divergence, and who leads."""

    kl: float
    winner: int
    displacement: ndarray = field(repr=False)


class Side:
    """The samples of one sign of the coefficient, for all positions of all texts.

    `limit` is the largest coefficient that is of interest; less where the network's output is no longer
    finite there.
    """

    def __init__(
        self, texts: Sequence[SteeredText], sign: int, limit: float, reverse: bool, on_run: Pause
    ) -> None:
        self.texts, self.sign, self.limit, self.reverse = texts, sign, limit, reverse
        self.on_run = on_run
        # nothing happens before the first position that is changed
        self.starts = [text.start for text in texts]
        self.places = [
            (k, i) for k, text in enumerate(texts) for i in range(text.start, len(text.states))
        ]
        self.samples: dict[Place, dict[float, Sample]] = {place: {} for place in self.places}

    def evaluate(self, wanted: Mapping[float, Collection[Place]]) -> None:
        """Sample places at coefficients; each text is run once for all of its own."""
        for k, text in enumerate(self.texts):
            here = {c: {i for owner, i in places if owner == k} for c, places in wanted.items()}
            here = {c: positions for c, positions in here.items() if positions}
            if not here:
                continue
            c, vectors = self._finite(text, list(here))
            rows = {
                position: [row for row, at in enumerate(c) if position in here[at]]
                for position in sorted(set.union(*here.values()))
            }
            for position, perturbed, shift in text.read(vectors, rows):
                kl = reverse_kl(perturbed, shift) if self.reverse else perturbed.kl
                moved = perturbed.displacement.float().cpu().numpy()
                parts = zip(rows[position], kl, perturbed.argmax, moved, strict=True)
                for row, nats, winner, displacement in parts:
                    sample = Sample(float(nats), int(winner), displacement)
                    self.samples[k, position][c[row]] = sample

    def _finite(
        self, text: SteeredText, c: list[float]
    ) -> tuple[list[float], Float[Tensor, "n t D"]]:
        """The coefficients at which a text's vectors are finite, and those; others bound the search."""
        self.on_run()
        vectors = text.vectors(self.sign * np.array(c))
        finite = vectors.isfinite().all(dim=2).all(dim=1).tolist()
        if not all(finite):
            overflow = min(at for at, is_finite in zip(c, finite, strict=True) if not is_finite)
            tried = (at for samples in self.samples.values() for at in samples)
            good = (at for at, is_finite in zip(c, finite, strict=True) if is_finite)
            below = [at for at in (*tried, *good) if at < overflow]
            self.limit = min(self.limit, max(below, default=0.0))
        return [at for at, is_finite in zip(c, finite, strict=True) if is_finite], vectors[finite]

    def curve(self, place: Place) -> tuple[Float[ndarray, " m"], Float[ndarray, " m"]]:
        """The coefficients at which a place is sampled, ascending, and its divergences there."""
        c = sorted(self.samples[place])
        return np.array(c), np.array([self.samples[place][at].kl for at in c])

    def shared(self) -> tuple[Float[ndarray, " m"], list[Float[ndarray, "_ m"]]]:
        """The coefficients at which all places are sampled, and the divergences of each text."""
        c = sorted(set.intersection(*(set(samples) for samples in self.samples.values())))
        by_text = [
            np.concatenate([np.zeros((text.start, len(c))), self._rows(k, c)])
            for k, text in enumerate(self.texts)
        ]
        return np.array(c), by_text

    def _rows(self, text: int, c: Sequence[float]) -> Float[ndarray, "t m"]:
        places = [place for place in self.places if place[0] == text]
        return np.array([[self.samples[place][at].kl for at in c] for place in places])

    def kl_crossing(self, place: Place, epsilon: float) -> Crossing | None:
        """Where the divergence of a place first reaches `ε`."""
        return first_crossing(*self.curve(place), epsilon)

    def statistic_crossing(self, statistic: Statistic, epsilon: float) -> Crossing | None:
        """Where a statistic of the divergences first reaches `ε`."""
        c, by_text = self.shared()
        values = statistic(by_text)
        return None if np.isnan(values).all() else first_crossing(c, values, epsilon)

    def flip(self, place: Place) -> Crossing | None:
        """Where the most likely token of a place first changes."""
        k, i = place
        state, samples = self.texts[k].states[i], self.samples[place]
        c = sorted(samples)
        changed = np.array([samples[at].winner != state.argmax for at in c])
        if not changed.any():
            return None
        j = int(changed.argmax())
        near = c[max(j - 2, 0) : j + 2]
        ahead = self._ahead(place, samples[c[j]].winner, near)
        # a tie goes to the lower id, and rounding may hold the two together
        ahead[near.index(c[j])] = max(ahead[near.index(c[j])], 0.0)
        return first_crossing(np.array(near), ahead, 0.0, logarithmic=False)

    def is_flip_resolved(self, place: Place, flip: Crossing, rounding: float) -> bool:
        """Whether rounding of the logits, in nats, leaves the place of a change to `ACCURACY`.

        The lead that the change ends falls from a step before it, or from zero.
        """
        before = [at for at in self.samples[place] if at <= flip.coefficient / STEP]
        winner = self.samples[place][flip.high].winner
        if not before:
            k, i = place
            state = self.texts[k].states[i]
            z = state.uncapped_logits
            fall = float(z[state.argmax] - z[winner])
        else:
            [lead] = -self._ahead(place, winner, [max(before)])
            fall = float(lead) / np.log(flip.coefficient / max(before))
        return bool(rounding <= ACCURACY * fall)

    def _ahead(self, place: Place, token: int, c: Sequence[float]) -> Float[ndarray, " m"]:
        """How far a token's logit is ahead of that of the token that led at zero."""
        k, i = place
        state = self.texts[k].states[i]
        readout, z = state.readout, state.uncapped_logits
        row = readout.scale * (readout.W_U[token].double() - readout.W_U[state.argmax].double())
        moved = np.stack([self.samples[place][at].displacement for at in c])
        ahead: Float[ndarray, " m"] = float(z[token] - z[state.argmax]) + moved @ row.cpu().numpy()
        return ahead

    def sample(self, first: float, open_places: Callable[[], Collection[Place]]) -> None:
        """Sample at growing coefficients, from `first` to the limit, what is then still open."""
        c, places = first, open_places()
        while places and c < self.limit * STEP:
            ahead = c * STEP ** np.arange(AT_ONCE)
            self.evaluate(dict.fromkeys(ahead.tolist(), places))
            c, places = float(ahead[-1]) * STEP, open_places()

    def refine(self, crossings: Callable[[], list[tuple[Place | None, Crossing | None]]]) -> None:
        """Sample between until every crossing is known; those of a statistic ask for all places."""
        for _ in range(MOST_ROUNDS):
            wanted = [
                (place, crossing)
                for place, crossing in crossings()
                if crossing is not None and not crossing.is_found
            ]
            if not wanted:
                break
            self.evaluate(self._shared_by(wanted))

    def _shared_by(
        self, wanted: list[tuple[Place | None, Crossing]]
    ) -> dict[float, Collection[Place]]:
        """Coefficients that serve several crossings at once, with the places that want them."""
        served: dict[float, Collection[Place]] = {}
        at = -1.0
        for place, crossing in sorted(wanted, key=lambda item: item[1].next):
            if abs(crossing.next - at) > (crossing.high - crossing.low) * NEAR:
                at = crossing.next
            before = served.get(at, ())
            served[at] = self.places if place is None else {*before, place}
        return served
