"""Networks: an mlp, a convolutional encoder and its mirror, or the user's own."""

import functools
import itertools

import torch
from torch import nn
from torch.nn import functional as F

ACTIVATIONS = {
    "leaky_relu": functools.partial(nn.LeakyReLU, 0.2),
    "relu": nn.ReLU,
    "gelu": nn.GELU,
    "tanh": nn.Tanh,
}

MIN_IMAGE_SIDE = 8


def mlp(sizes, activation, *, activate_last=False, batch_norm=False):
    """Dense layers with an activation between them.

    Parameters
    ----------
    sizes : sequence of int
        Widths, input and output included.
    activation : callable
        Makes an activation module.
    activate_last : bool, default=False
        Whether the last layer is followed by the activation too.
    batch_norm : bool, default=False
        Whether each activated layer is batch normalised first.

    Returns
    -------
    nn.Sequential
    """
    layers = []
    for i, (n_in, n_out) in enumerate(itertools.pairwise(sizes)):
        layers.append(nn.Linear(n_in, n_out))
        if i < len(sizes) - 2 or activate_last:
            layers += [nn.BatchNorm1d(n_out)] if batch_norm else []
            layers.append(activation())
    return nn.Sequential(*layers)


def conv_sides(side):
    """Sides of the feature maps along one axis of the convolutional encoder.

    The papers' 5x5 kernels are unpadded, which leaves nothing of an image below 16
    pixels; there they are padded to keep the side.

    Parameters
    ----------
    side : int
        Side of the image, at least 8.

    Returns
    -------
    list of int
        The image's side and that after each of the first four layers.

    Examples
    --------
    >>> conv_sides(28)
    [28, 24, 20, 10, 5]
    >>> conv_sides(8)
    [8, 8, 8, 4, 2]
    """
    shrink = 0 if side < 16 else 4
    sides = [side, side - shrink, side - 2 * shrink]
    return [*sides, sides[-1] // 2, sides[-1] // 4]


class _Convolutions(nn.Module):
    """Runs a convolutional stack, in bfloat16 while training where asked to."""

    def __init__(self, layers, bfloat16):
        super().__init__()
        self.layers = nn.Sequential(*layers).to(memory_format=torch.channels_last)
        self.bfloat16 = bfloat16

    def forward(self, x):
        x = x.contiguous(memory_format=torch.channels_last)
        # Inference stays in float32: there the result matters more than the time.
        with torch.autocast(
            x.device.type, torch.bfloat16, enabled=self.bfloat16 and self.training
        ):
            x = self.layers(x)
        return x.float().flatten(1)


class ConvEncoder(nn.Module):
    """Images to features: table 4 of Figueroa (2019), for any image from 8x8 up.

    Layers 16@5, 32@5, 64@4 stride 2, 128@4 stride 2 and out_features at what is left
    of the image (5 at 28x28, 6 at 32x32), each with batch norm and activation.

    Parameters
    ----------
    image_shape : tuple of (channels, height, width)
    out_features : int
    activation : callable
        Makes an activation module.
    bfloat16 : bool, default=False
        Whether training convolves in bfloat16; the result is float32 in any case.
    """

    def __init__(self, image_shape, out_features, activation, *, bfloat16=False):
        super().__init__()
        self.image_shape = tuple(image_shape)
        channels, *sides = image_shape
        heights, widths = map(conv_sides, sides)
        padding = tuple(2 if side < 16 else 0 for side in sides)
        last = (heights[-1], widths[-1])
        layers = []
        for n_in, n_out, kernel, stride, pad in [
            (channels, 16, 5, 1, padding),
            (16, 32, 5, 1, padding),
            (32, 64, 4, 2, 1),
            (64, 128, 4, 2, 1),
            (128, out_features, last, 1, 0),
        ]:
            # The batch norm that follows has its own offset: no bias.
            layers += [
                nn.Conv2d(n_in, n_out, kernel, stride, pad, bias=False),
                nn.BatchNorm2d(n_out),
                activation(),
            ]
        self.convolutions = _Convolutions(layers, bfloat16)

    def forward(self, x):
        """Features of flattened images: (n, C * H * W) -> (n, out_features)."""
        return self.convolutions(x.unflatten(1, self.image_shape))


class ConvDecoder(nn.Module):
    """Features to images: table 5 of Figueroa (2019), the encoder's mirror.

    Parameters
    ----------
    in_features : int
    image_shape : tuple of (channels, height, width)
    bfloat16 : bool, default=False
        Whether training convolves in bfloat16; the result is float32 in any case.
    """

    def __init__(self, in_features, image_shape, *, bfloat16=False):
        super().__init__()
        channels, *sides = image_shape
        heights, widths = map(conv_sides, sides)
        padding = tuple(2 if side < 16 else 0 for side in sides)

        # A stride of 2 halves 9 and 8 alike: give the odd pixel back.
        def odd(i):
            return heights[i] % 2, widths[i] % 2

        layers = []
        for n_in, n_out, kernel, stride, pad, extra in [
            (in_features, 128, (heights[-1], widths[-1]), 1, 0, 0),
            (128, 64, 4, 2, 1, odd(3)),
            (64, 32, 4, 2, 1, odd(2)),
            (32, 16, 5, 1, padding, 0),
        ]:
            layers += [
                nn.ConvTranspose2d(n_in, n_out, kernel, stride, pad, extra, bias=False),
                nn.BatchNorm2d(n_out),
                nn.ReLU(),
            ]
        layers.append(nn.ConvTranspose2d(16, channels, 5, 1, padding))
        self.convolutions = _Convolutions(layers, bfloat16)

    def forward(self, h):
        """Flattened images from features: (n, in_features) -> (n, C * H * W)."""
        return self.convolutions(h[:, :, None, None])


def bfloat16_is_fast(device):
    """Whether the device has bfloat16 arithmetic in hardware.

    Parameters
    ----------
    device : torch.device

    Returns
    -------
    bool
    """
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    capabilities = getattr(torch.cpu, "get_capabilities", dict)()
    return bool(capabilities.get("avx512_bf16") or capabilities.get("amx_bf16"))


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
