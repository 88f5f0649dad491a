"""Deep generative clustering and semi-supervised learning for scikit-learn."""

from sksemi._acol import ACOLClusterer
from sksemi._cagem import CaGeMGenerator
from sksemi._catvae import CatVAEClusterer
from sksemi._gmvae import GMVAEClusterer

__all__ = ["ACOLClusterer", "CaGeMGenerator", "CatVAEClusterer", "GMVAEClusterer"]
__version__ = "0.1.0.dev0"
