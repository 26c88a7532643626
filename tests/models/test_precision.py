"""Precisions and devices: as torch has them."""

import pytest
import torch

from stability.models.precision import WIDTHS, default_device, devices


def test_a_weight_takes_as_many_bytes_as_torch_gives_it():
    assert {name: getattr(torch, name).itemsize for name in WIDTHS} == WIDTHS


@pytest.mark.parametrize(("cards", "default"), [(0, "cpu"), (1, "cuda:0"), (2, "cuda:0")])
def test_the_first_card_is_the_default_where_there_is_one(monkeypatch, cards, default):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: cards)
    assert default_device() == default
    assert len(devices()) == cards + 1
    assert devices()[-1] == "cpu"
