"""What estimators share that wrap one of this package."""

from sklearn.base import MetaEstimatorMixin
from sklearn.utils import get_tags

from sksemi import GMVAEClusterer


class WrappingMixin(MetaEstimatorMixin):
    """An estimator with a parameter ``estimator``, of which it fits a clone."""

    def _estimator(self):
        return GMVAEClusterer() if self.estimator is None else self.estimator

    def _take_features_of(self, fitted):
        """Have the number and names of features that a fitted estimator tells."""
        for name in ("n_features_in_", "feature_names_in_"):
            vars(self).pop(name, None)
            if hasattr(fitted, name):
                setattr(self, name, getattr(fitted, name))

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        of_estimator = get_tags(self._estimator())
        tags.input_tags = of_estimator.input_tags
        tags.non_deterministic = of_estimator.non_deterministic
        return tags
