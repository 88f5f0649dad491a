"""Random numbers: seeding, states that are given back, noise that is a row's own."""

import threading
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch

from sksemi._engine.hashing import row_hashes, scrambled, uniforms

# torch's generators are shared by all threads of a process.
_RNG_LOCK = threading.RLock()
# Uniform numbers keep so far from 0 and 1.
EDGE = 2.0**-24


@contextmanager
def seeded(seed, device):
    """Seed torch's generators of the CPU and one device, then give them back.

    Parameters
    ----------
    seed : int or None
        None leaves the generators as they are.
    device : torch.device
    """
    with _RNG_LOCK:
        before = get_rng_state(device)
        try:
            if seed is not None:
                reseed(seed, device)
            yield
        finally:
            set_rng_state(before, device)


def reseed(seed, device):
    """Seed the generators of the CPU and one device; not those of every GPU."""
    torch.default_generator.manual_seed(seed)
    if device.type == "cuda":
        torch.cuda.default_generators[device.index].manual_seed(seed)
    elif device.type == "mps":
        torch.mps.manual_seed(seed)


def get_rng_state(device):
    """State of the generators that training on a device draws from."""
    state = {"cpu": torch.get_rng_state()}
    if device.type == "cuda":
        state["cuda"] = torch.cuda.get_rng_state(device)
    elif device.type == "mps":
        state["mps"] = torch.mps.get_rng_state()
    return state


def set_rng_state(state, device):
    """Put back what `get_rng_state` returned, which may have been moved since."""
    state = {name: of_device.cpu() for name, of_device in state.items()}
    torch.set_rng_state(state["cpu"])
    if device.type == "cuda" and "cuda" in state:
        torch.cuda.set_rng_state(state["cuda"], device)
    elif device.type == "mps" and "mps" in state:
        torch.mps.set_rng_state(state["mps"])


class RowNoise:
    """Random numbers of a row's own, whatever rows come with it.

    One block of uniform numbers is drawn for all rows; each row shifts it, modulo 1, by
    numbers that the row's values decide. Over the draws a row has independent numbers,
    and so have two rows of different values in one draw: the mean over rows of a bound
    is as exact as with independent noise.

    Parameters
    ----------
    n_draws, dim : int
    seed : int
    normal : bool, default=True
        Standard normal numbers; else uniform in (0, 1).

    References
    ----------
    R. Cranley and T. Patterson, "Randomization of Number Theoretic Methods for Multiple
    Integration", SIAM Journal on Numerical Analysis 13, 1976.
    """

    def __init__(self, n_draws, dim, seed, normal=True):
        generator = torch.Generator().manual_seed(int(seed))
        shape = (n_draws, dim)
        self.block = torch.rand(shape, generator=generator, dtype=torch.double)
        self.key = scrambled(np.array([seed], np.uint64))
        self.normal = normal

    def of(self, x):
        """Return the draws for rows x (n_rows, n_features) of float32."""
        shift = uniforms(row_hashes(x) ^ self.key, self.block.shape[1])
        return Draws(self.block, torch.from_numpy(shift), self.normal, x.device)


@dataclass
class Draws:
    """Draws (n_draws, n_rows, dim) for some rows, made as they are asked for.

    ``block`` (n_draws, dim) and ``shift`` (n_rows, dim), both in [0, 1).
    """

    block: torch.Tensor
    shift: torch.Tensor
    normal: bool
    device: torch.device

    def __len__(self):
        return len(self.block)

    def __iter__(self):
        """Yield one draw after another: (n_rows, dim)."""
        for draw in self.split(1):
            yield draw[0]

    def split(self, n):
        """Yield n draws at a time: (n, n_rows, dim)."""
        for part in self.block.split(n):
            uniform = (part[:, None] + self.shift) % 1
            uniform = uniform.clamp(EDGE, 1 - EDGE)  # finite normals; in float32 too
            numbers = torch.special.ndtri(uniform) if self.normal else uniform
            yield numbers.to(self.device, torch.float32)
