"""Where weights lie with `auto`: on the cards what they have room for, from the last block down."""

import pytest
import torch
from support.families import FAMILIES
from support.ggufs import refused
from support.models import random_model, save_model

from stability.models import load, loading, memory, placement
from stability.models.placement import move
from stability.models.precision import AUTO
from stability.models.requirements import SHARE_FOR_WEIGHTS

CARDS = ["cuda:0", "cuda:1"]


def a_model(tied=False, dtype=torch.bfloat16):
    config = FAMILIES["llama"]()
    config.tie_word_embeddings = tied
    return random_model(config).to(dtype)


def size(model, *parts):
    """Bytes of the parameters whose names hold one of the parts."""
    weights = model.named_parameters()
    return sum(weight.nbytes for name, weight in weights if any(part in name for part in parts))


def homes(model, first, second=0):
    """Where weights go when the cards have so much room for them."""
    room = first + placement.bytes_to_compute(model), second
    free = {card: -int(-size // SHARE_FOR_WEIGHTS) for card, size in zip(CARDS, room, strict=True)}
    return placement.placement(model, "m", free)


def at(homes, device):
    return {name for name, home in homes.items() if home == device}


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_model_that_the_first_card_holds_lies_there_whole(dtype):
    model = a_model(dtype=dtype)
    assert set(homes(model, size(model, ""), 10**9).values()) == {"cuda:0"}


def test_the_first_card_is_filled_from_the_last_block_then_the_next_then_main_memory():
    model = a_model()
    found = homes(model, size(model, "layers.1", "model.norm"), size(model, "layers.0"))
    names = [name for name, _ in model.named_parameters()]
    assert at(found, "cuda:0") == {n for n in names if "layers.1" in n or "model.norm" in n}
    assert at(found, "cuda:1") == {n for n in names if "layers.0" in n}
    assert at(found, "cpu") == {"model.embed_tokens.weight", "lm_head.weight"}


def test_no_card_takes_more_than_it_has_room_for():
    model = a_model()
    weights = dict(model.named_parameters())
    for share in (0.0, 0.2, 0.5, 0.9):
        room = int(share * size(model, ""))
        found = homes(model, room, room // 3)
        assert found.keys() == weights.keys()
        for card, most in zip(CARDS, (room, room // 3), strict=True):
            # what is rounded up of the room may take one byte more
            assert sum(weights[name].nbytes for name in at(found, card)) <= most + 1


@pytest.mark.parametrize(
    ("dtype", "tied", "home"),
    [
        (torch.float32, False, "cuda:0"),
        (torch.float32, True, "cuda:0"),
        # the readout's copy in float32 serves for it
        (torch.bfloat16, False, "cpu"),
        (torch.bfloat16, True, "cpu"),
    ],
)
def test_the_unembedding_lies_where_all_is_computed_unless_its_copy_does(dtype, tied, home):
    name = "model.embed_tokens.weight" if tied else "lm_head.weight"
    assert homes(a_model(tied, dtype), 0)[name] == home


def test_a_card_without_room_to_compute_is_refused():
    refused(
        lambda: placement.placement(a_model(), "m", {"cuda:0": 10**6, "cuda:1": 10**12}),
        "'m' takes 201 MB for these, and cuda:0 has 1 MB free: use device='cpu'.",
    )


def test_parameters_move_home_and_buffers_to_where_all_is_computed():
    model = a_model(tied=True)
    moved = dict.fromkeys(dict(model.named_parameters()), "cpu")
    before = [weight.data_ptr() for weight in model.parameters()]
    move(model, moved, "meta")
    assert [weight.data_ptr() for weight in model.parameters()] == before
    assert {buffer.device.type for buffer in model.buffers()} == {"meta"}
    assert model.lm_head.weight is model.model.embed_tokens.weight


def test_with_auto_all_cards_are_asked_and_the_first_computes(monkeypatch):
    asked, moves = [], []
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(placement, "free_on", lambda card: asked.append(card) or 10**9)
    monkeypatch.setattr(placement, "move", lambda model, homes, first: moves.append((homes, first)))
    assert placement.place(a_model(), "m", AUTO) == torch.device("cuda:0")
    assert asked == CARDS
    [(found, first)] = moves
    assert first == "cuda:0"
    assert set(found.values()) == {"cuda:0"}


def test_without_a_card_auto_is_the_processor(tmp_path, monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    lm = load(str(save_model(tmp_path, FAMILIES["llama"]())), device=AUTO)
    assert lm.network.device == torch.device("cpu")
    assert lm.network.model is lm.model


def test_with_auto_a_model_that_main_memory_does_not_hold_is_refused_before_it_is_read(
    tmp_path, monkeypatch
):
    folder = str(save_model(tmp_path, FAMILIES["llama"]()))
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    monkeypatch.setattr(memory, "memory_at_hand", lambda: 10**8)
    monkeypatch.setattr(loading, "read_model", None)
    refused(
        lambda: load(folder, device=AUTO),
        f"{folder} in float32 needs about 201 MB, and main memory has 100 MB free",
    )
