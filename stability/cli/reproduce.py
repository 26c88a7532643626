"""`reproduce`: the sources' claims beside what was measured, here or before."""

import argparse
import json
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from stability.cli.commands import keep_all, load_model
from stability.errors import StabilityError

if TYPE_CHECKING:
    from stability.models import LanguageModel

RADII, DOSES = "radii", "doses"


def run_reproduce(options: argparse.Namespace) -> None:
    """`reproduce`: the sources' claims beside what was measured on the packaged models."""
    from stability.cli.console import claims_text
    from stability.reproduction import settings
    from stability.reproduction.claims import measured_claims
    from stability.reproduction.dose_claims import dose_claims

    if options.page and options.only:
        raise StabilityError(
            f"A page of results tells of radii and of doses; received --only {options.only}: leave it "
            "out."
        )
    folder = options.measure or settings.RESULTS
    if options.measure:
        for model in options.models:
            _measure(model, folder, options.only)
    radii_of = options.models if options.only != DOSES else []
    tables = {model: settings.shipped(model, folder) for model in radii_of}
    doses = {
        model: settings.shipped(model, folder, settings.DOSES)
        for model in options.models
        if options.only == DOSES
        or (options.only is None and settings.has_results(model, folder, settings.DOSES))
    }
    claims = {model: measured_claims(table) for model, table in tables.items()}
    of_doses = {model: dose_claims(table) for model, table in doses.items()}
    if options.page:
        from stability.reproduction.page import write_page

        write_page(options.page, tables, claims, doses, of_doses)
    both = {model: [*claims.get(model, ()), *of_doses.get(model, ())] for model in options.models}
    if options.json:
        report = {model: [claim.report() for claim in part] for model, part in both.items()}
        print(json.dumps(report, allow_nan=False))
    else:
        print("\n\n\n".join(claims_text(model, part) for model, part in both.items()))


def _measure(model: str, folder: Path, only: str | None) -> None:
    """Run the sweeps of the reproduction on one model, and write the rows of each kind into a file."""
    lm = load_model(model)
    for name, measure in ((RADII, _measure_radii), (DOSES, _measure_doses)):
        if only in (None, name):
            measure(lm, model, folder)


def _measure_radii(lm: "LanguageModel", model: str, folder: Path) -> None:
    from stability.reproduction import settings
    from stability.sweeps.measurement import outcomes
    from stability.sweeps.prompts import read_prompts
    from stability.sweeps.sweep import Sweep

    tables = []
    for setting in settings.sweep_settings(lm.card):
        plan, sweep = setting.plan, Sweep(folder / "sweeps" / model / setting.name)
        prompts = setting.prompts(read_prompts(settings.PROMPTS))
        with sweep.claimed(plan, prompts, lm.card):
            measure = partial(outcomes, lm, plan)
            keep_all(sweep, prompts, measure, f"{model}, {setting.name}")
        tables.append(sweep.table())
    settings.write_results(tables, settings.RADII.file(model, folder))


def _measure_doses(lm: "LanguageModel", model: str, folder: Path) -> None:
    from stability.reproduction import settings
    from stability.sweeps.doses import DOSES as SCHEMA
    from stability.sweeps.doses import dose_outcomes
    from stability.sweeps.prompts import read_prompts
    from stability.sweeps.sweep import Sweep

    plan, sweep = settings.dose_plan(lm.card), Sweep(folder / "sweeps" / model / DOSES)
    prompts = read_prompts(settings.PROMPTS)[:: settings.EVERY_DOSE]
    with sweep.claimed(plan, prompts, lm.card, SCHEMA):
        keep_all(sweep, prompts, partial(dose_outcomes, lm, plan), f"{model}, doses")
    settings.write_results([sweep.table()], settings.DOSES.file(model, folder), settings.DOSES)
