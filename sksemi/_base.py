"""The base of every estimator: fit, inference in batches, seeds, device, callbacks.

The only place where arrays become tensors.
"""

import copy
import threading
import warnings
import weakref
from contextlib import contextmanager
from numbers import Integral, Real

import numpy as np
import torch
from sklearn.base import BaseEstimator
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from sksemi import _validation
from sksemi._networks import ACTIVATIONS, MIN_IMAGE_SIDE, bfloat16_is_fast
from sksemi._training import (
    Data,
    diverged,
    evaluate,
    map_tensors,
    set_rng_state,
    train,
)
from sksemi._validation import Interval, StrOptions, _fit_context
from sksemi.metrics import clustering_accuracy

# Products of float32 matrices differ in the last bits with the number of rows, so
# every batch is padded to this many: then no result depends on its neighbors.
INFERENCE_BATCH = 256

# torch's generators are shared by all threads of a process.
_RNG_LOCK = threading.RLock()

# Copies of models on a GPU for inference; the models themselves stay on the CPU.
_DEVICE_COPIES = weakref.WeakKeyDictionary()
_DEVICE_COPIES_LOCK = threading.Lock()


@contextmanager
def seeded(seed, device):
    """Seed torch's generators of the CPU and one device, then give them back.

    Parameters
    ----------
    seed : int or None
        None leaves the generators as they are.
    device : torch.device
    """
    on_gpu = device.type == "cuda"
    devices = [device.index] if on_gpu else []
    with _RNG_LOCK, torch.random.fork_rng(devices=devices):
        if seed is not None:
            # not torch.manual_seed, which reseeds every GPU
            torch.default_generator.manual_seed(seed)
            if on_gpu:
                torch.cuda.default_generators[device.index].manual_seed(seed)
        yield


def as_tensor(X):
    """Tensor over an array's memory, read-only arrays included; never written to."""
    if any(stride < 0 for stride in X.strides):
        X = np.ascontiguousarray(X)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="The given NumPy array is not writ")
        return torch.from_numpy(np.asarray(X))


