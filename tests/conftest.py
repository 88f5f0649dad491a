import os

# Two threads on two busy cores wait for each other more than they compute; set before
# numpy, scikit-learn and torch start theirs, for processes that tests start too.
os.environ.setdefault("OMP_NUM_THREADS", "1")

from pathlib import Path

import numpy as np
import pytest
import torch

torch.set_num_threads(1)


@pytest.fixture(scope="session")
def data_dir():
    """Folder with mnist/, fashion-mnist/, usps.npz and so on, if there is one."""
    beside = Path(__file__).parents[2] / "shared" / "data"
    folder = Path(os.environ.get("SKSEMI_DATA", beside))
    if not folder.is_dir():
        pytest.skip("no data folder: set SKSEMI_DATA")
    return folder


@pytest.fixture
def disturb():
    """Change every global random state, to show that nothing depends on it."""

    def disturb():
        np.random.seed(np.random.randint(1000) + 1)
        torch.rand(7)

    return disturb
