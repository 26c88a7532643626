"""Where a state is captured: the sites of a model, by name, and the positions of a prompt."""

import re
from difflib import get_close_matches

from stability.errors import StabilityError
from stability.prediction.provenance import ModelCard
from stability.prediction.site_names import canonical_site


def sites_of(card: ModelCard) -> tuple[str, ...]:
    """All sites of a model, from the readout down: `prelogit`, `final`, then every `block:L`."""
    blocks = (f"block:{index}" for index in reversed(range(card.n_layers)))
    return ("prelogit", "final", *blocks)


def block_at(site: str, card: ModelCard) -> int | None:
    """The block whose output a site is, None for `prelogit`; raises StabilityError for no site."""
    given, site = site, canonical_site(site)
    if site not in sites_of(card):
        raise StabilityError(
            f"A site must be prelogit, final or block:L with L from 0 to "
            f"{card.n_layers - 1} for {card.name}; received {given!r:.40}: "
            f"use '{_nearest(site, card)}'."
        )
    kind, _, number = site.partition(":")
    return int(number) if number else None if kind == "prelogit" else card.n_layers - 1


def _nearest(site: str, card: ModelCard) -> str:
    """The site that is meant, as far as a name that is none tells."""
    numbers = re.findall(r"\d{1,9}", site)
    kinds = get_close_matches(site.partition(":")[0].lower(), ["prelogit", "final", "block"], 1)
    [kind] = kinds or ["block" if numbers else "prelogit"]
    if kind != "block" or not card.n_layers:
        return "prelogit" if kind == "block" else kind
    last = card.n_layers - 1
    return f"block:{min(int(numbers[0]), last) if numbers else last}"


def resolve_position(position: int, length: int) -> int:
    """A position as a non-negative index; raises StabilityError outside a prompt of that length."""
    if not -length <= position < length:
        raise StabilityError(
            f"A position must be between {-length} and {length - 1} for this prompt "
            f"of {length} tokens; received {position}: choose one of its tokens."
        )
    return position % length
