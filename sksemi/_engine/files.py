"""An estimator as files hold it: what is written, and what is checked on reading.

Files hold the weights as arrays beside the config that the module was built from, and
the version of the package. On reading, everything recorded is compared with what the
config asks for before a module is built from it: an edited or damaged file is refused,
and so is one of another version that this one could not follow.
"""

import inspect
import math
from importlib.metadata import version
from numbers import Integral, Real
from types import SimpleNamespace

import numpy as np
import torch

from sksemi._engine.resuming import Progress
from sksemi._engine.seeds import get_rng_state, seeded
from sksemi._engine.training import map_tensors
from sksemi._validation import check_sizes, validate_parameter_constraints

VERSION = version("sksemi")

_CPU = torch.device("cpu")

# Attributes of a fit that hold tensors in nested dicts.
_NESTED = ("_state", "_progress")


class Damaged(Exception):
    """What is wrong with a file."""


def packed(state):
    """State of an estimator for pickle and skops: numpy arrays, and the version.

    Parameters
    ----------
    state : dict
        Attributes of an estimator.

    Returns
    -------
    dict
    """
    state = state | {"_sksemi_version": VERSION}
    if "model_" in state:
        state["model_"] = {
            name: tensor.numpy(force=True)
            for name, tensor in state["model_"].state_dict().items()
        }
    for name in _NESTED:
        if name in state:
            state[name] = map_tensors(torch.Tensor.numpy, state[name])
    return state


def unpacked(Estimator, state):
    """Attributes of an estimator from what `packed` returned, once it was checked.

    The module is rebuilt from what fit recorded, not from present parameters.

    Parameters
    ----------
    Estimator : class
    state : dict

    Returns
    -------
    dict

    Raises
    ------
    ValueError
        If the state is damaged or this version cannot read it.
    """
    state = dict(state)
    saved_by = state.pop("_sksemi_version", None)
    try:
        if "model_" in state:
            _check_fit(Estimator, state)
            state["model_"] = _restored(Estimator, state["_config"], state["model_"])
            _check_nested(state)
        _check_parameters(Estimator, state, saved_by)
        for name in _NESTED:
            if name in state:
                state[name] = map_tensors(torch.tensor, state[name], np.ndarray)
    except Damaged as error:
        name = Estimator.__name__
        if saved_by == VERSION:
            raise ValueError(
                f"This saved {name} is damaged: {error}. Load another copy of it, or "
                "fit again."
            ) from None
        by = f"sksemi {saved_by}" if saved_by else "a version of sksemi not recorded"
        raise ValueError(
            f"This {name} was saved by {by}, and is damaged or cannot be read by "
            f"sksemi {VERSION}: {error}. Load it with the version that saved it, or "
            "fit again."
        ) from None
    return state


def _check_parameters(Estimator, state, saved_by):
    """See that no parameter is missing; another version may have had fewer."""
    names = Estimator._get_param_names()
    if saved_by not in (VERSION, None):
        for name in names:
            state.setdefault(
                name, inspect.signature(Estimator).parameters[name].default
            )
    missing = [name for name in names if name not in state]
    if missing:
        raise Damaged(f"the parameter {missing[0]} is missing")


