"""What a person does on the page, each timed many times."""

import json
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import cycle

from stability.bench.latency.page import LIVE, ROOT, Page, Timing

PROMPTS = (
    "The opposite of hot is",
    "One plus one makes",
    "The sun rises in the",
    "Roses are red and",
)
# milliseconds of rest before an event that does not ask the server
BROWSER_REST = 60
RAY = f"{ROOT}.dataset.ray"
# the block from which the middle ones are looked at
MIDDLE = 12

Action = Callable[[Page, int], Iterator[Timing]]


def _differs(testid: str, before: str) -> str:
    return (
        f"document.querySelector('[data-testid=\"{testid}\"]').textContent !== {json.dumps(before)}"
    )


def _slider(testid: str, shown: str) -> Action:
    """Move a slider by its keys; a part of the page tells its value."""

    def act(page: Page, times: int) -> Iterator[Timing]:
        handle = page.page.get_by_test_id(testid).first
        for _, key in zip(range(times), cycle(["ArrowRight"] * 5 + ["ArrowLeft"] * 5)):
            page.rest(BROWSER_REST)
            yield page.timed(partial(handle.press, key), _differs(shown, page.text(shown)))

    return act


def units(page: Page, times: int) -> Iterator[Timing]:
    """Lengths in hundredths of the norm, and back."""
    button = page.page.get_by_role("button", name="% of norm")
    for _ in range(times):
        page.rest(BROWSER_REST)
        yield page.timed(button.click, _differs("predicted", page.text("predicted")))


def token_set(page: Page, times: int) -> Iterator[Timing]:
    """Choose next tokens whose joint probability is shown, and let them go."""
    buttons = page.page.get_by_test_id("figure-next").locator("button[aria-pressed]")
    for turn in range(times):
        page.rest(BROWSER_REST)
        button = buttons.nth(turn % 3)
        before = json.dumps(page.text("figure-shares"))
        shown = f"document.querySelector('[data-testid=figure-shares]').textContent !== {before}"
        yield page.timed(button.click, shown)


def direction(page: Page, times: int) -> Iterator[Timing]:
    """Click an eigenvalue."""
    for rank in [1 + turn % 8 for turn in range(times)]:
        yield _other_ray(page, page.page.get_by_test_id(f"eigen-{rank}").click)
    _other_ray(page, page.page.get_by_test_id("eigen-0").click)


def token(page: Page, times: int) -> Iterator[Timing]:
    """Click a token of the prompt."""
    for position in [3 - turn % 4 for turn in range(times)]:
        yield _other_ray(page, page.page.get_by_test_id(f"token-{position}").click)


def prompt(page: Page, times: int) -> Iterator[Timing]:
    """Write another prompt, none twice."""
    field = page.page.get_by_label("Prompt", exact=True).first
    for turn in range(times):
        page.settle()
        field.fill(f"{PROMPTS[turn % len(PROMPTS)]} {turn}")
        yield _other_ray(page, lambda: field.press("Control+Enter"))


def together(pages: Sequence[Page]) -> Iterator[Timing]:
    """Several visitors who each submit a prompt of their own at the same moment."""
    fields = [page.page.get_by_label("Prompt", exact=True).first for page in pages]
    for number, (page, field) in enumerate(zip(pages, fields, strict=True)):
        field.fill(f"{PROMPTS[number % len(PROMPTS)]} number {number}")
        page.expect(_other(page))
    for field in fields:
        field.press("Enter")
    for page in pages:
        yield page.answer()


def _other_ray(page: Page, act: Callable[[], None]) -> Timing:
    """Do what asks for another ray, until the truth of it is drawn."""
    page.settle()
    return page.timed(act, _other(page))


def _other(page: Page) -> str:
    """That the truth of another ray than the present one is drawn."""
    before = json.dumps(page.page.evaluate(RAY))
    return f"{RAY} !== {before} && {ROOT}.dataset.line === 'exact'"


# the name of each, what it does, and how often for once that is asked for
ACTIONS: dict[str, tuple[Action, int]] = {
    "ε": (_slider("epsilon", "predicted"), 4),
    "t": (_slider("t", "kl-at-t"), 4),
    "units": (units, 4),
    "set of tokens": (token_set, 4),
    "direction": (direction, 1),
    "token": (token, 1),
    "prompt": (prompt, 1),
}


def below(page: Page, address: str, times: int) -> Iterator[tuple[str, Timing]]:
    """Another block, in the middle: the closed form first, then the truth."""
    page.page.goto(f"{address}/?site=block:{MIDDLE}")
    page.until(f"{ROOT}?.dataset.line === 'sampled'")
    up = page.page.get_by_test_id("stNumberInputStepUp").last
    for _ in range(times):
        page.settle()
        before = json.dumps(page.page.evaluate(RAY))
        yield "below the readout, closed form", page.timed(up.click, f"{RAY} !== {before}")
        whole = page.again(f"{ROOT}.dataset.line === 'sampled'")
        yield "below the readout, truth", whole


def visit_empty(page: Page, address: str) -> Iterator[tuple[str, Timing]]:
    """A visitor of a page with nothing on it but its title."""
    page.page.goto(address)
    yield "an empty page of Streamlit", page.since_opened("document.querySelector('h1') !== null")


def visit(page: Page, address: str) -> Iterator[tuple[str, Timing]]:
    """A new visitor: the first picture, and the live instrument."""
    page.page.goto(address)
    yield "first picture", page.since_opened(f"{ROOT}?.dataset.ray !== undefined")
    yield "live", page.since_opened(LIVE)
