"""The exported checks find what they are for: estimators with one fault each."""

import sys
from functools import partial

import numpy as np
import pytest
import torch

from sksemi import CatVAEClusterer, _validation
from sksemi._engine import epochs, seeds
from sksemi._engine.estimator import DeepEstimator
from sksemi._engine.training import Loss
from sksemi._nn import bounds
from sksemi.methods import _catvae, _gmvae
from sksemi.utils import (
    _checking,
    _inputs,
    _interruption,
    _module,
    _seeds,
    _threads,
    _workflow,
    check_estimator,
    estimator_checks,
    parametrize_with_checks,
)
from tests.contract.estimators import ESTIMATORS

GMVAEClusterer = _gmvae.GMVAEClusterer


def test_a_parametrized_test_has_every_check():
    mark = parametrize_with_checks([CatVAEClusterer(n_clusters=3)]).mark
    ids = [parameter.id for parameter in mark.args[1]]
    assert len(ids) == len(set(ids)) > 100
    assert all(i.startswith("CatVAEClusterer(n_clusters=3)-check_") for i in ids)
    with pytest.raises(TypeError, match="Pass an instance: CatVAEClusterer"):
        parametrize_with_checks([CatVAEClusterer])


def test_check_estimator_reports(monkeypatch):
    """Without pytest; one that is skipped, as without numpydoc, is named."""

    def yield_checks(estimator):
        yield _module.check_docstring_is_the_signature
        yield partial(_inputs.check_labels_of_every_type, kind="int8")

    monkeypatch.setattr(estimator_checks, "_yield_checks", yield_checks)
    names = [
        "check_docstring_is_the_signature",
        "check_labels_of_every_type(kind=int8)",
    ]
    assert check_estimator(CatVAEClusterer()) == [
        {"check_name": name, "status": "passed"} for name in names
    ]
    monkeypatch.setitem(sys.modules, "numpydoc.docscrape", None)
    with pytest.warns(UserWarning, match="numpydoc is not installed"):
        statuses = [r["status"] for r in check_estimator(CatVAEClusterer())]
    assert statuses == ["skipped", "passed"]


@pytest.mark.parametrize("Estimator", ESTIMATORS)
def test_narrow_estimators(Estimator):
    """They are narrow, and quick settings give way to a check's own."""
    est = _checking.quick(Estimator(), max_iter=7, hidden_layer_sizes=(5,))
    assert est.max_iter == 7
    assert est.hidden_layer_sizes == (5,)
    assert est.device == "cpu"
    est = _checking.quick(Estimator()).fit(*_checking.digits()[:2])
    assert sum(p.numel() for p in est.model_.parameters()) < 20_000


def fails(check, estimator, error=AssertionError, **given):
    with pytest.raises(error):
        check(type(estimator).__name__, estimator, **given)


# ------------------------------------------------------- what modules do wrong


def swapping(module, x):
    """Apply a module in float64 by swapping its own weights meanwhile."""
    state = {name: t.double() for name, t in module.state_dict().items()}
    return torch.func.functional_call(module, state, x.double()).float()


@pytest.mark.parametrize("Estimator", [GMVAEClusterer, CatVAEClusterer])
def test_weights_that_are_swapped_while_threads_predict(Estimator, monkeypatch):
    for module in (bounds, _catvae):
        monkeypatch.setattr(module, "in_float64", swapping)
    fails(
        _threads.check_threads_predict_as_one,
        Estimator(),
        (RuntimeError, AssertionError),
    )


class Wrong(GMVAEClusterer):
    """One fault in the loss, by name."""

    fault = None

    class _Module(_gmvae.GMVAE):
        def loss(self, batch, epoch):
            loss = super().loss(batch, epoch)
            terms, monitors = dict(loss.terms), dict(loss.monitors)
            if Wrong.fault == "infinite":
                terms["gaussian"] = terms["gaussian"] / 0
            elif Wrong.fault == "rows":
                terms["gaussian"] = terms["gaussian"].expand(3)
            elif Wrong.fault == "no weight":
                terms["other"] = terms["gaussian"]
            elif Wrong.fault == "attached":
                monitors["kl_z"] = terms["gaussian"]
            elif Wrong.fault == "no gradient":
                terms["gaussian"] = terms["gaussian"].detach()
                terms["reconstruction"] = terms["reconstruction"].detach()
            elif Wrong.fault == "a tuple":
                return terms, monitors
            return Loss(terms, monitors)


