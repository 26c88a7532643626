"""What comes with a model is read, and never run: neither its own code nor a pickle."""

import json
import pickle

import pytest
import torch

from stability.errors import StabilityError
from stability.models import load

CODE = """
from pathlib import Path
from transformers import LlamaConfig, LlamaForCausalLM
Path({trap!r}).touch()
class Config(LlamaConfig):
    model_type = "somebodys"
class Model(LlamaForCausalLM):
    config_class = Config
"""


def test_the_code_of_a_model_folder_is_refused_and_not_run(folder, tmp_path, capfd, monkeypatch):
    trap = tmp_path / "sprung"
    (folder / "code.py").write_text(CODE.format(trap=str(trap)))
    config = json.loads((folder / "config.json").read_text())
    names = {"AutoConfig": "code.Config", "AutoModelForCausalLM": "code.Model"}
    own = config | {"model_type": "somebodys", "auto_map": names}
    (folder / "config.json").write_text(json.dumps(own))
    # whoever asks would be told yes
    monkeypatch.setattr("builtins.input", lambda *_: "y")
    with pytest.raises(StabilityError, match=r"Reading the model .* must raise no error"):
        load(str(folder), device="cpu")
    assert not trap.exists()
    assert capfd.readouterr().out == ""


class Trap:
    """Touches a file when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return type(self.path).touch, (self.path,)


def test_weights_that_are_a_pickle_are_refused_and_not_run(folder, tmp_path):
    trap = tmp_path / "sprung"
    (folder / "model.safetensors").unlink()
    torch.save({"model.norm.weight": Trap(trap)}, folder / "pytorch_model.bin")
    with pytest.raises(StabilityError, match=r"has only 'pytorch_model\.bin', a pickle"):
        load(str(folder), device="cpu")
    assert not trap.exists()
    pickle.loads(pickle.dumps(Trap(trap)))
    assert trap.exists()  # or the trap would prove nothing
