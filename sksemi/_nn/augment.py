"""Noise and shifts of rows while training."""

import math

import torch
from torch import nn
from torch.nn import functional as F

from sksemi._nn.precision import double

# Rows of a table among which neighbors are looked for, and those whose are; of wide
# tables so many that they have no more values.
SPACED_ROWS, SPACED_QUERIES = 5000, 500
SPACED_VALUES = 10**7


class Augment(nn.Module):
    """Random shifts of images and noise on what the encoder sees, while training.

    Parameters
    ----------
    input_noise : float or "auto"
        Standard deviation. "auto" is 0.1 for images that are shifted too and 0.03 for
        others; for tables 0.2, or what `fit` finds if that is more.
    max_shift : int or "auto"
        Largest shift in pixels, 0 for tables. "auto" is 1 with labels and 0 without,
        where shifts lead clusters astray.
    image_shape : tuple of (channels, height, width) or None
        None for tables.
    n_labels : int
        Distinct labels.
    by_spacing : bool, default=True
        Whether "auto" of tables is more than 0.2 where rows lie further apart.
    """

    def __init__(self, input_noise, max_shift, image_shape, n_labels, by_spacing=True):
        super().__init__()
        if max_shift == "auto":
            max_shift = int(n_labels > 0)
        for_tables = input_noise == "auto" and image_shape is None
        self.by_spacing = by_spacing and for_tables
        if input_noise == "auto":
            for_images = 0.1 if max_shift else 0.03
            input_noise = 0.2 if image_shape is None else for_images
        self.image_shape = image_shape
        self.is_noisy = input_noise > 0
        self.register_buffer("deviation", torch.tensor(float(input_noise)))
        self.max_shift = 0 if image_shape is None else max_shift

    @torch.no_grad()
    def fit(self, data, encoded):
        """Make the noise on a table as large as the spacing of its rows.

        Parameters
        ----------
        data : Data
        encoded : callable
            From rows to rows as the encoder sees them.
        """
        if not self.by_spacing:
            return
        spacing = neighbor_distance(first_rows(data, encoded), SPACED_QUERIES)
        self.deviation.copy_(spacing.clamp(min=float(self.deviation)))

    @property
    def changes_rows(self):
        """Whether a row looks different each time it is seen."""
        return self.training and (self.max_shift > 0 or self.is_noisy)

    def shift(self, x):
        """Rows, shifted while training: (n, n_features) -> the same."""
        if self.training and self.max_shift:
            return shift_images(x, self.image_shape, self.max_shift)
        return x

    def noise(self, x):
        """Rows with noise while training: (n, n_features) -> the same."""
        if self.training and self.is_noisy:
            return x + self.deviation * torch.randn_like(x)
        return x

    def view(self, x):
        """Rows of the view that labels are assigned in: (n, n_features) -> the same.

        Another than is trained on: a network that is taught what it just saw agrees
        before it is right. Tables have noise of their own; images, of which a shift
        is another view, have none.
        """
        return self.noise(x) if self.image_shape is None else x


def first_rows(data, encoded):
    """Rows of the first parts, as the encoder sees them: (n, n_features)."""
    n_features = data.x.shape[1]
    enough = min(SPACED_ROWS, max(SPACED_QUERIES, SPACED_VALUES // n_features))
    rows = torch.empty(min(enough, len(data.codes)), n_features, device=data.device)
    n = 0
    for part in data.parts():
        new = encoded(part.x)[: len(rows) - n]
        rows[n : n + len(new)] = new
        n += len(new)
        if n == len(rows):
            break
    return rows


def neighbor_distance(x, n_queries):
    """Distance of a row to its nearest other row, per feature.

    Parameters
    ----------
    x : Tensor of shape (n_rows, n_features)
    n_queries : int
        The first so many rows are those whose neighbors are looked for.

    Returns
    -------
    Tensor of shape ()
        The median of the distances over the square root of the number of features;
        equal rows do not count as neighbors. 0 where all rows are equal.
    """
    # exact differences: far from 0, products lose what is left of a distance
    center = x.mean(0)
    queries = double(x[:n_queries] - center)

    def distances():  # twice, some rows at a time: all of them are much memory
        for rows in x.split(n_queries):
            yield torch.cdist(queries, double(rows - center))

    equal = 1e-6 * max(d.max() for d in distances())
    nearest = [d.masked_fill_(d <= equal, torch.inf).min(1).values for d in distances()]
    nearest = torch.stack(nearest).min(0).values
    nearest = nearest[nearest.isfinite()]
    if len(nearest) == 0:
        return x.new_zeros(())
    return nearest.quantile(0.5) / math.sqrt(x.shape[1])


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