def _check_fit(Estimator, state):
    """Check the config, and the attributes of a fit against it."""
    config = state.get("_config")
    if not isinstance(config, dict):
        raise Damaged("the configuration of its network (_config) is missing")
    _check_config(Estimator, config)
    n_features, n_clusters = config["n_features"], config["n_clusters"]
    image_shape = config["image_shape"]
    if image_shape is not None and (
        len(image_shape) != 3 or math.prod(image_shape) != n_features
    ):
        raise Damaged(f"image_shape={image_shape} does not have {n_features} values")
    if config["n_labels"] > n_clusters:
        raise Damaged(f"n_labels={config['n_labels']} is above {n_clusters} clusters")

    def is_array(length=None):
        return lambda v: (
            isinstance(v, np.ndarray) and v.ndim == 1 and length in (None, len(v))
        )

    def is_count(v):
        return isinstance(v, Integral) and 0 <= v < 2**63

    attributes = {
        "n_features_in_": lambda v: v == n_features,
        "classes_": is_array(n_clusters),
        "labels_": is_array(),
        "scale_": lambda v: isinstance(v, Real) and 0 < v < math.inf,
        "n_iter_": is_count,
        "history_": lambda v: (
            isinstance(v, list) and all(isinstance(row, dict) for row in v)
        ),
        "_image_shape": lambda v: v == image_shape,
        "_in_unit_interval": lambda v: isinstance(v, bool | np.bool_),
        "_layout": lambda v: (
            isinstance(v, tuple)
            and all(is_count(side) for side in v)
            and math.prod(v) == n_features
        ),
        "_n_labels": lambda v: v == config["n_labels"],
        "_seed": is_count,
    }
    for name, is_right in attributes.items():
        if name not in state:
            raise Damaged(f"{name} is missing")
        value = state[name]
        # "of" an array would be an array
        if isinstance(value, np.ndarray) != name.startswith(("classes", "labels")):
            raise Damaged(f"{name} is of type {type(value).__name__}")
        if not is_right(value):
            shown = value.shape if isinstance(value, np.ndarray) else value
            raise Damaged(f"{name} is {shown!r}, which contradicts the rest of it")


def _check_config(Estimator, config):
    """Check that a config has the entries of this version, each in its range."""
    own = {
        name: Estimator._parameter_constraints[name]
        for name in Estimator._own_names()
        if name in Estimator._parameter_constraints
    }
    resolved = {}
    for base in reversed(Estimator.__mro__):
        resolved |= vars(base).get("_config_constraints", {})
    names = set(Estimator._own_names()) | set(resolved)
    for problem, found in [
        ("lacks", sorted(names - set(config))),
        ("has an unknown entry,", sorted(map(str, set(config) - names))),
    ]:
        if found:
            raise Damaged(f"the configuration of its network {problem} {found[0]}")
    for constraints in (own, resolved):
        try:
            validate_parameter_constraints(
                constraints,
                {name: config[name] for name in constraints},
                caller_name=Estimator.__name__,
            )
        except ValueError as error:
            message = str(error).rstrip(".")
            raise Damaged(f"in the configuration of its network, {message}") from None
    for name, value in config.items():
        if name.endswith(("_sizes", "image_shape")) and value is not None:
            try:
                check_sizes(name, value)
            except (TypeError, ValueError) as error:
                raise Damaged(str(error).rstrip(".")) from None


def _restored(Estimator, config, weights):
    """Build the module of a config with the weights of a file, ready to predict."""
    if not isinstance(weights, dict):
        raise Damaged(f"the weights are of type {type(weights).__name__}")
    if config["network"] == "mlp":
        n_numbers = sum(np.size(value) for value in weights.values())
        if config["n_features"] > n_numbers:
            raise Damaged(
                f"n_features is {config['n_features']}, and there are {n_numbers} "
                "weights"
            )
    with seeded(None, _CPU):
        if not callable(config["network"]):
            # without memory, however large the config says that weights are
            with torch.device("meta"):
                module = _built(Estimator, config)
            _check_weights(module, weights)
        module = _built(Estimator, config)
    _check_weights(module, weights)
    complaint = Estimator._check_saved(config, weights)
    if complaint:
        raise Damaged(complaint)
    module.load_state_dict({name: torch.tensor(v) for name, v in weights.items()})
    return module.eval()


def _built(Estimator, config):
    try:
        return Estimator._Module(SimpleNamespace(**config))
    except Exception as error:
        raise Damaged(
            "no network can be built from its configuration "
            f"({type(error).__name__}: {error})"
        ) from None


def _check_weights(module, weights):
    """Check names, shapes, types and values of a module's weights."""
    expected = module.state_dict()
    for name in expected:
        if name not in weights:
            raise Damaged(f"the weight {name} is missing")
    for name, value in weights.items():
        if name not in expected:
            raise Damaged(f"there is a weight {name!r}, which its network lacks")
        _check_array(f"the weight {name}", value, expected[name])