@pytest.mark.parametrize(
    "fault", ["infinite", "rows", "no weight", "attached", "no gradient", "a tuple"]
)
def test_losses(fault, monkeypatch):
    monkeypatch.setattr(Wrong, "fault", fault)
    fails(_module.check_loss, Wrong(), labels="few", kind="table")


# ---------------------------------------------------- what an engine does wrong


def test_uint8_rows_after_a_fit_on_floats(monkeypatch):
    def as_before(estimator, X):
        estimator._in_unit_interval = False
        return check_X(estimator, X)

    check_X = _validation.check_X
    monkeypatch.setattr(_validation, "check_X", as_before)
    fails(_inputs.check_uint8_after_a_fit_on_floats, CatVAEClusterer(), kind="unit")


def test_parts_in_the_order_of_rows(monkeypatch):
    def in_order(data):
        return torch.arange(len(data.codes))

    monkeypatch.setattr("sksemi._engine.data.Data._mixed", property(in_order))
    for Estimator in ESTIMATORS:
        if hasattr(Estimator._Module, "after_training"):
            break
    fails(_seeds.check_statistics_do_not_depend_on_the_order, Estimator(), labels="few")


def test_a_fit_that_is_set_piece_by_piece(monkeypatch):
    """Another thread sees parts of two fits, or none."""

    def fit(self, X, y, parents=None):
        vars(self).pop("model_", None)
        resume = None
        self._unfitted(resume)
        self._prepare_run_finish(X, y, parents, resume, None)
        return self

    monkeypatch.setattr(DeepEstimator, "_fit", fit)
    fails(
        _threads.check_threads_predict_during_refits,
        CatVAEClusterer(),
        (AssertionError, AttributeError, ValueError),
    )
    fails(
        _interruption.check_interruption_before_an_epoch_is_over,
        CatVAEClusterer(),
        warm_start=False,
    )


def test_ctrl_c_that_only_the_loop_expects(monkeypatch):
    def interrupt(restarts):
        raise KeyboardInterrupt

    monkeypatch.setattr(epochs.Restarts, "interrupt", interrupt)
    for where in ("start", "end"):
        fails(
            _interruption.check_interruption_after_training,
            CatVAEClusterer(),
            KeyboardInterrupt,
            where=where,
            n_init=1,
        )
    fails(
        _interruption.check_interruption_of_the_pass_for_labels,
        CatVAEClusterer(),
        KeyboardInterrupt,
        n_init=1,
    )


def test_a_snapshot_without_labels(monkeypatch):
    snapshot = epochs.Epochs._snapshot

    def without(self):
        return {k: v for k, v in snapshot(self).items() if k != "labels_"}

    monkeypatch.setattr(epochs.Epochs, "_snapshot", without)
    fails(_workflow.check_callback_sees_the_whole_fit, CatVAEClusterer())


def test_noise_by_the_place_of_a_row(monkeypatch):
    def of(self, x):
        return torch.randn(len(self.block), len(x), self.block.shape[1])

    monkeypatch.setattr(seeds.RowNoise, "of", of)
    fails(_seeds.check_results_do_not_depend_on_neighbors, GMVAEClusterer())


def test_a_seed_that_is_not_used(monkeypatch):
    class Forgetful(CatVAEClusterer):
        def fit(self, X, y=None):
            self.random_state, kept = np.random.randint(2**31), self.random_state
            super().fit(X, y)
            self.random_state = kept
            return self

    fails(_seeds.check_same_seed_same_result, Forgetful(), labels="few")
