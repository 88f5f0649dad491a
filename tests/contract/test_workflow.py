"""What other packages do with an estimator: skops, searches, HTML, frames, a GPU.

`sksemi.utils` checks the rest of its life.
"""

import pickle
import re
import warnings

import numpy as np
import pytest
import skops.io
import torch
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler

from sksemi.utils import _workflow
from tests.contract.estimators import ESTIMATORS, QUICK, having, quick

every_estimator = pytest.mark.parametrize("Estimator", ESTIMATORS)


@pytest.fixture
def by_skops(tmp_path):
    def copied(est):
        skops.io.dump(est, tmp_path / "est.skops")
        types = skops.io.get_untrusted_types(file=tmp_path / "est.skops")
        # nothing but our own classes has to be trusted
        assert all(name.startswith("sksemi.") for name in types), types
        return skops.io.load(tmp_path / "est.skops", trusted=types)

    return copied


@every_estimator
def test_copies_by_skops_predict_the_same(Estimator, by_skops):
    _workflow.check_copies_predict_the_same("", Estimator(), by_skops)


@pytest.mark.parametrize("rows", ["digits", "images"])
@every_estimator
def test_warm_start_copied_by_skops_goes_on(Estimator, rows, by_skops):
    _workflow.check_copied_warm_start_goes_on("", Estimator(), by_skops, rows)


# Starts two processes; by default the classifier's view and the curve of labels do.
@pytest.mark.slow
@every_estimator
def test_grid_search_in_two_processes(Estimator, digits):
    X, y, _ = digits
    search = GridSearchCV(
        Estimator(**QUICK), {"max_iter": [1, 12]}, cv=2, n_jobs=2, scoring="accuracy"
    )
    search.fit(X, y)
    assert search.best_params_ == {"max_iter": 12}
    assert search.predict(X).shape == y.shape
    # two processes say what one says
    serial = clone(search).set_params(n_jobs=None).fit(X, y)
    np.testing.assert_allclose(
        search.cv_results_["mean_test_score"],
        serial.cv_results_["mean_test_score"],
        atol=0.02,
    )


@every_estimator
def test_html_representation_links_to_no_file(Estimator, digits):
    """There is no published documentation yet; a path would be the reader's own."""
    X, _, y_partial = digits
    est = quick(Estimator)
    for html in (
        est._repr_html_(),
        est.fit(X, y_partial)._repr_html_(),
        make_pipeline(MinMaxScaler(), est)._repr_html_(),
    ):
        assert Estimator.__name__ in html
        assert not re.search(r'href="(?!https://scikit-learn\.org)', html)


@pytest.mark.parametrize("container", ["pandas", "polars"])
@pytest.mark.parametrize("Estimator", having("transform"))
def test_set_output_names_columns(Estimator, container, digits):
    X, _, y_partial = digits
    module = pytest.importorskip(container)
    est = quick(Estimator).set_output(transform=container)
    frame = est.fit(X, y_partial).transform(X)
    assert isinstance(frame, module.DataFrame)
    name = Estimator.__name__.lower()
    names = [f"{name}{k}" for k in range(frame.shape[1])]
    assert list(frame.columns) == names == est.get_feature_names_out().tolist()
    plain = clone(est).set_output(transform="default").fit(X, y_partial).transform(X)
    np.testing.assert_array_equal(np.asarray(frame), plain)
    # rows keep their index, in a Pipeline and from fit_transform too
    if container == "pandas":
        rows = module.DataFrame(X, index=np.arange(len(X)) + 7)
        rows.columns = [f"pixel {k}" for k in range(64)]
        pipe = make_pipeline(MinMaxScaler(), clone(est)).set_output(transform="pandas")
        frame = pipe.fit_transform(rows, y_partial)
        assert (frame.index == rows.index).all()
        assert list(frame.columns) == names


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@every_estimator
def test_gpu(Estimator, images):
    X, _y, y_partial = images
    state = torch.cuda.get_rng_state()
    settings = QUICK | {"device": "cuda", "learning_rate": np.float64(1e-3)}
    est = Estimator(**settings, n_init=2, warm_start=True).fit(X, y_partial)
    assert next(est.model_.parameters()).device.type == "cpu"
    on_gpu = est.predict_proba(X)
    loaded = pickle.loads(pickle.dumps(est))
    loaded.set_params(device="cpu")
    np.testing.assert_allclose(loaded.predict_proba(X), on_gpu, atol=1e-3)
    assert loaded.set_params(device="cuda").fit(X, y_partial).n_iter_ == 6
    assert torch.equal(torch.cuda.get_rng_state(), state)
    unsupervised = Estimator(**settings).fit(10 * X)
    for method in ("transform", "score_samples", "reconstruct"):
        if hasattr(est, method):
            assert np.isfinite(getattr(unsupervised, method)(10 * X)).all()


def test_no_warning_on_import():
    import importlib

    import sksemi

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        importlib.reload(sksemi)
