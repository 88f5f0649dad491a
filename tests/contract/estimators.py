"""Every estimator of the package, and quick settings that suit them all."""

import inspect

import sksemi

ESTIMATORS = [getattr(sksemi, name) for name in sksemi.__all__]
QUICK = {"max_iter": 3, "random_state": 0, "device": "cpu"}
# Of these an estimator gets those that it has.
SMALL = {
    "hidden_layer_sizes": (16,),
    "feature_dim": 16,
    "latent_dim": 8,
    "z1_dim": 8,
    "z2_dim": 4,
    "kmeans_n_init": 2,
    "n_draws": 2,
}


class Narrow:
    """An estimator's class, but for narrow networks as defaults.

    For what does not depend on the width of a network.
    """

    def __init__(self, Estimator):
        self.Estimator = Estimator
        parameters = inspect.signature(Estimator).parameters
        self.small = {name: SMALL[name] for name in SMALL if name in parameters}

    def __call__(self, *args, **parameters):
        return self.Estimator(*args, **self.small | parameters)

    def __getattr__(self, name):
        return getattr(self.Estimator, name)

    def __repr__(self):
        return self.Estimator.__name__


NARROW = [Narrow(Estimator) for Estimator in ESTIMATORS]


def having(method):
    """Estimators that have a method, narrow."""
    return [Estimator for Estimator in NARROW if hasattr(Estimator, method)]
