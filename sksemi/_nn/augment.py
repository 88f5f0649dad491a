"""Noise and shifts of rows while training."""

import torch
from torch import nn
from torch.nn import functional as F


class Augment(nn.Module):
    """Random shifts of images and noise on what the encoder sees, while training.

    Parameters
    ----------
    input_noise : float or "auto"
        Standard deviation. "auto" is, for tables, the distance between neighbors and
        at least 0.2; 0.1 for images that are shifted too and 0.03 for others.
    max_shift : int or "auto"
        Largest shift in pixels, 0 for tables. "auto" is 1 with labels and 0 without,
        where shifts lead clusters astray.
    image_shape : tuple of (channels, height, width) or None
        None for tables.
    n_labels : int
        Distinct labels.
    neighbor_distance : float, default=0.0
        Distance of a row to its nearest other row, per feature.
    """

    def __init__(
        self, input_noise, max_shift, image_shape, n_labels, neighbor_distance=0.0
    ):
        super().__init__()
        if max_shift == "auto":
            max_shift = int(n_labels > 0)
        if input_noise == "auto":
            for_images = 0.1 if max_shift else 0.03
            for_tables = max(0.2, neighbor_distance)
            input_noise = for_tables if image_shape is None else for_images
        self.image_shape = image_shape
        self.deviation = input_noise
        self.max_shift = 0 if image_shape is None else max_shift

    @property
    def changes_rows(self):
        """Whether a row looks different each time it is seen."""
        return bool(self.training and (self.max_shift or self.deviation))

    def shift(self, x):
        """Rows, shifted while training: (n, n_features) -> the same."""
        if self.training and self.max_shift:
            return shift_images(x, self.image_shape, self.max_shift)
        return x

    def noise(self, x):
        """Rows with noise while training: (n, n_features) -> the same."""
        if self.training and self.deviation:
            return x + self.deviation * torch.randn_like(x)
        return x


def shift_images(x, image_shape, max_shift):
    """Shift each image by a random whole number of pixels, edges repeated.

    Parameters
    ----------
    x : Tensor of shape (n_rows, C * H * W)
    image_shape : tuple of (channels, height, width)
    max_shift : int
        The largest shift along either axis, in pixels.

    Returns
    -------
    Tensor of shape (n_rows, C * H * W)
    """
    n = len(x)
    _, height, width = image_shape
    images = F.pad(x.unflatten(1, image_shape), [max_shift] * 4, mode="replicate")
    offset = torch.randint(2 * max_shift + 1, (2, n, 1), device=x.device)
    rows = offset[0] + torch.arange(height, device=x.device)  # (n, H)
    columns = offset[1] + torch.arange(width, device=x.device)  # (n, W)
    batch = torch.arange(n, device=x.device)[:, None, None]
    # (n, H, W, C) from advanced indices around a slice
    shifted = images[batch, :, rows[:, :, None], columns[:, None, :]]
    return shifted.permute(0, 3, 1, 2).flatten(1)
