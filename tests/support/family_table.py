"""The table of families, `assets/families.md`: what is found of a tiny model of each.

`PYTHONPATH=tests python -m support.family_table` writes it anew.
"""

import re
from dataclasses import dataclass
from functools import cache

from support.families import FAMILIES, Support, language_model, support_of
from support.paths import ROOT

from stability.models import LanguageModel
from stability.models.self_check import SelfCheck, check
from stability.models.state_comparisons import SITES

TABLE = ROOT / "assets" / "families.md"
# below any error that would be one of more than float32's rounding, relative to the largest logit
RIGHT = 1e-5
HEAD = f"""# What works of each family

Written by a test, of {len(FAMILIES)} random models of two or three blocks, on a CPU in float32.

- *Right*: after random pushes at a first, a middle and a last position the logits are those of the
  whole model, pushed by a plain hook, to 1e-5 of the largest.
- *Earlier tokens*: read *by cache*, from the keys, values and states that they leave there; or *anew*
  for every push, where a pass over the next token does not continue the one before it.
- *Holds*: the comparisons of `stability.check` within their limits, of those that could be made.

| family | class | `prelogit` | `final`, `block:L` | earlier tokens | holds | what is missing |
|---|---|---|---|---|---|---|
"""


@dataclass(frozen=True)
class Findings:
    """What is found of a family."""

    name: str
    lm: LanguageModel
    support: Support
    checked: SelfCheck


@cache
def findings_of(name: str) -> Findings:
    """Capture at every site and check a tiny model of a family, once in a process."""
    lm = language_model(FAMILIES[name]())
    return Findings(name, lm, support_of(lm), check(lm))


def row(found: Findings) -> str:
    """A family's line of the table."""
    support, compared = found.support, found.checked.comparisons
    right = "right" if support.wrong < RIGHT else "**wrong**"
    limited = [comparison.holds for comparison in compared if comparison.limit is not None]
    below = right if support.refusal is None else "refused"
    reading = "by cache" if support.keeps_cache else "anew"
    cells = (
        found.name,
        f"`{type(found.lm.model).__name__}`",
        right,
        below,
        reading if support.refusal is None else "–",
        f"{sum(limited)} of {len(limited)}",
        "; ".join(_missing(found)),
    )
    return f"| {' | '.join(cells)} |"


def table() -> str:
    """The whole file."""
    return HEAD + "".join(f"{row(findings_of(name))}\n" for name in FAMILIES)


def _missing(found: Findings) -> list[str]:
    """Why sites are refused, without the sizes of the tiny model; and the comparisons not made."""
    refusals = {re.split("[;:]", why)[0] for why in found.checked.refused.values()}
    words = [re.sub(r"need \d+ blocks", "need blocks", why) for why in sorted(refusals)]
    # where all sites are refused there is nothing below to compare
    skipped = [name for name in found.checked.not_run if not (refusals and name == SITES)]
    if skipped:
        capped = ", for logits are soft-capped" if found.lm.readout.softcap else ""
        words.append(f"not compared{capped}: {', '.join(skipped)}")
    return words


if __name__ == "__main__":
    TABLE.write_text(table(), encoding="utf-8")
