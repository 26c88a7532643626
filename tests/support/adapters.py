"""Random LoRA adapters of tiny models."""

import torch
from peft import LoraConfig, get_peft_model
from transformers import AutoModelForCausalLM

IDS = torch.arange(3, 15)[None]


def write_adapter(base, folder, **settings):
    """Write a random LoRA adapter, and return the logits of base and adapter side by side."""
    torch.manual_seed(1)
    config = (
        LoraConfig(r=4, lora_alpha=16, target_modules=["q_proj", "v_proj"])
        if not settings
        else LoraConfig(**settings)
    )
    model = get_peft_model(AutoModelForCausalLM.from_pretrained(base), config).eval()
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if "lora_" in name or "modules_to_save" in name:
                weight.copy_(0.3 * torch.randn_like(weight))
    model.save_pretrained(folder)
    with torch.no_grad():
        return model(input_ids=IDS).logits[0].double()
