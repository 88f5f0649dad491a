"""The bases of every estimator: fit in three steps, inference in batches."""

import copy
import functools
import inspect
import threading
import weakref
from dataclasses import dataclass
from numbers import Integral
from types import SimpleNamespace

import numpy as np
import torch
from sklearn.base import (
    BaseEstimator,
    ClassNamePrefixFeaturesOutMixin,
    ClusterMixin,
    TransformerMixin,
)
from sklearn.callback import CallbackSupportMixin, with_callbacks
from sklearn.utils import ClassifierTags, check_random_state
from sklearn.utils.validation import check_is_fitted

from sksemi import _validation
from sksemi._engine import files
from sksemi._engine.collapse import warn_collapse
from sksemi._engine.data import Data
from sksemi._engine.distributed import Ranks
from sksemi._engine.epochs import Restarts
from sksemi._engine.resuming import Resume
from sksemi._engine.sources import as_source
from sksemi._engine.streaming import PartialFitMixin, Stream
from sksemi._engine.training import diverged, map_tensors
from sksemi._nn.networks import ACTIVATIONS, MIN_IMAGE_SIDE, bfloat16_is_fast
from sksemi._nn.precision import moved
from sksemi._validation import (
    COUNT,
    NON_NEGATIVE,
    NON_NEGATIVE_COUNT,
    POSITIVE,
    Interval,
    StrOptions,
    _fit_context,
)
from sksemi.metrics import clustering_accuracy

# Products of float32 matrices differ in the last bits with the number of rows, so
# every batch is padded to one size: then no result depends on its neighbors. One row
# costs as much as a whole batch: few where rows are dear, many where calls are.
DENSE_BATCH = 128
BATCH = 32
GPU_BATCH = 256

# Copies of models on a GPU for inference; the models themselves stay on the CPU.
_DEVICE_COPIES = weakref.WeakKeyDictionary()
_DEVICE_COPIES_LOCK = threading.Lock()

# Parameters that no module is built from: read at the call of a method that predicts.
_READ_AT_CALL = ("n_importance_samples", "n_draws", "classifier")

# Attributes of a fit, beside those of scikit-learn's kind that end in "_".
_FITTED = (
    "_config",
    "_image_shape",
    "_in_unit_interval",
    "_layout",
    "_n_labels",
    "_progress",
    "_seed",
    "_state",
)


def plain(value):
    """Python's own number, string or tuple for numpy's and for lists."""
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, list | tuple | np.ndarray):
        return tuple(plain(entry) for entry in value)
    return value


def naming_class(fit):
    """Have errors of arguments that a fit does not take name the estimator's class."""
    signature = inspect.signature(fit)

    @functools.wraps(fit)
    def checked(self, *args, **kwargs):
        try:
            signature.bind(self, *args, **kwargs)
        except TypeError as error:
            takes = ", ".join(list(signature.parameters)[1:])
            raise TypeError(
                f"{type(self).__name__}.{fit.__name__} takes {takes}: {error}."
            ) from None
        return fit(self, *args, **kwargs)

    return checked


@dataclass
class Plan:
    """What `fit` has decided before it trains."""

    data: Data
    config: dict
    weights: dict
    device: torch.device
    seed: int
    resume: Resume | None
    max_iter: int
    n_init: int
    batch_size: int
    pool: str
    rows: _validation.Rows
    stream: Stream | None
    ranks: Ranks

    def fingerprint(self):
        """Return a hash of rows and labels, made once."""
        if self._fingerprint is None:
            self._fingerprint = self.ranks.fingerprint(self.data)
        return self._fingerprint

    _fingerprint: str | None = None


