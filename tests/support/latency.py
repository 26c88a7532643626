"""How long a person waits: from an event on a server of the app to the painted answer.

`python -m support.latency [sessions]`, in the folder `tests`. A line says what was done, how often, the
median and the longest, in milliseconds; then what came over the socket.
"""

import statistics
import sys
import threading
import time

from support.browser import CHROMIUM, FLAGS, serving

# resolves in the frame after the one in which the instrument has drawn a new text
PAINTED = """([id, before]) => new Promise((done) => {
  const look = () => {
    const text = document.querySelector(`[data-testid="${id}"]`)?.innerText ?? "";
    if (text && text !== before) requestAnimationFrame(() => done(performance.now()));
    else requestAnimationFrame(look);
  };
  look();
})"""
PROMPTS = ("Once upon a time", "def fibonacci(n):", "The sky is", "2 + 2 =", "My cat likes to eat")


class Visitor:
    """A browser on the Explore page, which counts what it is sent."""

    def __init__(self, browser, address):
        self.page = browser.new_context().new_page()
        self.received = 0
        self.page.on("websocket", lambda socket: socket.on("framereceived", self._count))
        self.page.goto(address)
        self.page.get_by_test_id("predicted").wait_for(timeout=120_000)

    def _count(self, frame):
        self.received += len(frame)

    def painted(self, act, watched="verdict"):
        """Milliseconds from an act to a painted change of what is watched."""
        before = self.page.get_by_test_id(watched).inner_text()
        start = self.page.evaluate("performance.now()")
        act()
        return self.page.evaluate(PAINTED, [watched, before]) - start


def tell(name, times, received=0):
    """Print a line of the table."""
    median, longest = statistics.median(times), max(times)
    print(f"{name:24} n {len(times)} median {median:6.0f} longest {longest:6.0f}  {received} bytes")


def alone(visitor):
    """One person on a quiet server."""
    page = visitor.page

    def measure(name, acts, watched="verdict"):
        visitor.received, times = 0, []
        for act in acts:
            times.append(visitor.painted(act, watched))
            page.wait_for_timeout(1000)
        tell(name, times, visitor.received // len(times))

    epsilon = page.get_by_test_id("epsilon")
    epsilon.focus()
    measure("ε", [lambda: page.keyboard.press("ArrowRight")] * 5)
    measure("direction", [page.get_by_test_id(f"eigen-{i}").click for i in (1, 2, 3, 4)])
    measure("token", [page.get_by_test_id(f"token-{i}").click for i in (1, 2, 3)])

    def submit(prompt):
        box = page.get_by_label("Prompt", exact=True)
        box.fill(prompt)
        box.press("Enter")

    measure("prompt", [lambda prompt=prompt: submit(prompt) for prompt in PROMPTS])


def together(address, count):
    """So many people who submit a prompt of their own at the same moment."""
    from playwright.sync_api import sync_playwright

    ready, waits = threading.Barrier(count), []

    def visit(number):
        with sync_playwright() as driver:
            browser = driver.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
            visitor = Visitor(browser, address)
            box = visitor.page.get_by_label("Prompt", exact=True)
            box.fill(f"{PROMPTS[number % len(PROMPTS)]} {number}")
            ready.wait()
            waits.append(visitor.painted(lambda: box.press("Enter")))
            browser.close()

    threads = [threading.Thread(target=visit, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    tell(f"{count} prompts together", waits)


def main():
    """Measure a server that has just been started, then a warm one."""
    from playwright.sync_api import sync_playwright

    with serving() as address:
        with sync_playwright() as driver:
            browser = driver.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
            for name in ("fresh server", "warm server"):
                start = time.monotonic()
                visitor = Visitor(browser, address)
                tell(name, [1000 * (time.monotonic() - start)], visitor.received)
                visitor.page.wait_for_timeout(30_000 if name == "fresh server" else 1000)
            alone(visitor)
            browser.close()
        together(address, int(sys.argv[1]) if len(sys.argv) > 1 else 6)


if __name__ == "__main__":
    main()
