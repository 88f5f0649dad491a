import os

# Two threads on two busy cores wait for each other more than they compute; set before
# numpy, scikit-learn and torch start theirs, for processes that tests start too.
os.environ.setdefault("OMP_NUM_THREADS", "1")

from pathlib import Path

import pytest
import torch

torch.set_num_threads(1)
# a failed check shows its values, as a test does
pytest.register_assert_rewrite("sksemi.utils")


@pytest.fixture(scope="session")
def data_dir():
    """Folder with mnist/, fashion-mnist/, usps.npz and so on, if there is one."""
    beside = Path(__file__).parents[2] / "shared" / "data"
    folder = Path(os.environ.get("SKSEMI_DATA", beside))
    if not folder.is_dir():
        pytest.skip("no data folder: set SKSEMI_DATA")
    return folder
