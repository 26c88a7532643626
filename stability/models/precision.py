"""The precisions that weights are held in, and the devices that they go to."""

# for a device: on cards as much as they hold, the rest in main memory
AUTO = "auto"
# bytes of a weight, the default first
WIDTHS = {"float32": 4, "bfloat16": 2, "float16": 2}


def devices() -> tuple[str, ...]:
    """Return the devices of this computer as torch names them, the default one first."""
    import torch

    return (*(f"cuda:{index}" for index in range(torch.cuda.device_count())), "cpu")


def default_device() -> str:
    """Return the device that a model goes to where none is named: the first card, else the CPU."""
    return devices()[0]
