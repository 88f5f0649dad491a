"""Large arrays are read batch by batch, never copied as floats."""

import os
import subprocess
import sys

import numpy as np
import pytest

from tests.contract.estimators import ESTIMATORS

pytestmark = pytest.mark.slow

SCRIPT = """
import re, sys, threading, time
import numpy as np
import torch
import sksemi

def anonymous():  # MB; resident memory would count the pages of the mapped file
    status = open("/proc/self/status").read()
    return int(re.search(r"RssAnon:\\s+(\\d+)", status)[1]) / 1024

def peak(X, y):
    highest, done = 0, threading.Event()

    def watch():
        nonlocal highest
        while not done.wait(0.002):
            highest = max(highest, anonymous())

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    est.fit(X, y)
    est.predict(X)
    done.set()
    watcher.join()
    return highest

torch.set_num_threads(1)
X = np.load(sys.argv[2], mmap_mode="r")
y = np.full(len(X), -1)
if sys.argv[3] == "labels":
    y[:100] = np.arange(100) % 10
est = getattr(sksemi, sys.argv[1])(max_iter=1, batch_size=2000, random_state=0)
few = peak(X[:5000], y[:5000])  # what a step takes, however many rows there are
print(peak(X, y) - few)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize("labels", ["labels", "none"])
@pytest.mark.parametrize("dtype", ["uint8", "float32", "wide float32"])
@pytest.mark.parametrize("Estimator", ESTIMATORS)
def test_memory_map_is_not_copied(Estimator, dtype, labels, tmp_path):
    """The rows as float32 would be 600 MB; "wide" leaves [0, 1] for the Gaussian."""
    n = 150_000
    path = tmp_path / "X.npy"
    stored = "uint8" if dtype == "uint8" else "float32"
    X = np.lib.format.open_memmap(path, "w+", stored, (n, 1000))
    rng = np.random.default_rng(0)
    divisor = {"uint8": 1, "float32": 255, "wide float32": 25}[dtype]
    for start in range(0, n, 10_000):
        rows = rng.integers(255, size=(10_000, 1000), dtype=np.uint8)
        X[start : start + 10_000] = rows if divisor == 1 else rows / divisor
    X.flush()
    command = [sys.executable, "-c", SCRIPT, Estimator.__name__, str(path), labels]
    # Else the C library keeps what was freed, and it counts as anonymous.
    at_once = {"MALLOC_MMAP_THRESHOLD_": "65536", "MALLOC_TRIM_THRESHOLD_": "65536"}
    done = subprocess.run(
        command, check=True, capture_output=True, text=True, env=os.environ | at_once
    )
    assert float(done.stdout) < 250


GROWTH = """
import re, sys, threading
import numpy as np
import torch
import sksemi
from sksemi.utils._checking import narrow

def anonymous():
    status = open("/proc/self/status").read()
    return int(re.search(r"RssAnon:\\s+(\\d+)", status)[1]) / 1024

def growth(function):
    before = highest = anonymous()
    done = threading.Event()

    def watch():
        nonlocal highest
        while not done.wait(0.002):
            highest = max(highest, anonymous())

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    result = function()
    highest = max(highest, anonymous())
    done.set()
    watcher.join()
    return highest - before - getattr(result, "nbytes", 0) / 2**20

torch.set_num_threads(1)
X = np.load(sys.argv[2], mmap_mode="r")
y = np.full(len(X), -1)
y[:100] = np.arange(100) % 10
est = getattr(sksemi, sys.argv[1])(max_iter=1, random_state=0)
if len(X) > 100_000:
    narrow(est)  # in a minute
est.fit(X[:2000], y[:2000])  # what libraries keep from their first use
print("fit", growth(lambda: est.fit(X, y)))
for name in sys.argv[3].split():
    if hasattr(est, name):
        getattr(est, name)(X[:512])
        print(name, growth(lambda: getattr(est, name)(X)))
"""
INFERENCE = "predict_proba predict transform score score_samples reconstruct"


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize("shape", [(60_000, 784), (1_000_000, 8)])
@pytest.mark.parametrize("Estimator", ESTIMATORS)
def test_growth_over_data_and_result(Estimator, shape, tmp_path):
    """The result, two batches and 60 MB."""
    path = tmp_path / "X.npy"
    X = np.lib.format.open_memmap(path, "w+", "uint8", shape)
    X[:] = np.random.default_rng(0).integers(255, size=X.shape, dtype=np.uint8)
    X.flush()
    command = [sys.executable, "-W", "ignore", "-c", GROWTH, Estimator.__name__]
    methods = INFERENCE if len(X) < 100_000 else "predict_proba predict transform"
    done = subprocess.run(
        [*command, str(path), methods], check=True, capture_output=True, text=True
    )
    grown = dict(line.split() for line in done.stdout.splitlines())
    assert {"fit", "predict_proba", "transform"} <= set(grown)
    two_batches = 2 * 256 * shape[1] * 4 / 2**20
    assert max(map(float, grown.values())) < two_batches + 60, grown


SPARSE = """
import re, sys, threading
import numpy as np
import torch
from scipy import sparse
import sksemi

def anonymous():
    status = open("/proc/self/status").read()
    return int(re.search(r"RssAnon:\\s+(\\d+)", status)[1]) / 1024

torch.set_num_threads(1)
n, n_features = int(sys.argv[2]), 20_000
columns = np.random.default_rng(0).integers(n_features, size=(n, 80))
X = sparse.csr_array(
    (np.full(columns.size, 0.1, np.float32), columns.ravel(), 80 * np.arange(n + 1)),
    shape=(n, n_features),
)
X.sum_duplicates()
y = np.full(n, -1)
y[:100] = np.arange(100) % 10
highest, done = 0, threading.Event()

def watch():
    global highest
    while not done.wait(0.002):
        highest = max(highest, anonymous())

watcher = threading.Thread(target=watch, daemon=True)
watcher.start()
Estimator = getattr(sksemi, sys.argv[1])
est = Estimator(max_iter=1, random_state=0, hidden_layer_sizes=(32,)).fit(X, y)
est.predict(X)
done.set()
watcher.join()
print(highest)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize("Estimator", ESTIMATORS)
def test_sparse_rows_are_dense_a_batch_at_a_time(Estimator):
    """3,000 rows of 20,000 columns would be 229 MB of float32."""
    command = [sys.executable, "-W", "ignore", "-c", SPARSE, Estimator.__name__, "3000"]
    at_once = {"MALLOC_MMAP_THRESHOLD_": "65536", "MALLOC_TRIM_THRESHOLD_": "65536"}
    done = subprocess.run(
        command, check=True, capture_output=True, text=True, env=os.environ | at_once
    )
    assert float(done.stdout) < 1024