class DeepEstimator(BaseEstimator):
    """What all estimators share."""

    # scikit-learn's names for the link in the HTML representation
    _doc_link_module = "sksemi"
    _doc_link_template = _validation.DOC_LINK

    _parameter_constraints = {
        "n_clusters": [Interval(Integral, 1, None, closed="left"), None],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "batch_size": [Interval(Integral, 2, None, closed="left")],
        "learning_rate": [Interval(Real, 0, None, closed="neither")],
        "tol": [Interval(Real, 0, None, closed="left")],
        "n_iter_no_change": [Interval(Integral, 1, None, closed="left"), None],
        "n_init": [Interval(Integral, 1, None, closed="left")],
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

    # What a method's estimator defines: its nn.Module, what builds it, and the rest of
    # these hooks where it has something to say.
    _Module = None
    # The rows that an epoch is a pass over: those without a label, or "all".
    _pool = "unlabeled"

    def _module_arguments(self, device):
        """Arguments, all of them plain values, that build the module.

        Read after X and y were checked: ``n_features_in_``, ``_image_shape``,
        ``classes_`` and ``_n_labels`` stand. fit records them, so that a copy of the
        estimator is rebuilt without a look at its present parameters.
        """
        raise NotImplementedError

    def _objective(self, X):
        """``score`` without labels, of checked rows: higher is better."""
        raise NotImplementedError

    def _schedule_length(self):
        """Epochs until every schedule has ended; early stopping counts from there."""
        return 0

    def _learning_rate(self, epoch, n_steps):
        """Adam's step size in an epoch of so many steps."""
        return self.learning_rate

    def _check_data(self, X):
        """Set what a method learns from the checked rows before its model is made."""

    # ---------------------------------------------------------------- fit

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None):
        """Fit the model to rows of which some, all or none carry a label.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features), (n_samples, H, W) or \
                (n_samples, C, H, W)
            Rows, or images. uint8 values are divided by 255.
        y : array-like of shape (n_samples,), default=None
            Labels, -1 for rows without one; None means no labels at all. Strings go
            into an object array beside the integer -1.

        Returns
        -------
        self : object
            The fitted estimator.

        Raises
        ------
        ValueError
            For unusable X, y or parameters; the message names the remedy.
        FloatingPointError
            If the loss becomes non-finite. After any error the estimator is as it
            was before the call.
        """
        return self._fit_or_restore(X, y)

    def _fit_or_restore(self, X, y, parents=None):
        """Fit; on an error leave the estimator as it was."""
        one = self.n_init == 1 or (self.warm_start and hasattr(self, "model_"))
        root = self._init_callback_context(
            max_subtasks=self.max_iter if one else self.n_init
        )
        before = dict(vars(self))
        try:
            self._fit(X, y, root, parents)
        except BaseException:
            vars(self).clear()
            vars(self).update(before)
            raise
        return self

    def _fit(self, X, y, root, parents=None):
        resume = self.warm_start and hasattr(self, "model_")
        earlier = dict(vars(self)) if resume else {}
        for name in ("model_", "labels_", "history_", "n_iter_", "parents_"):
            vars(self).pop(name, None)

        root.call_on_fit_task_begin(estimator=self, X=X, y=y)
        device = _validation.check_device(self.device)
        rows = _validation.check_X(
            self, X, image_shape=self.image_shape, reset=not resume
        )
        codes, labels = _validation.check_y(y, len(rows))
        self.classes_ = _validation.check_n_clusters(self.n_clusters, labels, len(rows))
        self._n_labels = len(labels)
        if parents is not None:
            parents, self.parents_ = _validation.check_parents(parents, len(rows))
        self._check_data(rows)
        self._arguments = self._module_arguments(device)
        if resume:
            self._check_warm_start(earlier)
        seed = check_random_state(self.random_state).randint(np.iinfo(np.int32).max)
        if not resume:
            self._seed = seed
        if parents is not None:
            parents = torch.from_numpy(parents).to(device)
        data = Data(*self._place(rows, codes, device), self._divisor(rows), parents)

        def restart(task):
            """Train a model, the earlier one on or a new one."""
            history, state = [], None
            model = self._Module(**self._arguments)
            if resume:
                self._load_earlier(model, earlier)
                history = earlier["history_"]
                state = earlier.get("_state", {"epoch": earlier["n_iter_"]})
            model = model.to(device)
            state, rows_of_history = train(
                model,
                data,
                max_iter=self.max_iter,
                batch_size=self.batch_size,
                learning_rate=self._learning_rate,
                pool=self._pool,
                state=state,
                after_epoch=_EpochTasks(self, model, task, X, y, data, history),
            )
            return model, state, history + rows_of_history

        with seeded(seed, device):
            if self.n_init == 1 or resume:
                model, state, self.history_ = restart(root)
            else:
                model, state, self.history_ = self._best_of_restarts(
                    restart, root, X, y, data, seed
                )
        self.model_ = model.cpu().eval()
        self.n_iter_ = state["epoch"]
        for name in ("_state", "_epochs"):
            vars(self).pop(name, None)
        if self.warm_start:
            self._state = map_tensors(torch.Tensor.cpu, state)
        proba = self._predict_proba(rows)
        if not np.isfinite(proba).all():  # the last step's doing: its loss came before
            raise diverged("The trained network is non-finite")
        self.labels_ = self.classes_[proba.argmax(1)]
        root.call_on_fit_task_end(
            estimator=self, X=X, y=y, reconstruction_attributes=dict
        )

    def _best_of_restarts(self, restart, root, X, y, data, seed):
        """Keep what the restart with the lowest loss over one evaluation pass made."""
        device = data.y.device
        best = None
        for _ in range(self.n_init):
            with seeded(None, device):
                task = root.subcontext("restart", max_subtasks=self.max_iter)
                task.call_on_fit_task_begin(estimator=self, X=X, y=y)
            result = None
            try:
                result = restart(task)
                model, state, _ = result
                if state["interrupted"]:
                    # an unfinished restart does not compete with whole ones
                    best = best or (None, result)
                    break
                with seeded(seed, device):
                    loss = evaluate(
                        model,
                        data,
                        batch_size=self.batch_size,
                        epoch=self.max_iter,
                        pool=self._pool,
                    )
            except KeyboardInterrupt:
                best = best or (None, result)
                if best[1] is None:  # no whole epoch yet
                    raise
                warnings.warn("Training interrupted by user.", stacklevel=2)
                break
            if best is None or loss < best[0]:
                best = loss, result
            with seeded(None, device):
                stop = task.call_on_fit_task_end(estimator=self, X=X, y=y)
            if stop:
                break
        return best[1]

    def _check_warm_start(self, earlier):
        """Refuse to go on with other clusters."""
        now = self.classes_.tolist(), self._n_labels
        then = earlier["classes_"].tolist(), earlier["_n_labels"]
        if now != then:
            raise ValueError(
                f"warm_start=True, but y and n_clusters now make the clusters "
                f"{now[0]}, {now[1]} of them with a label, and the fit to go on from "
                f"has {then[0]}, {then[1]} with a label. Set warm_start=False to start "
                "anew."
            )

    def _load_earlier(self, model, earlier):
        """Give a new model the weights of the fit that a warm start goes on from."""
        # Arguments that leave every weight its shape say how to train: they may change.
        try:
            model.load_state_dict(earlier["model_"].state_dict())
        except RuntimeError as error:
            now, then = self._arguments, earlier["_arguments"]
            changed = [name for name in now if now[name] != then[name]]
            raise ValueError(
                f"warm_start=True, but {', '.join(changed)} changed, which needs "
                "another network. Set warm_start=False to start anew."
            ) from error

    def _place(self, rows, codes, device):
        """Rows and labels as tensors, on the device if the rows fit there."""
        x, y = as_tensor(rows), torch.from_numpy(codes).to(device)
        if device.type == "cuda":
            free, _ = torch.cuda.mem_get_info(device)
            if x.nbytes < free / 2:
                x = x.to(device)
        return x, y

    def _architecture(self, device):
        """Resolve parameters that every network needs: see `_module_arguments`."""
        network = self.network
        if network == "auto":
            network = "mlp" if self._image_shape is None else "conv"
        if network == "conv":
            if self._image_shape is None:
                raise ValueError(
                    'network="conv" needs images: pass X as (n_samples, channels, '
                    "height, width), or give image_shape=(channels, height, width)."
                )
            if min(self._image_shape[1:]) < MIN_IMAGE_SIDE:
                raise ValueError(
                    f"Images of {self._image_shape[1]}x{self._image_shape[2]} are too "
                    f"small for the convolutional network, which needs "
                    f'{MIN_IMAGE_SIDE}x{MIN_IMAGE_SIDE}: set network="mlp".'
                )
        sizes = tuple(np.asarray(self.hidden_layer_sizes).tolist())
        if not all(isinstance(size, int) and size > 0 for size in sizes):
            raise ValueError(
                f"hidden_layer_sizes={self.hidden_layer_sizes!r} must hold positive "
                "integers."
            )
        bfloat16 = self.precision == "bfloat16" or (
            self.precision == "auto" and bfloat16_is_fast(device)
        )
        return {
            "n_features": self.n_features_in_,
            "image_shape": self._image_shape,
            "n_clusters": len(self.classes_),
            "n_labels": self._n_labels,
            "network": network,
            "hidden_layer_sizes": sizes,
            "activation": self.activation,
            "bfloat16": bfloat16,
        }

    def _resolve_max_shift(self):
        """Resolve max_shift="auto": shifts lead clusters without labels astray."""
        if self.max_shift != "auto":
            return self.max_shift
        return 1 if self._n_labels else 0

    def _input_noise(self, max_shift):
        """Deviation of the noise on the encoder's input."""
        if self.input_noise != "auto":
            return self.input_noise
        if self._image_shape is None:
            return 0.2
        return 0.1 if max_shift else 0.03

    def _weights(self, names, auto=None):
        """Weights of the terms of the loss, by name; ``auto`` has those of "auto"."""
        weights = {name: getattr(self, f"{name}_weight") for name in names}
        return {
            name: auto[name] if weight == "auto" else weight
            for name, weight in weights.items()
        }

    # ---------------------------------------------------------- inference

    def _check(self, X):
        check_is_fitted(self)
        return _validation.check_X(self, X)

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
                copies[device] = copy.deepcopy(self.model_).to(device)
            return copies[device], device

    def _infer(self, X, function):
        """Apply ``function(model, x)`` to checked rows, scaled: see `_map`."""
        divisor = self._divisor(X)
        return self._map(X, lambda model, x: function(model, x / divisor))

    def _map(self, rows, function):
        """Apply ``function(model, rows)`` in batches of one size.

        Parameters
        ----------
        rows : ndarray of shape (n_rows, n_columns)
        function : callable
            From the module and a (INFERENCE_BATCH, n_columns) tensor to a tensor
            with as many rows.

        Returns
        -------
        ndarray of shape (n_rows, ...)
        """
        model, device = self._on_device()
        rows = as_tensor(rows)
        results = []
        with torch.inference_mode():
            for start in range(0, len(rows), INFERENCE_BATCH):
                batch = rows[start : start + INFERENCE_BATCH].to(device, torch.float32)
                n = len(batch)
                if n < INFERENCE_BATCH:
                    filling = batch[-1:].expand(INFERENCE_BATCH - n, -1)
                    batch = torch.cat([batch, filling])
                # one memory layout, whatever the rows had
                result = function(model, batch.contiguous())
                results.append(result[:n].cpu().numpy())
        return np.concatenate(results)

    def _features(self, X):
        """Features of unchecked rows, in the float type of X or float32."""
        X = self._check(X)
        dtype = X.dtype if X.dtype.kind == "f" else np.float32
        features = self._infer(X, lambda model, x: model.encode(x))
        return features.astype(dtype, copy=False)

    def _predict_proba(self, X):
        return self._infer(X, lambda model, x: model.predict(x))

    def _predict(self, X):
        return self.classes_[self._predict_proba(X).argmax(1)]

    def _like_input(self, rows):
        """Rows (n, n_features) in the layout that fit saw."""
        return rows.reshape(-1, *self._layout)

    def _noise(self, shape, seed, device):
        """Draw standard normal noise that no other call shares."""
        generator = torch.Generator().manual_seed(int(seed))
        return torch.randn(shape, generator=generator).to(device)

    def predict(self, X):
        """Most probable cluster of each row.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or image-shaped

        Returns
        -------
        ndarray of shape (n_samples,)
            Entries of ``classes_``.
        """
        return self._predict(self._check(X))

    def predict_proba(self, X):
        """Probability of each cluster, q(y given x).

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or image-shaped

        Returns
        -------
        ndarray of shape (n_samples, n_clusters)
            Columns in the order of ``classes_``.
        """
        return self._predict_proba(self._check(X))

    def score(self, X, y=None):
        """Objective without y, accuracy over the labeled rows with y.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or image-shaped
        y : array-like of shape (n_samples,), default=None
            Rows with -1 do not count. After a fit without any label, cluster numbers
            mean nothing and the accuracy is that of the best one-to-one matching.

        Returns
        -------
        float
            Higher is better. nan, with a warning, if y has no label.
        """
        X = self._check(X)
        if y is None:
            return self._objective(X)
        labeled, y = _validation.check_y_score(y, len(X))
        if not labeled.any():
            return float("nan")
        predicted = self._predict(X[labeled])
        if self._n_labels == 0:
            return clustering_accuracy(y, predicted)
        return float(np.mean(predicted == y))

    # ------------------------------------------------------------ pickles

    def __getstate__(self):
        """Weights as arrays beside the recipe of the module, for pickle and skops."""
        state = dict(super().__getstate__())
        # of a fit that is under way, of which a callback is given a copy
        for name in _validation.FIT_CONTEXT:
            state.pop(name, None)
        if "model_" in state:
            state["model_"] = {
                name: tensor.numpy(force=True)
                for name, tensor in state["model_"].state_dict().items()
            }
        if "_state" in state:
            state["_state"] = map_tensors(torch.Tensor.numpy, state["_state"])
        return state

    def __setstate__(self, state):
        """Rebuild the module from what fit recorded, not from present parameters."""
        state = dict(state)
        weights = state.pop("model_", None)
        if "_state" in state:
            state["_state"] = map_tensors(torch.tensor, state["_state"], np.ndarray)
        super().__setstate__(state)
        if weights is not None:
            with seeded(None, torch.device("cpu")):
                model = self._Module(**self._arguments)
            model.load_state_dict({k: torch.tensor(v) for k, v in weights.items()})
            self.model_ = model.eval()