def _check_array(name, value, like):
    """Check an array's type, shape and values against a tensor of the network."""
    if not isinstance(value, np.ndarray | np.generic):
        raise Damaged(f"{name} is of type {type(value).__name__}")
    dtype = str(like.dtype).removeprefix("torch.")
    if value.dtype.name != dtype:
        raise Damaged(f"{name} is of type {value.dtype.name}, not {dtype}")
    if value.shape != tuple(like.shape):
        raise Damaged(f"{name} has shape {value.shape}, not {tuple(like.shape)}")
    if not np.isfinite(value).all():
        raise Damaged(f"{name} has values that are not finite")


def _check_nested(state):
    """Check what a fit keeps to go on from."""
    module, n_rows = state["model_"], len(state["labels_"])
    if "_state" in state:
        _check_training(state["_state"], module, n_rows)
        _check_remembered(state["_state"].get("remembered"), state["_config"])
    if "_progress" in state:
        cut_off = state["_progress"]
        progress = cut_off.get("progress") if isinstance(cut_off, dict) else None
        if not isinstance(progress, dict) or set(progress) != set(
            Progress.__dataclass_fields__
        ):
            raise Damaged("its _progress is incomplete")
        _check_training(cut_off.get("state"), module, n_rows, needs=("weights",))
        best, kept = progress["best"], progress["kept"]
        if best is not None:
            _check_keys(best, ("loss", "weights", "state", "history"))
            _check_training(best["state"], module, n_rows)
            _check_weights(module, best["weights"])
        if kept is not None:
            _check_keys(kept, ("weights", "rng"))
            _check_weights(module, kept["weights"])


def _check_keys(part, names):
    if not isinstance(part, dict):
        raise Damaged(f"a part of its training is of type {type(part).__name__}")
    missing = [name for name in names if name not in part]
    if missing:
        raise Damaged(f"its training lacks {missing[0]}")


def _check_training(training, module, n_rows, needs=()):
    """Check the state of a training: see `Steps.get_state`."""
    places = ("pool", "order", "blocks")
    _check_keys(training, ("epoch", "optimizer", *places, "rng", *needs))
    if not isinstance(training["epoch"], Integral) or training["epoch"] < 0:
        raise Damaged(f"its training has epoch={training['epoch']!r}")
    time = training.get("time", 0)
    if not isinstance(time, Real) or not 0 <= time < math.inf:
        raise Damaged(f"its training has time={time!r}")
    if "weights" in needs:
        _check_weights(module, training["weights"])
    _check_keys(training["optimizer"], ("state", "param_groups"))
    parameters = list(module.parameters())
    for i, moments in training["optimizer"]["state"].items():
        if i not in range(len(parameters)):
            raise Damaged(f"its optimizer has moments of a weight {i!r}")
        _check_keys(moments, ("step", "exp_avg", "exp_avg_sq"))
        for name in ("exp_avg", "exp_avg_sq"):
            _check_array(f"{name} of weight {i}", moments[name], parameters[i])
    for name in places:
        rows = training[name]
        if not (
            isinstance(rows, np.ndarray)
            and rows.dtype == np.int64
            and rows.ndim == 1
            and ((rows >= 0) & (rows < n_rows)).all()
        ):
            raise Damaged(f"{name} of its training does not hold row numbers")
    _check_keys(training["rng"], ("cpu",))
    generator, expected = training["rng"]["cpu"], get_rng_state(_CPU)["cpu"]
    _check_array("the random state of its training", generator, expected)


def _check_remembered(remembered, config):
    """Check the labeled rows that ``partial_fit`` goes on with."""
    if remembered is None:
        return
    _check_keys(remembered, ("x", "codes"))
    n_rows = len(np.atleast_1d(remembered["codes"]))
    for name, like in [
        ("x", torch.empty(n_rows, config["n_features"], device="meta")),
        ("codes", torch.empty(n_rows, dtype=torch.int64, device="meta")),
    ]:
        _check_array(f"{name} of the rows remembered", remembered[name], like)
    if not np.isin(remembered["codes"], range(-1, config["n_labels"])).all():
        raise Damaged("a remembered row has a label that is not there")
    settled = remembered.get("settled", 1.0)
    if not isinstance(settled, Real) or not 0 <= settled <= 1:
        raise Damaged(f"its rows remembered have settled={settled!r}")