class DeepEstimator(
    PartialFitMixin,
    CallbackSupportMixin,
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
    BaseEstimator,
):
    """What all estimators share.

    A method's estimator names its nn.Module (``_Module``) and fills in the hooks below
    where it has something to say.
    """

    # scikit-learn's name of the page that the HTML representation links to. There is
    # no published documentation yet.
    _doc_link_module = "sksemi"
    _doc_link_template = ""

    _parameter_constraints = {
        "n_clusters": [COUNT, None],
        "max_iter": [COUNT],
        "batch_size": [Interval(Integral, 2, None, closed="left")],
        "learning_rate": [POSITIVE],
        "tol": [NON_NEGATIVE],
        "n_iter_no_change": [COUNT, None],
        "n_init": [COUNT],
        "n_jobs": [COUNT, Interval(Integral, None, -1, closed="right"), None],
        "warm_start": ["boolean"],
        "verbose": ["verbose"],
        "random_state": ["random_state"],
        "device": [str, torch.device],
        "precision": [StrOptions({"auto", "float32", "bfloat16"})],
        "network": [StrOptions({"auto", "mlp", "conv"}), callable],
        "hidden_layer_sizes": ["array-like"],
        "activation": [StrOptions(set(ACTIVATIONS))],
        "image_shape": ["array-like", None],
    }

    # Of entries of a module's config, those that are resolved: what a file may hold.
    # A class adds to its bases'.
    _config_constraints = {
        "n_features": [COUNT],
        "image_shape": [tuple, None],
        "n_clusters": [COUNT],
        "n_labels": [NON_NEGATIVE_COUNT],
        "network": [StrOptions({"mlp", "conv"}), callable],
        "hidden_layer_sizes": [tuple],
        "activation": [StrOptions(set(ACTIVATIONS))],
        "bfloat16": ["boolean"],
        "schedule_length": [NON_NEGATIVE_COUNT],
    }

    _Module = None
    # The rows that an epoch is a pass over: those without a label, or "all".
    _pool = "unlabeled"
    # Rows in a batch of inference on a CPU, by the network; others have BATCH.
    _inference_rows = {"mlp": DENSE_BATCH}

    # ------------------------------------------------------- hooks of a method

    def _auto_weights(self, rows, config):
        """Weights that "auto" stands for, by the names of terms of the loss.

        Parameters
        ----------
        rows : Rows
            As `fit` checked them.
        config : dict
            The architecture, and the method's own parameters as they are.

        Returns
        -------
        dict of str to float
        """
        return {}

    def _module_config(self, rows, config, weights):
        """Entries of the module's config beside the method's own parameters.

        Parameters
        ----------
        rows : Rows
            As `fit` checked them.
        config : dict
            The architecture, and the method's own parameters as they are.
        weights : dict of str to float
            Of the terms of the loss.

        Returns
        -------
        dict
            Plain values: more entries, or "auto" resolved.
        """
        return {}

    @staticmethod
    def _check_saved(config, weights):
        """Say what is wrong with a file's weights, beside names, shapes and types.

        Parameters
        ----------
        config : dict
        weights : dict of str to ndarray

        Returns
        -------
        str or None
        """

    def _objective(self, X):
        """``score`` without labels, of checked rows: higher is better."""
        raise NotImplementedError

    def _schedule_length(self):
        """Epochs until every schedule has ended; early stopping counts from there."""
        return 0

    def _learning_rate(self, epoch, n_steps):
        """Adam's step size in an epoch of so many steps."""
        return self.learning_rate

    # --------------------------------------------------------------------- fit

    @naming_class
    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None):
        """Fit the model to rows of which some, all or none carry a label.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features), (n_samples, H, W) or \
                (n_samples, C, H, W)
            Rows, dense or scipy's sparse, or images. uint8 values are divided by 255.
        y : array-like of shape (n_samples,), default=None
            Labels, -1 for rows without one; None means no labels at all. For strings
            and bools, use an object array that also holds the integer -1. Fill masked
            entries: ``y.filled(-1)``.

        Returns
        -------
        self : object
            The fitted estimator.

        Raises
        ------
        ValueError
            For unusable X, y or parameters; the message says how to fix them.
        FloatingPointError
            If the loss becomes non-finite. After any error, the estimator is as it
            was before the call.
        """
        return self._fit(X, y)

    def _fit(self, X, y, parents=None, stream=None):
        """Fit a copy, then replace this fit by the copy's."""
        resume = Resume.of(self) if stream is None else stream.resume
        work = self._unfitted(resume)
        plan = work._prepare_run_finish(X, y, parents, resume, stream)
        # One assignment: other threads see the old fit or the new one.
        self.__dict__ = vars(work)
        if stream is None:  # a part may have no row of some cluster
            warn_collapse(self._view(), plan)
        return self

    @with_callbacks
    def _prepare_run_finish(self, X, y, parents, resume, stream):
        """Check everything, train, and set what a fit leaves."""
        n_init = 1 if stream is not None else self.n_init
        if resume is not None:
            n_init = 1 if resume.progress is None else resume.progress.n_init
        max_iter = self.max_iter if stream is None else 1
        root = self._init_callback_context(
            max_subtasks=max_iter if n_init == 1 else n_init
        )
        root.call_on_fit_task_begin(estimator=self, X=X, y=y)
        ranks = Ranks()
        ranks.meet()
        with ranks.together():
            plan = self._prepare(X, y, parents, resume, n_init, stream, ranks)
        restarts = Restarts(self, plan, root, X, y)
        try:
            restarts.run()
            fitted = self._fitted_attributes(restarts.kept, plan)
        except KeyboardInterrupt:
            restarts.interrupt()
            fitted = self._fitted_attributes(restarts.kept, plan)
        vars(self).pop("_epochs", None)
        vars(self).update(fitted)
        try:
            root.call_on_fit_task_end(
                estimator=self, X=X, y=y, reconstruction_attributes=dict
            )
        except KeyboardInterrupt:  # in a callback: the fit is whole
            restarts.interrupt()
        return plan

    def _unfitted(self, resume):
        """Copy of this estimator without a fit, but for what a resumed one keeps."""
        work = self._view()
        if resume is None:
            for name in list(vars(work)):
                if name in _FITTED or (name.endswith("_") and name[0] != "_"):
                    delattr(work, name)
        else:
            for name in ("model_", "labels_", "history_", "n_iter_", "_progress"):
                vars(work).pop(name, None)
        return work

    def _prepare(self, X, y, parents, resume, n_init, stream=None, ranks=None):
        """Check everything, and decide what is trained."""
        ranks = ranks or Ranks()
        device = _validation.check_device(self.device)
        ranks.check_device(device)
        rows = _validation.check_rows(
            self,
            X,
            y,
            parents,
            image_shape=self.image_shape,
            reset=resume is None,
            all_labels=ranks.union if stream is None else stream.all_labels,
        )
        rows.in_unit_interval = all(ranks.gather(rows.in_unit_interval))
        if stream is not None:
            stream.check(rows)
        self._layout, self._image_shape = rows.layout, rows.image_shape
        self.scale_, self._in_unit_interval = rows.scale, rows.in_unit_interval
        self.classes_, self._n_labels = rows.classes, rows.n_labels
        if rows.parents is not None:
            self.parents_ = rows.parent_names
        config = self._own_parameters() | self._architecture(rows, device)
        weights = self._weights(self._auto_weights(rows, config))
        config |= self._module_config(rows, config, weights)
        data = self._data(rows, device)
        if stream is not None:
            data = stream.join(data, rows.n_labels)
        then = None if resume is None else resume.state["epoch"]
        ranks.check_same(
            self._settings()
            | config
            | {"scale_": rows.scale, "the epoch to continue from": then}
        )
        ranks.check_shards(data.codes)
        seed = check_random_state(self.random_state).randint(np.iinfo(np.int32).max)
        if resume is not None and resume.progress is not None:
            seed = resume.progress.seed
        plan = Plan(
            data=data,
            config=config,
            weights=weights,
            device=device,
            seed=ranks.gather(seed)[0],
            resume=resume,
            max_iter=self.max_iter if stream is None else 1,
            n_init=n_init,
            batch_size=self.batch_size,
            pool=self._pool,
            rows=rows,
            stream=stream,
            ranks=ranks,
        )
        if ranks.size > 1:
            plan.fingerprint()  # while all are here
        if resume is not None:
            resume.check(config, rows.classes, rows.n_labels, plan.fingerprint)
        return plan

    def _settings(self):
        """Class and parameters, but for those that processes of one fit may vary."""
        settings = self.get_params(deep=False)
        for name in ("random_state", "device", "verbose", "n_jobs"):
            del settings[name]
        return settings | {"estimator": type(self).__name__}

    def _fitted_attributes(self, trained, plan):
        """Attributes of the estimator that a training makes, ``labels_`` last."""
        fit = self._view()
        fit._config = plan.config
        fit._seed = plan.seed if plan.resume is None else plan.resume.seed
        fit.model_ = trained.model.cpu().eval()
        fit.history_ = trained.history
        fit.n_iter_ = trained.state["epoch"]
        vars(fit).pop("_state", None)
        if self.warm_start or plan.stream is not None:
            state = {k: v for k, v in trained.state.items() if k != "weights"}
            if plan.stream is not None:
                state = plan.stream.keep(state, plan.data)
            fit._state = map_tensors(torch.Tensor.cpu, state)
        try:
            fit.labels_ = fit._predict(plan.rows.X)
        except _validation.NotFiniteError:  # by the last step: its loss came before
            raise diverged("The trained network is non-finite") from None
        if not all(w.isfinite().all() for w in fit.model_.state_dict().values()):
            raise diverged("The trained network is non-finite")
        return {
            name: value
            for name, value in vars(fit).items()
            if vars(self).get(name) is not value
        }

    def _data(self, rows, device):
        """Rows and labels of a training, on the device if the rows fit there."""
        x, codes = as_source(rows.X), torch.from_numpy(rows.codes).to(device)
        if device.type == "cuda" and isinstance(x, torch.Tensor):
            free, _ = torch.cuda.mem_get_info(device)
            if x.nbytes < free / 2:
                x = x.to(device)
        parents = rows.parents
        if parents is not None:
            parents = torch.from_numpy(parents).to(device)
        return Data(x, codes, self._divisor(rows.X), parents)

    def _weights(self, auto):
        """Weights of the terms of the loss, by name, "auto" resolved."""
        weights = {
            name.removesuffix("_weight"): plain(value)
            for name, value in self.get_params(deep=False).items()
            if name.endswith("_weight")
        }
        return {
            name: float(auto[name] if weight == "auto" else weight)
            for name, weight in weights.items()
        }

    def _own_parameters(self):
        """Parameters of the method alone, but for those that say how to train."""
        return {name: plain(getattr(self, name)) for name in self._own_names()}

    @classmethod
    def _own_names(cls):
        return [
            name
            for name in cls._get_param_names()
            if name not in DeepEstimator._parameter_constraints
            and name not in _READ_AT_CALL
            and not name.endswith("_weight")
            and not name.startswith(("learning_rate", "halving"))
        ]

    def _architecture(self, rows, device):
        """Resolve parameters that every network needs."""
        network = self.network
        if network == "auto":
            network = "mlp" if rows.image_shape is None else "conv"
        if network == "conv":
            if rows.image_shape is None:
                raise ValueError(
                    'network="conv" needs images: pass X as (n_samples, channels, '
                    "height, width), or give image_shape=(channels, height, width)."
                )
            if min(rows.image_shape[1:]) < MIN_IMAGE_SIDE:
                raise ValueError(
                    f"Images of {rows.image_shape[1]}x{rows.image_shape[2]} are too "
                    f"small for the convolutional network, which needs "
                    f'{MIN_IMAGE_SIDE}x{MIN_IMAGE_SIDE}: set network="mlp".'
                )
        bfloat16 = self.precision == "bfloat16" or (
            self.precision == "auto" and bfloat16_is_fast(device)
        )
        sizes = _validation.check_sizes("hidden_layer_sizes", self.hidden_layer_sizes)
        return {
            "n_features": rows.X.shape[1],
            "image_shape": rows.image_shape,
            "n_clusters": len(rows.classes),
            "n_labels": rows.n_labels,
            "network": network,
            "hidden_layer_sizes": sizes,
            "activation": self.activation,
            "bfloat16": bfloat16,
            "schedule_length": self._schedule_length(),
        }

    def _new_module(self, config):
        """Build the module of a config."""
        return self._Module(SimpleNamespace(**config))

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        # read for whatever predicts probabilities, when its X is sparse
        tags.classifier_tags = ClassifierTags()
        return tags

    # --------------------------------------------------------------- inference

    def _view(self):
        """Copy of this estimator that shares everything with it.

        A refit in another thread replaces the attributes of this one, not the copy's.
        """
        view = object.__new__(type(self))
        view.__dict__ = self.__dict__.copy()
        return view

    def _checked(self, *X):
        """View of this fit, and rows checked against it, if there are any."""
        view = self._view()
        check_is_fitted(view, "model_")
        return view, _validation.check_X(view, *X) if X else None

    def _divisor(self, X):
        """255 for uint8 after a fit on uint8; floats are divided already."""
        return self.scale_ if X.dtype == np.uint8 else 1.0

    def _on_device(self):
        """Return the model and its device, copied to a GPU if one is to be used."""
        device = _validation.check_device(self.device)
        if device.type == "cpu":
            return self.model_, device
        with _DEVICE_COPIES_LOCK:
            copies = _DEVICE_COPIES.setdefault(self.model_, {})
            if device not in copies:
                copies[device] = moved(copy.deepcopy(self.model_), device)
            return copies[device], device

    def _infer(self, X, function, **settings):
        """Apply ``function(model, x)`` to checked rows, scaled: see `_map`."""
        divisor = self._divisor(X)
        return self._map(X, lambda model, x: function(model, x / divisor), **settings)

    def _map(self, rows, function, argument="X", keep=np.asarray):
        """Apply ``function(model, rows)`` in batches of one size.

        Parameters
        ----------
        rows : ndarray or CSR matrix of shape (n_rows, n_columns)
        function : callable
            From the module and a (n, n_columns) tensor to a tensor with as many rows.
        argument : str, default="X"
            What the user gave the rows as, for the error if a result is not finite.
        keep : callable, default=np.asarray
            From a batch's result to what is kept of it, as many rows.

        Returns
        -------
        ndarray of shape (n_rows, ...)
        """
        model, device = self._on_device()
        size = GPU_BATCH
        if device.type == "cpu":
            size = self._inference_rows.get(self._config["network"], BATCH)
        rows, n_rows = as_source(rows), rows.shape[0]
        results = None
        with torch.inference_mode():
            for start in range(0, n_rows, size):
                batch = rows[start : start + size].to(device, torch.float32)
                n = len(batch)
                if n < size:
                    filling = batch[-1:].expand(size - n, -1)
                    batch = torch.cat([batch, filling])
                # one memory layout, whatever the rows had
                result = function(model, batch.contiguous())[:n].cpu().numpy()
                _validation.check_result(result, range(start, start + n), argument)
                result = keep(result)
                if results is None:
                    # One array to write to: thousands of small ones fragment memory.
                    results = np.empty((n_rows, *result.shape[1:]), result.dtype)
                results[start : start + n] = result
        return results

    def _probabilities(self):
        """Return the function from module and rows to each cluster's probability."""
        return lambda model, x: model.predict_proba(x)

    def _predict(self, X):
        def codes(proba):  # never all probabilities at once
            return proba.argmax(1).astype(np.int32)

        return self.classes_[self._infer(X, self._probabilities(), keep=codes)]

    def _like_input(self, rows):
        """Rows (n, n_features) in the layout that fit saw."""
        return rows.reshape(-1, *self._layout)

    @property
    def _n_features_out(self):
        return self.model_.n_features_out

    def fit_predict(self, X, y=None, **fit_params):
        """Fit, and return the cluster of each row: see `fit`.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or image-shaped
            Rows.
        y : array-like of shape (n_samples,), default=None
            Labels, -1 for rows without one.
        **fit_params : dict
            Further arguments of `fit`.

        Returns
        -------
        ndarray of shape (n_samples,)
            ``labels_``.
        """
        return self.fit(X, y, **fit_params).labels_

    def predict(self, X):
        """Predict the most probable cluster of each row.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or image-shaped
            Rows.

        Returns
        -------
        ndarray of shape (n_samples,)
            Entries of ``classes_``.
        """
        fit, X = self._checked(X)
        return fit._predict(X)

    def predict_proba(self, X):
        """Predict the probability of each cluster.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or image-shaped
            Rows.

        Returns
        -------
        ndarray of shape (n_samples, n_clusters)
            Columns in the order of ``classes_``.
        """
        fit, X = self._checked(X)
        return fit._infer(X, fit._probabilities())

    def transform(self, X):
        """Features of each row; the class says which.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or image-shaped
            Rows.

        Returns
        -------
        ndarray of shape (n_samples, n_features_out)
            float64 if X is, else float32.
        """
        fit, X = self._checked(X)
        dtype = np.float64 if X.dtype == np.float64 else np.float32
        features = fit._infer(X, lambda model, x: model.encode(x))
        return features.astype(dtype, copy=False)

    def score(self, X, y=None):
        """Return the objective, or with y the accuracy over the labeled rows.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or image-shaped
            Rows.
        y : array-like of shape (n_samples,), default=None
            Rows with -1 are ignored. After a fit without any label, cluster numbers
            have no meaning, and accuracy is under the best one-to-one matching.

        Returns
        -------
        float
            Higher is better. nan, with a warning, if y has no label.
        """
        fit, X = self._checked(X)
        if y is None:
            return fit._objective(X)
        labeled, y = _validation.check_y_score(y, X.shape[0])
        if not labeled.any():
            return float("nan")
        predicted = fit._predict(X[labeled])
        if fit._n_labels == 0:
            return clustering_accuracy(y, predicted)
        return float(np.mean(predicted == y))

    # ------------------------------------------------------------------- files

    def __getstate__(self):
        state = dict(super().__getstate__())
        # of a fit that is under way, of which a callback is given a copy
        for name in _validation.FIT_CONTEXT:
            state.pop(name, None)
        return files.packed(state)

    def __setstate__(self, state):
        super().__setstate__(files.unpacked(type(self), state))


class DeepClusterer(ClusterMixin, DeepEstimator):
    """What estimators share that are clusterers first."""

    fit_predict = DeepEstimator.fit_predict  # ClusterMixin's drops y
