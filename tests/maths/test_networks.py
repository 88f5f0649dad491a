"""Shapes and parameter counts of the networks against the paper's tables."""

import numpy as np
import pytest
import torch
from torch import nn

from sksemi._nn.augment import shift_images
from sksemi._nn.networks import (
    ConvDecoder,
    ConvEncoder,
    bfloat16_is_fast,
    conv_sides,
    in_float64,
    mlp,
)
from sksemi.methods._catvae import CONVOLUTIONS as CATVAE_LAYERS
from sksemi.methods._catvae import lecun_normal_
from sksemi.methods._gmvae import CONVOLUTIONS as GMVAE_LAYERS


def n_weights(module, kind):
    return [m.weight.numel() for m in module.modules() if isinstance(m, kind)]


@pytest.mark.parametrize(
    ("image_shape", "f", "last"), [((1, 28, 28), 100, 5), ((3, 32, 32), 100, 6)]
)
def test_papers_tables(image_shape, f, last):
    """Tables 4 and 5, filter for filter."""
    channels = image_shape[0]
    encoder = ConvEncoder(image_shape, GMVAE_LAYERS, f, nn.LeakyReLU)
    table = [
        16 * channels * 25,
        32 * 16 * 25,
        64 * 32 * 16,
        128 * 64 * 16,
        f * 128 * last * last,
    ]
    assert n_weights(encoder, nn.Conv2d) == table
    decoder = ConvDecoder(f, GMVAE_LAYERS, image_shape)
    assert n_weights(decoder, nn.ConvTranspose2d) == table[::-1]
    assert len(n_weights(encoder, nn.BatchNorm2d)) == 5
    assert len(n_weights(decoder, nn.BatchNorm2d)) == 4  # nothing after the last layer
    assert conv_sides(image_shape[1], GMVAE_LAYERS)[-1] == last


@pytest.mark.parametrize("height", [*range(8, 21), 28, 32, 33])
@pytest.mark.parametrize("width", [8, 15, 16, 30])
@pytest.mark.parametrize("layers", [GMVAE_LAYERS, CATVAE_LAYERS])
def test_decoder_returns_any_size(height, width, layers):
    shape = (2, height, width)
    encoder = ConvEncoder(shape, layers, 7, nn.ReLU)
    decoder = ConvDecoder(7, layers, shape)
    x = torch.rand(2, 2 * height * width)
    h = encoder(x)
    assert h.shape == (2, 7)
    assert decoder(h).shape == x.shape


def test_bfloat16_is_for_training_only():
    torch.manual_seed(0)
    encoder = ConvEncoder((1, 28, 28), GMVAE_LAYERS, 10, nn.ReLU, bfloat16=True)
    plain = ConvEncoder((1, 28, 28), GMVAE_LAYERS, 10, nn.ReLU)
    plain.load_state_dict(encoder.state_dict())
    x = torch.rand(4, 784)
    assert encoder(x).dtype == torch.float32
    assert not torch.equal(encoder(x), plain(x))
    torch.testing.assert_close(encoder(x), plain(x), atol=0.1, rtol=0.1)
    plain.load_state_dict(encoder.state_dict())
    assert torch.equal(encoder.eval()(x), plain.eval()(x))
    assert isinstance(bfloat16_is_fast(torch.device("cpu")), bool)


def test_mlp():
    net = mlp([4, 5, 6, 2], nn.ReLU, batch_norm=True)
    kinds = [type(m) for m in net]
    hidden = [nn.Linear, nn.BatchNorm1d, nn.ReLU]
    assert kinds == [*hidden, *hidden, nn.Linear]
    assert [type(m) for m in mlp([4, 5], nn.ReLU, activate_last=True)] == [
        nn.Linear,
        nn.ReLU,
    ]


def test_shifted_images_are_shifted():
    """Every result is the padded image seen through one of the nine windows."""
    rng = np.random.RandomState(0)
    images = rng.uniform(size=(200, 2, 8, 9))
    torch.manual_seed(0)
    shifted = shift_images(torch.tensor(images).flatten(1), (2, 8, 9), 1)
    shifted = shifted.reshape(images.shape).numpy()
    padded = np.pad(images, [(0, 0), (0, 0), (1, 1), (1, 1)], mode="edge")
    seen = np.zeros((3, 3), int)
    for image, result in zip(padded, shifted, strict=True):
        hits = [
            (i, j)
            for i in range(3)
            for j in range(3)
            if np.array_equal(image[:, i : i + 8, j : j + 9], result)
        ]
        assert len(hits) == 1
        seen[hits[0]] += 1
    assert (seen > 0).all()


def test_lecun_normal_keeps_the_variance():
    """Unit-variance inputs stay so through a layer; a transposed kernel of stride 1
    sums over its inputs and window as well."""
    torch.manual_seed(0)
    layers = [
        (nn.Linear(400, 500), torch.randn(300, 400)),
        (nn.Conv2d(30, 40, 5), torch.randn(20, 30, 12, 12)),
        (nn.ConvTranspose2d(30, 40, 5), torch.randn(20, 30, 12, 12)),
    ]
    for layer, x in layers:
        lecun_normal_(layer)
        assert (layer.bias == 0).all()
        h = layer(x)
        if isinstance(layer, nn.ConvTranspose2d):
            h = h[:, :, 4:-4, 4:-4]  # windows not cut by the border
        assert h.var().item() == pytest.approx(1, rel=0.05)


def test_in_float64_is_the_module_and_does_not_depend_on_row_order():
    torch.manual_seed(0)
    net = mlp([25, 25, 3], nn.ReLU)
    x, order = torch.rand(256, 25), torch.randperm(256)
    result = in_float64(net, x)
    assert result.dtype == torch.float32
    torch.testing.assert_close(result, net(x))
    assert torch.equal(in_float64(net, x[order]), result[order])
    assert next(net.parameters()).dtype == torch.float32
