"""Networks: an mlp, a convolutional encoder and its mirror, or the user's own."""

import copy
import functools
import itertools

import torch
from torch import nn
from torch.nn import functional as F

from sksemi._nn.precision import double

ACTIVATIONS = {
    "leaky_relu": functools.partial(nn.LeakyReLU, 0.2),
    "relu": nn.ReLU,
    "gelu": nn.GELU,
    "tanh": nn.Tanh,
}

MIN_IMAGE_SIDE = 8


class SideBySide(nn.Sequential):
    """Layers in sequence, over (n_rows, .) inputs side by side."""

    def forward(self, *inputs):
        """Output for the inputs: (n_rows, n_out)."""
        return super().forward(torch.cat(inputs, 1))


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


class Dense(nn.Module):
    """Dense layers, batch normalized and activated, over several inputs at once.

    The first layer is a sum over inputs that broadcast against each other: x (n, .),
    one-hot y (K, 1, .) and z (n, .) or (K, n, .) give (K, n, .) with no row of x
    multiplied twice. ``inputs`` are the sizes of the inputs, or modules that map one to
    ``sizes[0]`` columns.

    Parameters
    ----------
    inputs : list of int or nn.Module
    sizes : sequence of int
    activation : callable
        Makes an activation module.
    bfloat16 : bool
        Whether training multiplies in bfloat16; the result is float32 in any case.
    """

    def __init__(self, inputs, sizes, activation, bfloat16):
        super().__init__()
        # batch norm has an offset: no bias
        self.first = nn.ModuleList(
            nn.Linear(source, sizes[0], bias=False)
            if isinstance(source, int)
            else source
            for source in inputs
        )
        layers = [nn.BatchNorm1d(sizes[0]), activation()]
        for i in range(1, len(sizes)):
            layers += [
                nn.Linear(sizes[i - 1], sizes[i], bias=False),
                nn.BatchNorm1d(sizes[i]),
                activation(),
            ]
        self.rest = nn.Sequential(*layers)
        self.bfloat16 = bfloat16

    def forward(self, *inputs):
        """Output for inputs (..., .): (..., sizes[-1])."""
        with in_bfloat16(inputs[0], self.bfloat16 and self.training):
            h = sum(layer(v) for layer, v in zip(self.first, inputs, strict=True))
            h = self.rest(h.flatten(0, -2)).unflatten(0, h.shape[:-1])
        return h.float()


def in_bfloat16(x, enabled):
    """Context in which products on the device of a tensor are in bfloat16."""
    return torch.autocast(x.device.type, torch.bfloat16, enabled=enabled)


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


class Convolutions(nn.Module):
    """Runs a convolutional stack, in bfloat16 while training where asked to."""

    def __init__(self, layers, bfloat16):
        super().__init__()
        self.layers = nn.Sequential(*layers).to(memory_format=torch.channels_last)
        self.bfloat16 = bfloat16

    def forward(self, x):
        x = x.contiguous(memory_format=torch.channels_last)
        # Inference stays in float32: there the result matters more than the time.
        with in_bfloat16(x, self.bfloat16 and self.training):
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
        self.convolutions = Convolutions(stack, bfloat16)

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
        self.convolutions = Convolutions(stack, bfloat16)

    def forward(self, h):
        """Flattened images from features: (n, in_features) -> (n, C * H * W)."""
        return self.convolutions(h[:, :, None, None])


def encoder(config, layers, out_features, activation, *, bias=False):
    """Network from rows to features, by a config's ``network``.

    Parameters
    ----------
    config : namespace
        With ``network``, ``n_features``, ``image_shape``, ``hidden_layer_sizes`` and
        ``bfloat16``.
    layers : sequence of (filters, kernel, stride)
        Of "conv": see `ConvEncoder`.
    out_features : int
    activation : callable
        Makes an activation module.
    bias : bool, default=False
        Whether the convolutions of "conv" have offsets.

    Returns
    -------
    nn.Module
        From (n_rows, n_features) to (n_rows, out_features).
    """
    if config.network == "conv":
        return ConvEncoder(
            config.image_shape,
            layers,
            out_features,
            activation,
            bias=bias,
            bfloat16=config.bfloat16,
        )
    if config.network == "mlp":
        sizes = [config.n_features, *config.hidden_layer_sizes, out_features]
        return mlp(sizes, activation, activate_last=True, batch_norm=True)
    return custom(config.network, config.n_features, out_features)


def decoder(config, layers, in_features, activation, *, bias=False):
    """Network from features to rows, the mirror of `encoder`.

    Parameters
    ----------
    config : namespace
        See `encoder`.
    layers : sequence of (filters, kernel, stride)
        Those of the encoder, in its order.
    in_features : int
    activation : callable
        Makes an activation module for "mlp".
    bias : bool, default=False
        Whether the layers of "conv" with batch norm have offsets.

    Returns
    -------
    nn.Module
        From (n_rows, in_features) to (n_rows, n_features).
    """
    if config.network == "conv":
        return ConvDecoder(
            in_features,
            layers,
            config.image_shape,
            bias=bias,
            bfloat16=config.bfloat16,
        )
    if config.network == "mlp":
        sizes = [in_features, *config.hidden_layer_sizes[::-1], config.n_features]
        return mlp(sizes, activation)
    return custom(config.network, in_features, config.n_features)


