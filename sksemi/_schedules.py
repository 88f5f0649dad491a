"""Schedules: pure functions of the epoch, a 0-d tensor."""


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
