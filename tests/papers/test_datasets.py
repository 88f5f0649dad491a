"""The real files, where there are any."""

import numpy as np
import pytest

from sksemi import datasets
from sksemi.datasets._svhn import order_pixels

pytestmark = pytest.mark.papers


@pytest.mark.parametrize(
    ("name", "shape", "parts", "n_classes"),
    [
        ("mnist", (28, 28), (60_000, 10_000), 10),
        ("fashion_mnist", (28, 28), (60_000, 10_000), 10),
        ("usps", (16, 16), (7_291, 2_007), 10),
        ("svhn", (3, 32, 32), None, 10),
        ("omniglot", (28, 28), (19_280, 13_180), 1_623),
    ],
)
def test_sizes(name, shape, parts, n_classes, data_dir):
    bunch = getattr(datasets, f"fetch_{name}")(data_home=data_dir)
    assert bunch.images.shape == (len(bunch.target), *shape)
    assert bunch.images.dtype == np.uint8
    assert len(np.unique(bunch.target)) == n_classes
    found = len(bunch.train), len(bunch.test)
    if parts is None:
        whole = found == (73_257, 26_032)
        assert whole == ("not the whole set" not in " ".join(bunch.DESCR.split()))
    else:
        assert found == parts
    # white on black, but for house numbers
    assert bunch.images.mean() < (150 if name == "svhn" else 80)


def test_labels_of_mnist(data_dir):
    """The published counts of the training digits."""
    y = datasets.fetch_mnist(data_home=data_dir, subset="train").target
    assert np.bincount(y).tolist() == [
        5923,
        6742,
        5958,
        6131,
        5842,
        5421,
        5918,
        6265,
        5851,
        5949,
    ]


def test_alphabets_of_omniglot(data_dir):
    """Every character lies in one alphabet, and is drawn twenty times."""
    bunch = datasets.fetch_omniglot(data_home=data_dir)
    assert (np.bincount(bunch.target) == 20).all()
    pairs = set(zip(bunch.target.tolist(), bunch.alphabet.tolist(), strict=True))
    assert len(pairs) == 1_623
    assert len(bunch.target_names) == len(np.unique(bunch.alphabet)) == 50


@pytest.mark.parametrize(
    "order", [(0, 1, 2, 3), (0, 1, 3, 2), (0, 2, 3, 1), (0, 3, 2, 1)]
)
def test_order_of_pixels_of_svhn(order, data_dir):
    """It is told from a hundred images, whichever they are."""
    images = datasets.fetch_svhn(data_home=data_dir).images[:5000]
    for part in np.split(images, 50):
        rows = part.transpose(order).reshape(100, -1)
        np.testing.assert_array_equal(order_pixels(rows), part)
