"""The rules of axe, by which a page is judged."""

from typing import Any

from axe_playwright_python.sync_playwright import Axe


def serious(page: Any) -> list[tuple[str, list[str]]]:
    """What axe finds that keeps somebody out."""
    found = Axe().run(page).response["violations"]
    return [
        (one["id"], [node["html"] for node in one["nodes"]])
        for one in found
        if one["impact"] in ("serious", "critical")
    ]
