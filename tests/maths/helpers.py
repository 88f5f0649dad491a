"""Short ways to the contract between the loop and a module."""

from types import SimpleNamespace

import torch

from sksemi._engine.data import Batch, Data


def make(Module, arguments):
    """Build a module from the entries of its config."""
    return Module(SimpleNamespace(**arguments))


def loss_of(model, x, y, epoch, parents=None):
    """Loss of a batch whose first rows have labels."""
    return model.loss(Batch(x, y, parents), epoch)


def data_of(x, codes=None):
    """All rows, none of them labeled by default."""
    return Data(x, torch.full((len(x),), -1) if codes is None else codes, 1.0)


def check_view(model, encoder, features_of):
    """Check what a batch's labels are assigned in, by a model of 64 columns.

    Parameters
    ----------
    model : nn.Module
    encoder : nn.Module
        Its network from rows to features.
    features_of : callable
        From what ``encoder`` returns to the features that labels are assigned by.
    """
    x, y = torch.rand(12, 64), torch.tensor([0, 1, 2, 0])
    is_image = model.config.image_shape is not None
    is_shifted = is_image and model.config.max_shift > 0
    is_random = is_shifted or model.config.input_noise > 0
    is_clean = is_image or not is_random
    encoded, views = [], []
    encoder.register_forward_hook(lambda *args: encoded.append(args[2].detach()))
    assign = model.unnamed.assign

    def spy(view, *rest):
        views.append(view)
        return assign(view, *rest)

    model.unnamed.assign = spy
    loss_of(model, x, y, torch.zeros(()))
    (view,) = views
    trained, last = features_of(encoded[0]), features_of(encoded[-1])
    torch.testing.assert_close(view, last)
    assert len(encoded) == (2 if is_random else 1)
    assert torch.allclose(view, features_of(encoder(x)), atol=1e-6) == is_clean
    if is_random:
        assert not torch.allclose(trained, view, atol=1e-3)
    # with every row labeled there is nothing to find
    encoded.clear()
    loss_of(model, x[:4], y, torch.zeros(()))
    assert len(encoded) == 1
