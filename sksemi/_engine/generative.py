"""What estimators share that reconstruct rows, draw them, or bound their density."""

import numpy as np
from sklearn.utils import check_random_state

from sksemi import _validation
from sksemi._engine.seeds import RowNoise
from sksemi._validation import COUNT, StrOptions


class ReconstructMixin:
    """Rows from their own codes: the module has ``reconstruct(x)``."""

    _config_constraints = {
        "likelihood": [StrOptions({"mse", "bernoulli", "gaussian"})],
    }

    # What likelihood="auto" is for values in [0, 1].
    _unit_likelihood = None

    def _architecture(self, rows, device):
        likelihood = _validation.check_likelihood(
            self.likelihood, rows, self._unit_likelihood
        )
        return super()._architecture(rows, device) | {"likelihood": likelihood}

    @property
    def likelihood_(self):
        """The likelihood used."""
        return self._config["likelihood"]

    def reconstruct(self, X):
        """Mean of p(x|.) at the code of each row; see the class for details.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or image-shaped
            Rows.

        Returns
        -------
        ndarray, in the layout that fit saw
            In [0, 1] after a fit on uint8.
        """
        fit, X = self._checked(X)
        return fit._like_input(fit._infer(X, lambda model, x: model.reconstruct(x)))


class GenerativeMixin(ReconstructMixin):
    """A density of rows.

    The module has ``noise_dim``, ``sample(y, noise)`` for clusters (n,) and standard
    normal noise (n, noise_dim), and ``bound(x, noise)`` and
    ``importance_weighted_bound(x, noise)`` in nats for noise (n_draws, n_rows,
    noise_dim), of which ``len`` and one draw after another are asked for.
    """

    _parameter_constraints = {"n_importance_samples": [COUNT]}

    def sample(self, n_samples=1, y=None):
        """Draw rows: y, the latent variables given y, then the mean of p(x|.).

        Parameters
        ----------
        n_samples : int, default=1
            Number of rows.
        y : label or array-like of shape (n_samples,), default=None
            Entries of ``classes_`` to draw rows from; None draws them from p(y).

        Returns
        -------
        X : ndarray of shape (n_samples, n_features) or image-shaped, as fit saw it
            In [0, 1] after a fit on uint8.
        y : ndarray of shape (n_samples,)
            The cluster each row was drawn from.

        Raises
        ------
        ValueError
            If n_samples is not a positive integer, or y is not in ``classes_``.
        """
        fit, _ = self._checked()
        n_samples = _validation.check_n_samples(n_samples)
        rng = check_random_state(_validation.check_parameter(fit, "random_state"))
        if y is None:
            codes = rng.randint(len(fit.classes_), size=n_samples)
        else:
            codes = _validation.check_classes(y, fit.classes_, n_samples)
        noise = rng.standard_normal((n_samples, fit.model_.noise_dim))
        return fit._draw(codes, noise), fit.classes_[codes]

    def _draw(self, codes, *columns, argument="y"):
        """Rows of clusters, by the module's ``sample``, from blocks of columns."""
        inputs = np.column_stack([codes, *columns]).astype(np.float32)
        rows = self._map(
            inputs, lambda model, v: model.sample(v[:, 0].long(), v[:, 1:]), argument
        )
        return self._like_input(rows)

    def score_samples(self, X):
        """Lower bound on the log-likelihood of each row, unweighted.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or image-shaped
            Rows.

        Returns
        -------
        ndarray of shape (n_samples,)
            In nats: the bound with y summed out, or, with ``n_importance_samples``
            above 1, the tighter importance-weighted bound of that many draws. The draws
            of a row depend on its values and the fit's seed. With
            ``likelihood="bernoulli"``, values outside [0, 1] are clipped, with a
            warning, here and in ``score``.
        """
        fit, X = self._checked(X)
        return fit._bound(X)

    def _objective(self, X):
        return float(np.mean(self._bound(X)))

    def _bound(self, X):
        if self.likelihood_ == "bernoulli":
            _validation.warn_clipped(X, self._divisor(X))
        bound = self._bound_of_rows(
            _validation.check_parameter(self, "n_importance_samples"), X.shape[1]
        )

        def clipped(model, x):
            return bound(model, x.clamp(0, 1) if model.p_x.name == "bernoulli" else x)

        return self._infer(X, clipped)

    def _bound_of_rows(self, n_draws, n_features):
        """Return a function of the module and rows to their bounds in nats."""
        noise = self._row_noise(n_draws)

        def bound(model, x):
            if n_draws == 1:
                return model.bound(x, noise.of(x))
            return model.importance_weighted_bound(x, noise.of(x))

        return bound

    def _row_noise(self, n_draws):
        """Return standard normal noise of each row: (n_draws, n_rows, noise_dim)."""
        return RowNoise(n_draws, self.model_.noise_dim, self._seed)
