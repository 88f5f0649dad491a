"""Schedules of the learning rate: pure functions of the epoch."""

import math


def step_decay(epoch, factor, every):
    """Value that starts at 1 and is multiplied by a factor every so many epochs.

    Parameters
    ----------
    epoch : int or Tensor of shape ()
        Epochs completed so far; the first epoch is 0.
    factor : float
    every : int
        Epochs between two steps.

    Returns
    -------
    float or Tensor of shape ()
        ``factor ** floor(epoch / every)``.
    """
    return factor ** (epoch // every)


def halving(epoch, period, n_steps, auto_steps):
    """Value that starts at 1 and is halved again and again.

    Parameters
    ----------
    epoch : int
        Epochs completed so far; the first epoch is 0.
    period : int, "auto" or None
        Epochs between two steps. "auto" is as many as make ``auto_steps`` training
        steps; None never halves.
    n_steps : int
        Training steps of an epoch.
    auto_steps : int

    Returns
    -------
    float
    """
    if period is None:
        return 1.0
    if period == "auto":
        period = math.ceil(auto_steps / n_steps)
    return step_decay(epoch, 0.5, period)
