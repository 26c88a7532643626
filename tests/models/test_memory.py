"""Memory at hand: the least of what the machine and its control groups leave."""

from types import SimpleNamespace

import psutil
import pytest
from support.ggufs import refused

from stability.models import memory
from stability.models.requirements import WORKING, Requirements, Weights


@pytest.fixture
def machine(monkeypatch, tmp_path):
    """A machine with 1000 bytes free, and the control groups that a test writes."""
    monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(available=1000))
    monkeypatch.setattr(memory, "CGROUPS", tmp_path / "cgroups")
    monkeypatch.setattr(memory, "MEMBERSHIP", tmp_path / "membership")
    return tmp_path


def group(folder, **files):
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / name.replace("__", ".")).write_text(f"{content}\n")


def v2(limit, used, inactive):
    return {
        "memory__max": limit,
        "memory__current": used,
        "memory__stat": f"anon 5\ninactive_file {inactive}",
    }


def test_without_control_groups_the_machine_alone_tells(machine):
    assert memory.memory_at_hand() == 1000


@pytest.mark.parametrize(
    ("limits", "left"),
    [
        # files that nobody has read lately are dropped before a process is ended
        ({"a/b": v2(900, 500, 100)}, 500),
        # a group above may leave less
        ({"a/b": v2("max", 5, 0), "a": v2(700, 600, 0)}, 100),
        ({"a/b": v2(5000, 100, 0)}, 1000),
        ({"a/b": v2(100, 400, 0)}, 0),
        # in a container the path is often the host's, and its own group is the root
        ({"": v2(300, 100, 0)}, 200),
    ],
)
def test_a_group_of_version_2_leaves_what_its_limit_does(machine, limits, left):
    (machine / "membership").write_text("0::/a/b\n")
    for path, files in limits.items():
        group(machine / "cgroups" / path, **files)
    assert memory.memory_at_hand() == left


def test_a_group_of_version_1_leaves_what_its_limit_does(machine):
    (machine / "membership").write_text("7:cpu,cpuacct:/a\n4:memory:/a\n")
    group(
        machine / "cgroups" / "memory" / "a",
        memory__limit_in_bytes=900,
        memory__usage_in_bytes=800,
        memory__stat="total_inactive_file 50",
    )
    assert memory.memory_at_hand() == 150


def sized(parameters):
    return Requirements("M", "none", 0, Weights(parameters, 0, 0))


def test_a_model_that_does_not_fit_is_refused_with_both_numbers(monkeypatch):
    monkeypatch.setattr(memory, "memory_at_hand", lambda: 4_000_000_000)
    exactly = (4_000_000_000 - WORKING) // 4
    memory.require_memory(sized(exactly), "float32", "cpu")
    more = sized(exactly + 1_000_000_000)
    refused(
        lambda: memory.require_memory(more, "float32", "cpu"),
        "M in float32 needs about 8.0 GB, and main memory has 4.0 GB free",
        "bfloat16",
    )
    assert "or bfloat16" not in str(refused(lambda: memory.require_memory(more, "bfloat16", "cpu")))
    memory.require_memory(more, "float32", "cpu", reclaimable=4_000_000_000)


def test_a_card_must_hold_the_model_too(monkeypatch):
    monkeypatch.setattr(memory, "memory_at_hand", lambda: 10**12)
    monkeypatch.setattr(memory, "_free_on", {"cuda:1": 10**9}.get)
    refused(
        lambda: memory.require_memory(sized(10**9), "float32", "cuda:1"), "the card has 1.0 GB free"
    )
    memory.require_memory(sized(10**8), "float32", "cuda:1")


def test_with_auto_a_card_must_hold_what_computing_takes_and_main_memory_the_model(monkeypatch):
    monkeypatch.setattr(memory, "default_device", lambda: "cuda:0")
    monkeypatch.setattr(memory, "_free_on", {"cuda:0": 10**9}.get)
    monkeypatch.setattr(memory, "memory_at_hand", lambda: 10**10)
    model = Requirements("M", "none", 0, Weights(2 * 10**9, 100_000_000, 50_000))
    memory.require_memory(model, "float32", "auto")
    refused(lambda: memory.require_memory(model, "float32"), "the card", "or auto as device.")
    wide = Requirements("M", "none", 0, Weights(2 * 10**9, 200_000_000, 50_000))
    # (4 · 2e8 + 4,000 · 50,000 + WORKING) / 0.9
    refused(
        lambda: memory.require_memory(wide, "bfloat16", "auto"),
        "needs about 1.3 GB, and the card has 1.0 GB free: choose a smaller model, or the CPU.",
    )
    refused(
        lambda: memory.require_memory(sized(10**10), "float32", "auto"), "main memory has 10 GB"
    )


def test_a_model_of_unknown_size_passes(monkeypatch):
    monkeypatch.setattr(memory, "memory_at_hand", lambda: 0)
    memory.require_memory(Requirements("M", "none", None, None), "float32", "cpu")
    assert Requirements("M", "none", None, None).memory_to_compute is None
