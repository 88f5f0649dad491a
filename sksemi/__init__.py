"""Deep generative clustering and semi-supervised learning for scikit-learn."""

from sksemi.methods._acol import ACOLClusterer
from sksemi.methods._cagem import CaGeMGenerator
from sksemi.methods._catvae import CatVAEClusterer
from sksemi.methods._gmvae import GMVAEClusterer
from sksemi.methods._m2 import M2Generator

__all__ = [
    "ACOLClusterer",
    "CaGeMGenerator",
    "CatVAEClusterer",
    "GMVAEClusterer",
    "M2Generator",
]
__version__ = "0.1.0.dev0"
