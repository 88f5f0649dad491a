"""Schedules: pure functions of the epoch, a 0-d tensor."""

import math


def exponential_decay(epoch, rate, floor):
    """Value that decays from 1 and stays at a floor.

    Parameters
    ----------
    epoch : Tensor of shape ()
        Epochs completed so far; the first epoch is 0.
    rate : float
        Decay per epoch.
    floor : float
        The lowest value.

    Returns
    -------
    Tensor of shape ()
        ``max(floor, exp(-rate * epoch))``.
    """
    return (-rate * epoch).exp().clamp(min=floor)


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


def linear_warm_up(epoch, n_epochs):
    """Factor that grows linearly and stays at 1.

    Parameters
    ----------
    epoch : Tensor of shape ()
        Epochs completed so far; the first epoch is 0.
    n_epochs : int
        The epoch, counted from 1, from which on the factor is 1; 0 is 1 throughout.

    Returns
    -------
    Tensor of shape ()
        ``min(1, (epoch + 1) / n_epochs)``.
    """
    return ((epoch + 1) / max(n_epochs, 1)).clamp(max=1)
