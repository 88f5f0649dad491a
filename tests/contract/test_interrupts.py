"""Ctrl-C at any moment of a real fit."""

import contextlib
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from tests.contract.estimators import ESTIMATORS

SCRIPT = """
import signal, sys, warnings
import numpy as np
import torch
import sksemi

torch.set_num_threads(1)
arrays = np.load(sys.argv[2])
X, y = arrays["X"], arrays["y"]
est = getattr(sksemi, sys.argv[1])(
    max_iter=1, batch_size=100, random_state=0, device="cpu"
).fit(X, y)
old = est.predict_proba(X)
est.set_params(max_iter=8, random_state=1)
warnings.simplefilter("ignore")
print("ready", flush=True)
try:
    est.fit(X, y)
    ended = "whole" if est.n_iter_ == 8 else "part"
except KeyboardInterrupt:
    ended = "old" if np.array_equal(est.predict_proba(X), old) else "whole"
signal.signal(signal.SIGINT, signal.SIG_IGN)
proba = est.predict_proba(X)
assert np.isfinite(proba).all()
assert np.array_equal(est.classes_[proba.argmax(1)], est.labels_)
expected = {"old": 1, "whole": 8}.get(ended, est.n_iter_)
assert est.n_iter_ == len(est.history_) == expected
assert not [name for name in vars(est) if name in ("_epochs", "_callback_fit_ctx")]
est.transform(X), est.score(X, y), est.fit(X, y)
print(ended, flush=True)
"""


@pytest.mark.slow
@pytest.mark.parametrize("Estimator", ESTIMATORS)
def test_sigint_at_random_moments(Estimator, digits, tmp_path):
    """Thirty times, half of them in the last quarter of fit."""
    X, _, y_partial = digits
    data = tmp_path / "data.npz"
    np.savez(data, X=X, y=y_partial)

    def start():
        command = [sys.executable, "-c", SCRIPT, Estimator.__name__, str(data)]
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        assert process.stdout.readline() == "ready\n"
        return process, time.perf_counter()

    process, begin = start()
    assert process.communicate()[0] == "whole\n"
    longest = (time.perf_counter() - begin) / 2  # the script fits twice
    rng = np.random.RandomState(0)
    ends = []
    for k in range(30):
        process, begin = start()
        moment = longest * (rng.uniform() if k % 2 else rng.uniform(0.75, 1))
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=moment)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate()
        # a signal that comes after fit ends the script as Ctrl-C ends any
        assert process.returncode == 0 or "in fit" not in err, err
        if process.returncode == 0:
            ends.append(out.strip())
    assert len(ends) > 10
    assert set(ends) <= {"old", "part", "whole"}
