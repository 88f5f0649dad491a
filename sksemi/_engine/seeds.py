"""Random numbers: seeding, states that are given back, noise common to all rows."""

import threading
from contextlib import contextmanager

import torch

# torch's generators are shared by all threads of a process.
_RNG_LOCK = threading.RLock()


@contextmanager
def seeded(seed, device):
    """Seed torch's generators of the CPU and one device, then give them back.

    Parameters
    ----------
    seed : int or None
        None leaves the generators as they are.
    device : torch.device
    """
    devices = [device.index] if device.type == "cuda" else []
    with _RNG_LOCK, torch.random.fork_rng(devices=devices):
        if seed is not None:
            reseed(seed, device)
        yield


def reseed(seed, device):
    """Seed the generators of the CPU and one device; not those of every GPU."""
    torch.default_generator.manual_seed(seed)
    if device.type == "cuda":
        torch.cuda.default_generators[device.index].manual_seed(seed)


def get_rng_state(device):
    """State of the generators that training on a device draws from."""
    state = {"cpu": torch.get_rng_state()}
    if device.type == "cuda":
        state["cuda"] = torch.cuda.get_rng_state(device)
    return state


def set_rng_state(state, device):
    """Put back what `get_rng_state` returned."""
    torch.set_rng_state(state["cpu"])
    if device.type == "cuda" and "cuda" in state:
        torch.cuda.set_rng_state(state["cuda"], device)


def common_noise(shape, seed):
    """Draw standard normal noise that all rows of an inference share.

    Parameters
    ----------
    shape : tuple of int
        (n_draws, dimension).
    seed : int

    Returns
    -------
    Tensor of that shape, on the CPU
    """
    generator = torch.Generator().manual_seed(int(seed))
    return torch.randn(shape, generator=generator)