def custom(network, in_features, out_features):
    """Make and try a network of the user's own.

    Parameters
    ----------
    network : callable
        From ``in_features`` and ``out_features`` to an ``nn.Module`` on rows.
    in_features : int
    out_features : int

    Returns
    -------
    nn.Module

    Raises
    ------
    ValueError
        If it is no module, or its output has another shape.
    """
    module = network(in_features, out_features)
    must = (
        f"network({in_features}, {out_features}) must return an nn.Module that maps "
        f"(n_rows, {in_features}) to (n_rows, {out_features})"
    )
    if not isinstance(module, nn.Module):
        raise ValueError(f"{must}; it returned {type(module).__name__}.")
    modes = [(part, part.training) for part in module.modules()]
    try:
        with torch.no_grad():
            result = module.eval()(torch.zeros(2, in_features))
    except Exception as error:
        raise ValueError(f"{must}; on two rows of zeros it failed: {error}") from error
    for part, training in modes:
        part.training = training
    shape = tuple(getattr(result, "shape", ()))
    if shape != (2, out_features):
        raise ValueError(f"{must}; on two rows of zeros it returned shape {shape}.")
    return module


# Rows that set the units: a sample of so many, or of so many values, says which others
# lie too far out.
_SAMPLE_ROWS, _SAMPLE_VALUES = 4096, 2**24


class Units(nn.Module):
    """Data in units of their own: the mean of every feature, and one common unit.

    A few rows far outside all others, an error of measurement or of a unit, must not
    set what the other rows are measured by: they count neither for the mean nor for the
    unit, and networks see them drawn in.

    Parameters
    ----------
    n_features : int
    """

    # Root mean square, in units, above which a row is drawn in.
    FARTHEST = 7.0

    def __init__(self, n_features):
        super().__init__()
        self.register_buffer("location", torch.zeros(n_features))
        self.register_buffer("unit", torch.ones(()))

    def forward(self, x):
        """Rows in these units, drawn in: (n, n_features) -> the same."""
        h = (x - self.location) / self.unit
        far, inside = self._inside(h)
        return torch.where(far, inside, h)

    def inverse(self, h):
        """Rows in the data's units: (n, n_features) -> the same."""
        return self.location + self.unit * h

    def bounded(self, x):
        """Rows as they are, those far outside drawn in: (n, n_features) -> the same."""
        far, inside = self._inside((x - self.location) / self.unit)
        return torch.where(far, self.inverse(inside), x)

    def _inside(self, h):
        """Which rows are far outside, (n, 1), and all rows where those come to lie."""
        h = h.clamp(-1e15, 1e15)  # what float32 can square
        size = h.square().mean(1, keepdim=True).sqrt()
        return size > self.FARTHEST, h * (self.FARTHEST / size.clamp(min=1e-12))

    @torch.no_grad()
    def fit(self, data, *, pooled=False):
        """Learn mean and unit, the mean deviation over features, from all rows.

        Rows do not count that are ten times as far from the medians of the features as
        nine in ten rows.

        Parameters
        ----------
        data : Data
            Read twice, in parts.
        pooled : bool, default=False
            Whether all features have one mean, and the unit is the deviation from it.
        """
        median, farthest = _whereabouts(data)

        def near():
            for part in data.parts():
                for x in part.x.split(256):  # doubles take twice their memory
                    x = double(x)
                    yield x[(x - median).square().sum(1) <= farthest]

        n, total = 0, 0
        for x in near():
            n, total = n + len(x), total + x.sum(0)
        mean = total / n
        if pooled:
            mean = mean.mean()
        square = sum((x - mean).square().sum(0) for x in near())
        self.location.copy_(mean)
        unit = (square / n).mean().sqrt()
        self.unit.copy_(torch.where(unit > 0, unit, 1.0))


def _whereabouts(data):
    """Medians of the features, and the largest squared distance of a row that counts.

    Infinite where nine in ten rows are equal.
    """
    sample, n = [], 0
    for part in data.parts():  # each a fair sample
        sample.append(part.x)
        n += len(part.x)
        if n >= _SAMPLE_ROWS or n * part.x.shape[1] >= _SAMPLE_VALUES:
            break
    sample = torch.cat(sample)
    median = double(sample.median(0).values)
    distance = torch.cat(
        [(double(x) - median).square().sum(1) for x in sample.split(512)]
    )
    usual = distance.kthvalue(max(1, int(0.9 * n))).values
    return median, 100 * usual if usual > 0 else torch.inf


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
    device, x = x.device, double(x)
    for layer in module if isinstance(module, nn.Sequential) else [module]:
        # copies: other threads may be using the layer itself
        if isinstance(layer, nn.Linear):
            x = F.linear(x, double(layer.weight), double(layer.bias))
        else:
            x = copy.deepcopy(layer).to(x)(x)
    return x.to(device, torch.float32)


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
    if device.type != "cpu":
        return False
    capabilities = getattr(torch.cpu, "get_capabilities", dict)()
    return bool(capabilities.get("avx512_bf16") or capabilities.get("amx_bf16"))
