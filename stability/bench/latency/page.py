"""A page of the app in a browser, whose events are timed and whose messages are counted."""

from collections.abc import Callable
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

from stability.errors import StabilityError

# milliseconds within which anything must have been drawn
PATIENCE = 180_000
# milliseconds of silence after which nothing more is expected
QUIET = 1500
# the root of the instrument, which says what it shows
ROOT = "document.querySelector('.instrument')"
# the picture that stands before Streamlit runs is not live yet
IS_FIRST = "document.getElementById('first-picture') !== null"
LIVE = f"!({IS_FIRST}) && {ROOT}?.dataset.line === 'exact' && {ROOT}?.dataset.plane !== undefined"


@dataclass(frozen=True)
class Timing:
    """One event: milliseconds to the painted answer, and bytes over the connection meanwhile."""

    milliseconds: float
    received: int
    sent: int


class Page:
    """A page, and how much its connection to the server has carried."""

    def __init__(self, browser: Any) -> None:
        self.page = browser.new_page(viewport={"width": 1440, "height": 900})
        self.page.set_default_timeout(PATIENCE)
        self.page.add_init_script(files(__package__).joinpath("painted.js").read_text("utf-8"))
        self.page.on("websocket", self._count)
        self.received = self.sent = 0
        self._before, self._expected = (0, 0), ""

    def open(self, address: str) -> None:
        """Open an address, and wait until it shows all of its instrument, and nothing more comes."""
        self.page.goto(address)
        self.until(LIVE)
        self.settle()

    def until(self, shown: str) -> float:
        """Wait until an expression in JavaScript holds; the milliseconds since the last event."""
        return self._awaited(f"latency.painted(() => {shown})", shown)

    def since_opened(self, shown: str) -> Timing:
        """From the start of the page until an expression holds."""
        return Timing(self.until(shown), self.received, self.sent)

    def timed(self, act: Callable[[], Any], shown: str) -> Timing:
        """Do something by hand, and wait until an expression holds that did not before."""
        self.expect(shown)
        act()
        return self.answer()

    def expect(self, shown: str) -> None:
        """Look out for an expression that does not hold yet, for what is done next."""
        self._before, self._expected = (self.received, self.sent), shown
        self.page.evaluate(f"globalThis.answer = latency.painted(() => {shown}), null")

    def answer(self) -> Timing:
        """Wait until what is expected holds."""
        return self._timing(self._awaited("globalThis.answer", self._expected))

    def again(self, shown: str) -> Timing:
        """From the same event until another expression holds."""
        return self._timing(self.until(shown))

    def _awaited(self, promised: str, shown: str) -> float:
        from playwright.sync_api import Error

        try:
            return float(self.page.evaluate(promised))
        except Error as error:
            raise StabilityError(
                f"The page must show its answer within three minutes; it does not hold that {shown}: "
                "look at the app in a browser."
            ) from error

    def _timing(self, milliseconds: float) -> Timing:
        received, sent = self._before
        return Timing(milliseconds, self.received - received, self.sent - sent)

    def text(self, testid: str) -> str:
        """What a part says."""
        said: str = self.page.get_by_test_id(testid).first.text_content()
        return said

    def rest(self, milliseconds: float) -> None:
        """Let everything settle that is still sent or computed."""
        self.page.wait_for_timeout(milliseconds)

    def settle(self) -> None:
        """Wait until neither side has said anything for a while, at most as long as for an answer."""
        for _ in range(PATIENCE // QUIET):
            before = self.received, self.sent
            self.rest(QUIET)
            if before == (self.received, self.sent):
                return

    def close(self) -> None:
        """Close the page."""
        self.page.close()

    def _count(self, connection: Any) -> None:
        def received(data: str | bytes) -> None:
            self.received += len(data)

        def sent(data: str | bytes) -> None:
            self.sent += len(data)

        connection.on("framereceived", received)
        connection.on("framesent", sent)
