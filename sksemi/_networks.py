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
        Whether each activated layer is batch normalized first.

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


def _padding(side, kernel, stride):
    """Pad by what halves the side, by none, or by half the kernel.

    The papers' stride-1 kernels are unpadded, which leaves nothing of an image below 16
    pixels; there they are padded.
    """
    if stride == 2:
        return 1
    return (kernel - 1) // 2 if side < 16 else 0


def conv_sides(side, layers):
    """Sides of the feature maps along one axis of a convolutional encoder.

    Parameters
    ----------
    side : int
        Side of the image, at least 8.
    layers : sequence of (filters, kernel, stride)
        See `ConvEncoder`.

    Returns
    -------
    list of int
        The image's side and that after each of the layers.

    Examples
    --------
    >>> layers = [(16, 5, 1), (32, 5, 1), (64, 4, 2), (128, 4, 2)]
    >>> conv_sides(28, layers)
    [28, 24, 20, 10, 5]
    >>> conv_sides(8, layers)
    [8, 8, 8, 4, 2]
    """
    sides = [side]
    for _, kernel, stride in layers:
        padding = _padding(side, kernel, stride)
        sides.append((sides[-1] + 2 * padding - kernel) // stride + 1)
    return sides


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
    """Images to features by convolutions, for any image from 8x8 up.

    After the layers given, one more with ``out_features`` filters as large as what is
    left of the image; each with batch norm and activation.

    Parameters
    ----------
    image_shape : tuple of (channels, height, width)
    layers : sequence of (filters, kernel, stride)
        Square kernels. Stride 2 halves the side (kernel 4, padding 1); stride 1 is
        unpadded, but padded by half the kernel along sides below 16 pixels.
    out_features : int
    activation : callable
        Makes an activation module.
    bias : bool, default=False
        Whether convolutions have offsets, though batch norm brings its own.
    bfloat16 : bool, default=False
        Whether training convolves in bfloat16; the result is float32 in any case.
    """

    def __init__(
        self,
        image_shape,
        layers,
        out_features,
        activation,
        *,
        bias=False,
        bfloat16=False,
    ):
        super().__init__()
        self.image_shape = tuple(image_shape)
        n_in, *sides = image_shape
        last = tuple(conv_sides(side, layers)[-1] for side in sides)
        stack = []
        for filters, kernel, stride in [*layers, (out_features, last, 1)]:
            padding = 0
            if kernel != last:
                padding = tuple(_padding(side, kernel, stride) for side in sides)
            stack += [
                nn.Conv2d(n_in, filters, kernel, stride, padding, bias=bias),
                nn.BatchNorm2d(filters),
                activation(),
            ]
            n_in = filters
        self.convolutions = _Convolutions(stack, bfloat16)

    def forward(self, x):
        """Features of flattened images: (n, C * H * W) -> (n, out_features)."""
        return self.convolutions(x.unflatten(1, self.image_shape))


class ConvDecoder(nn.Module):
    """Features to images: the mirror of `ConvEncoder`.

    Batch norm and ReLU after each layer but the last, which has neither.

    Parameters
    ----------
    in_features : int
    layers : sequence of (filters, kernel, stride)
        Those of the encoder, in the encoder's order.
    image_shape : tuple of (channels, height, width)
    bias : bool, default=False
        Whether the layers with batch norm have offsets.
    bfloat16 : bool, default=False
        Whether training convolves in bfloat16; the result is float32 in any case.
    """

    def __init__(self, in_features, layers, image_shape, *, bias=False, bfloat16=False):
        super().__init__()
        channels, *sides = image_shape
        maps = [conv_sides(side, layers) for side in sides]
        filters = [channels, *(n for n, _, _ in layers)]
        last = tuple(axis[-1] for axis in maps)
        stack = [
            nn.ConvTranspose2d(in_features, filters[-1], last, bias=bias),
            nn.BatchNorm2d(filters[-1]),
            nn.ReLU(),
        ]
        for i in range(len(layers) - 1, -1, -1):
            _, kernel, stride = layers[i]
            padding = tuple(_padding(side, kernel, stride) for side in sides)
            # A stride of 2 halves 9 and 8 alike: give the odd pixel back.
            extra = tuple(
                axis[i] - ((axis[i + 1] - 1) * stride - 2 * pad + kernel)
                for axis, pad in zip(maps, padding, strict=True)
            )
            layer = (filters[i + 1], filters[i], kernel, stride, padding, extra)
            if i:
                stack += [
                    nn.ConvTranspose2d(*layer, bias=bias),
                    nn.BatchNorm2d(filters[i]),
                    nn.ReLU(),
                ]
            else:
                stack.append(nn.ConvTranspose2d(*layer))
        self.convolutions = _Convolutions(stack, bfloat16)

    def forward(self, h):
        """Flattened images from features: (n, in_features) -> (n, C * H * W)."""
        return self.convolutions(h[:, :, None, None])


class Units(nn.Module):
    """Data in units of their own: the mean of every feature, and one common unit.

    Parameters
    ----------
    n_features : int
    """

    def __init__(self, n_features):
        super().__init__()
        self.register_buffer("location", torch.zeros(n_features))
        self.register_buffer("unit", torch.ones(()))

    def forward(self, x):
        """Rows in these units: (n, n_features) -> the same."""
        return (x - self.location) / self.unit

    def inverse(self, h):
        """Rows in the data's units: (n, n_features) -> the same."""
        return self.location + self.unit * h

    def fit(self, batches, *, pooled=False):
        """Learn mean and unit, the mean deviation over features, from all rows.

        Parameters
        ----------
        batches : iterable of (x, y)
            Read twice; ``x`` is (n_rows, n_features).
        pooled : bool, default=False
            Whether all features have one mean, and the unit is the deviation from it.
        """
        n, total = 0, 0
        for x, _ in batches:
            n, total = n + len(x), total + x.double().sum(0)
        mean = total / n
        if pooled:
            mean = mean.mean()
        square = sum((x.double() - mean).square().sum(0) for x, _ in batches)
        self.location.copy_(mean)
        unit = (square / n).mean().sqrt()
        self.unit.copy_(torch.where(unit > 0, unit, 1.0))


def in_float64(module, x):
    """Apply a small module in float64, and round its result to float32.

    A float32 product of small matrices differs in its last bits with a row's place in
    the batch; this does not.

    Parameters
    ----------
    module : nn.Module
    x : Tensor of shape (n_rows, n_columns)

    Returns
    -------
    Tensor of shape (n_rows, n_outputs)
    """
    state = {name: t.double() for name, t in module.state_dict().items()}
    return torch.func.functional_call(module, state, x.double()).float()


def lecun_normal_(module):
    """Start a linear or convolutional layer with variance 1 / fan-in, without offset.

    LeCun et al. (1998). For use with ``nn.Module.apply``; other modules are left alone.

    Parameters
    ----------
    module : nn.Module
    """
    if isinstance(module, nn.Linear | nn.Conv2d | nn.ConvTranspose2d):
        # a transposed kernel has its inputs on the first axis
        mode = "fan_out" if isinstance(module, nn.ConvTranspose2d) else "fan_in"
        nn.init.kaiming_normal_(module.weight, mode=mode, nonlinearity="linear")
        if module.bias is not None:
            nn.init.zeros_(module.bias)


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
