"""float64, also for tensors on devices that have none."""

import torch

# Apple's GPUs; what needs float64 is computed on the CPU then.
WITHOUT_FLOAT64 = ("mps",)


def double(x):
    """Tensor in float64: on its device, or on the CPU if the device has none."""
    return (x.cpu() if x.device.type in WITHOUT_FLOAT64 else x).double()


def moved(module, device):
    """Move a module, in place; float64 stays on the CPU if the device has none."""
    kept = torch.double if device.type in WITHOUT_FLOAT64 else None
    return module._apply(lambda t: t if t.dtype == kept else t.to(device))
