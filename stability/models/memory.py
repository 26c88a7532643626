"""Memory at hand: of this process's machine or container, and of a CUDA card."""

from collections.abc import Iterator
from pathlib import Path

from stability.errors import StabilityError
from stability.models.precision import AUTO, default_device
from stability.models.requirements import Requirements
from stability.text import in_bytes

CGROUPS = Path("/sys/fs/cgroup")
MEMBERSHIP = Path("/proc/self/cgroup")
# names of the limit, the usage, and in `memory.stat` the cached files that the kernel drops first
_V1 = ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
_V2 = ("memory.max", "memory.current", "inactive_file")


def require_memory(
    requirements: Requirements, dtype: str, device: str | None = None, reclaimable: int = 0
) -> None:
    """Raise StabilityError for a model that does not fit into the memory at hand.

    The system ends a process that takes more than there is, with all that its visitors look at.
    With the device `auto` main memory must hold it, and the first card what it takes to compute.
    `reclaimable` bytes will be free before the model is loaded. A model of unknown size passes.
    """
    needed = requirements.memory(dtype)
    if needed is None:
        return
    card, is_spread = _card(device), device == AUTO
    # a model is read into main memory first, wherever it goes from there
    places = [("main memory", needed, memory_at_hand())]
    if card:
        there = requirements.memory_to_compute or 0 if is_spread else needed
        places.append(("the card", there, _free_on(card)))
    for place, takes, free in places:
        if takes > free + reclaimable:
            remedies = ["choose a smaller model", *(["bfloat16"] if dtype == "float32" else ())]
            if place == "the card":
                remedies.append("the CPU" if is_spread else "auto as device")
            raise StabilityError(
                f"A model must fit into the memory at hand; {requirements.title} in {dtype} needs "
                f"about {in_bytes(takes)}, and {place} has {in_bytes(free)} free: "
                f"{', or '.join(remedies)}."
            )


def memory_at_hand() -> int:
    """Bytes of main memory that this process can still take: the least that any limit leaves."""
    import psutil

    return max(min([psutil.virtual_memory().available, *_left_in_cgroups()]), 0)


def free_on(device: str) -> int:
    """Bytes that a device can still take."""
    return _free_on(device) if device.startswith("cuda") else memory_at_hand()


def _card(device: str | None) -> str | None:
    """The CUDA card that a device names, or that is the first one; None for the CPU."""
    device = default_device() if device in {None, AUTO} else str(device)
    return device if device.startswith("cuda") else None


def _free_on(card: str) -> int:
    import torch

    free, _ = torch.cuda.mem_get_info(card)
    return free


def _left_in_cgroups() -> Iterator[int]:
    """What the memory limit of each control group that holds this process leaves, on Linux."""
    try:
        lines = MEMBERSHIP.read_text().splitlines()
    except OSError:
        return
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controllers and "memory" not in controllers.split(","):
            continue
        root, names = (CGROUPS / "memory", _V1) if controllers else (CGROUPS, _V2)
        # inside a container the path may be that of the host: what is not there limits nothing
        group = root / path.lstrip("/")
        for folder in (group, *group.parents):
            if folder == root or root in folder.parents:
                yield from _left(folder, *names)


def _left(folder: Path, limit: str, usage: str, dropped_first: str) -> Iterator[int]:
    try:
        most, used = (int((folder / name).read_text()) for name in (limit, usage))
        statistics = (folder / "memory.stat").read_text().split()
    # absent, or the word `max`
    except (OSError, ValueError):
        return
    counts = dict(zip(statistics[::2], statistics[1::2], strict=True))
    yield most - used + int(counts.get(dropped_first, 0))
