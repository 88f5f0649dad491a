"""Hide labels, split rows between processes, load the image data sets of the papers."""

from sksemi.datasets._mask_labels import mask_labels
from sksemi.datasets._mnist import fetch_fashion_mnist, fetch_mnist
from sksemi.datasets._omniglot import fetch_omniglot
from sksemi.datasets._shard_rows import shard_rows
from sksemi.datasets._svhn import fetch_svhn
from sksemi.datasets._usps import fetch_usps

__all__ = [
    "fetch_fashion_mnist",
    "fetch_mnist",
    "fetch_omniglot",
    "fetch_svhn",
    "fetch_usps",
    "mask_labels",
    "shard_rows",
]