class _EpochTasks:
    """Everything that happens around epochs: callbacks, printing, early stopping."""

    def __init__(self, estimator, model, task, X, y, data, history):
        self.estimator, self.model, self.task = estimator, model, task
        self.X, self.y, self.data = X, y, data
        self.device = data.y.device
        self.history = list(history)
        self.n_done = 0
        self.best, self.n_worse = np.inf, 0
        self.kept = None
        estimator._epochs = self
        self._begin()

    def _begin(self):
        # What a callback draws must not change the training.
        with seeded(None, self.device):
            self.epoch_task = self.task.subcontext("epoch")
            self.epoch_task.call_on_fit_task_begin(
                estimator=self.estimator, X=self.X, y=self.y
            )

    def __call__(self, row, state):
        """End the epoch's task and begin the next; return True to stop."""
        est = self.estimator
        self.n_done += 1
        self.rng = state["rng"]
        self.history.append(row)
        # For callbacks. Not as the task's metadata: scikit-learn's ScoringMonitor hands
        # that to its scorers, as it would sample weights.
        est.history_ = self.history
        with seeded(None, self.device):
            stop = self.epoch_task.call_on_fit_task_end(
                estimator=est,
                X=self.X,
                y=self.y,
                reconstruction_attributes=lambda: self._snapshot(state),
            )
        if est.verbose:
            terms = ", ".join(
                f"{name} = {value:.4g}"
                for name, value in row.items()
                if name not in ("epoch", "seconds")
            )
            print(
                f"Epoch {row['epoch'] + 1}, {terms} ({row['seconds']:.2f} s)",
                flush=True,
            )
        stop = stop or self._no_change(row)
        if not stop and self.n_done < est.max_iter:
            self._begin()
        elif self.kept is not None:
            weights, rng = self.kept
            self.model.load_state_dict(weights)
            set_rng_state(rng, self.device)  # for after_training
        return stop

    def keep_weights(self):
        """Have the epochs end as if this one had been the last."""
        self.kept = map_tensors(torch.clone, (self.model.state_dict(), self.rng))

    def loss(self, row):
        """Sum of the terms of an epoch."""
        parameters = self.estimator.get_params()
        return sum(row[name] for name in row if f"{name}_weight" in parameters)

    def _no_change(self, row):
        est = self.estimator
        if est.n_iter_no_change is None or row["epoch"] < est._schedule_length():
            return False
        loss = self.loss(row)
        self.n_worse = self.n_worse + 1 if loss > self.best - est.tol else 0
        self.best = min(self.best, loss)
        return self.n_worse >= est.n_iter_no_change

    def _snapshot(self, state):
        """Attributes of an estimator whose fit had stopped here."""
        model = copy.deepcopy(self.model)
        if hasattr(model, "after_training"):
            with seeded(None, self.device):
                set_rng_state(state["rng"], self.device)
                model.after_training(self.data)
        attributes = {
            "model_": model.cpu().eval(),
            "n_iter_": state["epoch"],
            "history_": list(self.history),
            "_epochs": None,
        }
        if self.estimator.warm_start:
            attributes["_state"] = map_tensors(torch.Tensor.cpu, state)
        return attributes
