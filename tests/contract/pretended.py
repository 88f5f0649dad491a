"""What `test_mps` has run on a device that has no float64: a pretended one.

    python -m tests.contract.pretended GMVAEClusterer

Its tensors are computed on the CPU, so that results are those of the CPU; it refuses
float64 and operands on two devices, as Apple's GPUs do. It is torch's device for
backends outside torch, which a process can have once: hence a process of its own.
"""

import contextlib
import sys
import tempfile
from pathlib import Path

import numpy as np
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_flatten, tree_map, tree_unflatten
from torch.utils.backend_registration import _setup_privateuseone_for_python_backend

import sksemi
from sksemi import _validation
from sksemi._nn import precision
from sksemi.callbacks import Checkpoint
from sksemi.utils import _checking
from tests.contract.ranks import At

NAME = "pretended"
aten = torch.ops.aten


def is_there(device):
    return isinstance(device, torch.device) and device.type == NAME


class There(torch.Tensor):
    """A tensor on the pretended device, of the values of one on the CPU."""

    @staticmethod
    def __new__(cls, values):
        if values.dtype == torch.double:
            raise TypeError("float64 on a device that has none")
        there = torch.Tensor._make_wrapper_subclass(
            cls,
            values.shape,
            strides=values.stride(),
            storage_offset=values.storage_offset(),
            dtype=values.dtype,
            device=torch.device(NAME, 0),
        )
        there.values = values
        return there

    def tolist(self):
        return self.values.tolist()

    @classmethod
    def __torch_dispatch__(cls, function, types, args=(), kwargs=None):
        with Pretended():
            return function(*args, **kwargs or {})


class Pretended(TorchDispatchMode):
    """Where operations on `There`, and those that make one, are computed."""

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        leaves, spec = tree_flatten((args, kwargs))
        tensors = [leaf for leaf in leaves if isinstance(leaf, torch.Tensor)]
        there = [tensor for tensor in tensors if isinstance(tensor, There)]
        devices = [leaf for leaf in leaves if isinstance(leaf, torch.device)]
        if not there and not any(map(is_there, devices)):
            return function(*args, **kwargs)
        if function._can_decompose():  # in inference mode, into what has a device
            with Pretended():
                return function.decompose(*args, **kwargs)
        copies = function is aten.copy_.default
        if there and not copies:
            strange = [t for t in tensors if not isinstance(t, There) and t.ndim]
            assert not strange, f"{function} of tensors on two devices"
        if copies:
            goes_there = isinstance(args[0], There)
        else:
            goes_there = is_there(devices[0]) if devices else True
        known = {id(tensor.values): tensor for tensor in there}
        here = [leaf.values if isinstance(leaf, There) else leaf for leaf in leaves]
        here = [torch.device("cpu") if is_there(leaf) else leaf for leaf in here]
        args, kwargs = tree_unflatten(here, spec)
        result = function(*args, **kwargs)

        def wrapped(x):
            if not (goes_there and isinstance(x, torch.Tensor)):
                return x
            return known[id(x)] if id(x) in known else There(x)

        return tree_map(wrapped, result)


class Module:
    """What torch asks the module of a device for."""

    def is_available(self):
        return True

    def is_initialized(self):
        return True

    def _is_in_bad_fork(self):
        return False

    def manual_seed_all(self, seed):
        pass

    def device_count(self):
        return 1

    def current_device(self):
        return 0

    def get_amp_supported_dtype(self):
        return [torch.bfloat16]


def refuses(name):
    """The device does what it is pretended to do."""
    there = torch.device(NAME, 0)
    x = torch.ones(3, device=there)
    assert x.device == there
    assert (x + 1)[:2].cpu().tolist() == [2, 2]
    for wrong, error in [
        (lambda: x.double(), TypeError),
        (lambda: torch.ones(3).double().to(there), TypeError),
        (lambda: x + torch.ones(3), AssertionError),
    ]:
        with _checking.raises(error, "float64|two devices"):
            wrong()


def assert_same(a, b):
    """Two estimators are alike, and so is all that they say of rows."""
    _checking.assert_same_weights(a, b)
    X, *_ = _checking.digits(150)
    for method in ("predict_proba", "transform", "reconstruct", "score_samples"):
        if hasattr(a, method):
            expected = getattr(a, method)(X)
            np.testing.assert_array_equal(getattr(b, method)(X), expected)
    if hasattr(a, "n_importance_samples"):
        a.set_params(n_importance_samples=2)
        b.set_params(n_importance_samples=2)
        np.testing.assert_array_equal(b.score_samples(X), a.score_samples(X))
        np.testing.assert_array_equal(b.sample(9)[0], a.sample(9)[0])


def both(name, fit, **params):
    """Do the same with estimators on the CPU and there, and compare."""
    Estimator = getattr(sksemi, name)
    # whether "auto" is bfloat16 is for the device to say
    params |= {"precision": "float32", "max_iter": 2}
    pair = [
        _checking.quick(Estimator(), device=device, **params)
        for device in ("cpu", "mps")
    ]
    assert_same(*map(fit, pair))


def fits(name):
    """Fits are those of the CPU, with and without labels, of tables and images."""
    X, y, y_partial = _checking.digits(150)
    images, _, of_images = _checking.images(60)
    both(name, lambda est: est.fit(X, y_partial), n_clusters=12, n_init=2)
    both(name, lambda est: est.fit(16 * X - 5, y_partial))
    both(name, lambda est: est.fit(images, of_images), batch_size=20)
    both(name, lambda est: est.fit(X))
    both(name, lambda est: est.fit(X, y))
    if name == "ACOLClusterer":
        both(name, lambda est: est.fit(X, y_partial, parents=(y > 4).astype(int)))


def goes_on(name):
    """Streams, warm starts and checkpoints go on as on the CPU."""
    X, _, y = _checking.digits(150)

    def stream(est):
        for part in np.split(np.arange(150), 3):
            est.partial_fit(X[part], y[part], classes=range(10))
        return est

    def finished(est, *callbacks):
        """Fit to the end, where that is not cut off, and load the checkpoint."""
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "fit.skops"
            est.set_callbacks(Checkpoint(path), *callbacks)
            with contextlib.suppress(ZeroDivisionError):
                est.fit(X, y)
            return Checkpoint.load(path).fit(X, y)

    both(name, stream, n_clusters=12)
    both(name, lambda est: est.fit(X, y).fit(X, y), warm_start=True)
    both(name, finished)
    both(name, lambda est: finished(est, At(2, lambda: 1 / 0)))


def main():
    name = sys.argv[1]
    _setup_privateuseone_for_python_backend(NAME, Module())
    torch.__future__.set_overwrite_module_params_on_conversion(True)
    torch.set_num_threads(1)
    precision.WITHOUT_FLOAT64 = (NAME,)
    check_device = _validation.check_device
    _validation.check_device = lambda device: (
        torch.device(NAME, 0) if device == "mps" else check_device(device)
    )
    with Pretended():
        for scenario in (refuses, fits, goes_on):
            scenario(name)


if __name__ == "__main__":
    main()
