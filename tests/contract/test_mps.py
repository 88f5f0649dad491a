"""Fits with device="mps", Apple's GPU: on a pretended one, which has no float64."""

import subprocess
import sys

import pytest
import torch

from sksemi import GMVAEClusterer
from sksemi._engine.distributed import Ranks
from sksemi._engine.seeds import seeded
from sksemi._nn.networks import bfloat16_is_fast
from tests.contract.estimators import ESTIMATORS, quick

MPS = torch.device("mps", 0)


@pytest.mark.slow
@pytest.mark.parametrize("Estimator", ESTIMATORS)
def test_results_are_those_of_the_cpu(Estimator):
    command = [sys.executable, "-m", "tests.contract.pretended", Estimator.__name__]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.skipif(torch.backends.mps.is_available(), reason="with a GPU of Apple")
def test_without_a_gpu(digits):
    X, _, y = digits
    with pytest.raises(ValueError, match=r'device="mps" is not available.*"cpu"'):
        quick(GMVAEClusterer, device="mps").fit(X, y)


def test_one_process_alone():
    ranks = Ranks()
    ranks.check_device(MPS)
    ranks.size = 2
    with pytest.raises(ValueError, match=r'one process.*device="cpu"'):
        ranks.check_device(MPS)


def test_its_generator_is_seeded_and_given_back(monkeypatch):
    generator = torch.Generator().manual_seed(7)
    monkeypatch.setattr(torch.mps, "manual_seed", generator.manual_seed)
    monkeypatch.setattr(torch.mps, "get_rng_state", lambda: generator.get_state())
    monkeypatch.setattr(torch.mps, "set_rng_state", generator.set_state)
    drawn = []
    for _ in range(2):
        with seeded(3, MPS):
            drawn.append(torch.rand(2, generator=generator).tolist())
    assert drawn[0] == drawn[1]
    after = torch.rand(2, generator=generator)
    assert after.equal(torch.rand(2, generator=torch.Generator().manual_seed(7)))


def test_auto_is_no_bfloat16_there():
    assert not bfloat16_is_fast(MPS)
