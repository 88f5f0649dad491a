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


def check_view(loss, encoder, unnamed, features_of, x, is_random, is_clean):
    """Check what a batch's labels are assigned in.

    Parameters
    ----------
    loss : callable
        Of the first n rows of ``x``, of which four are labeled.
    encoder : nn.Module
    unnamed : UnnamedCenters
        Assigns the labels.
    features_of : callable
        From what ``encoder`` returns to the features that labels are assigned by.
    x : Tensor of shape (n_rows, n_features)
    is_random : bool
        Whether rows are noised or shifted.
    is_clean : bool
        Whether the view is of rows as they are.
    """
    encoded, views = [], []
    encoder.register_forward_hook(lambda *args: encoded.append(args[2].detach()))
    assign = unnamed.assign

    def spy(view, *rest):
        views.append(view)
        return assign(view, *rest)

    unnamed.assign = spy
    loss(len(x))
    (view,) = views
    trained, last = features_of(encoded[0]), features_of(encoded[-1])
    torch.testing.assert_close(view, last)
    assert len(encoded) == (2 if is_random else 1)
    assert torch.allclose(view, features_of(encoder(x)), atol=1e-6) == is_clean
    if is_random:
        assert not torch.allclose(trained, view, atol=1e-3)
    # with every row labeled there is nothing to find
    encoded.clear()
    loss(4)
    assert len(encoded) == 1
