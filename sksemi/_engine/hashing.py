"""Hashes of rows: the same for equal values, whatever rows come with them."""

import numpy as np

GOLDEN = np.uint64(0x9E3779B97F4A7C15)  # 2**64 over the golden ratio, odd


def row_hashes(x):
    """Hash of each row's values as float32.

    Parameters
    ----------
    x : Tensor of shape (n_rows, n_features) of float32

    Returns
    -------
    ndarray of shape (n_rows,) of uint64
    """
    # + 0.0 makes a zero of a negative zero
    bits = (x + 0.0).cpu().numpy().view(np.uint32)
    multipliers = scrambled(np.arange(1, x.shape[1] + 1, dtype=np.uint64) * GOLDEN)
    return (bits * (multipliers | np.uint64(1))).sum(1, dtype=np.uint64)


def scrambled(n):
    """Mix the bits of 64-bit numbers (the finalizer of splitmix64, Steele 2014)."""
    n = (n ^ (n >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    n = (n ^ (n >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return n ^ (n >> np.uint64(31))


def uniforms(hashes, n):
    """Numbers in [0, 1) that hashes decide, as good as independent.

    Parameters
    ----------
    hashes : ndarray of shape (n_rows,) of uint64
    n : int

    Returns
    -------
    ndarray of shape (n_rows, n) of float64
    """
    steps = np.arange(1, n + 1, dtype=np.uint64) * GOLDEN
    bits = scrambled(scrambled(hashes)[:, None] + steps)
    return (bits >> np.uint64(11)) * 2.0**-53
