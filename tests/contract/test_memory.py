"""Large arrays are read batch by batch, never copied as floats."""

import subprocess
import sys

import pytest

from tests.contract.estimators import ESTIMATORS

pytestmark = pytest.mark.slow

SCRIPT = """
import re, sys
import numpy as np
import torch
import sksemi

def anonymous():  # MB; resident memory would count the pages of the mapped file
    status = open("/proc/self/status").read()
    return int(re.search(r"RssAnon:\\s+(\\d+)", status)[1]) / 1024

torch.set_num_threads(1)
X = np.load(sys.argv[2], mmap_mode="r")
y = np.full(len(X), -1)
y[:100] = np.arange(100) % 10
est = getattr(sksemi, sys.argv[1])(max_iter=1, batch_size=2000, random_state=0)
est.fit(X[:5000], y[:5000])  # whatever is allocated once
before = anonymous()
est.fit(X, y)
est.predict(X)
print(anonymous() - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize("dtype", ["uint8", "float32"])
@pytest.mark.parametrize("Estimator", ESTIMATORS)
def test_memory_map_is_not_copied(Estimator, dtype, tmp_path):
    """The rows as float32 would be 600 MB."""
    import numpy as np

    n = 150_000
    path = tmp_path / "X.npy"
    X = np.lib.format.open_memmap(path, "w+", dtype, (n, 1000))
    rng = np.random.default_rng(0)
    for start in range(0, n, 10_000):
        rows = rng.integers(255, size=(10_000, 1000), dtype=np.uint8)
        X[start : start + 10_000] = rows if dtype == "uint8" else rows / 255
    X.flush()
    command = [sys.executable, "-c", SCRIPT, Estimator.__name__, str(path)]
    grown = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    assert float(grown) < 200
