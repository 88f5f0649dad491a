"""Two real processes that fit together: equal weights, and errors on both."""

import json
import signal
import subprocess
import sys
import time

import pytest
import torch
from torch import distributed

import sksemi
from sksemi._engine.data import Data
from sksemi._engine.training import train
from tests.contract.ranks import Mean

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not (distributed.is_available() and distributed.is_gloo_available()),
        reason="torch without gloo",
    ),
]


def run(scenario, folder, codes=(0, 0)):
    """What the two ranks say, None for one that ended by a signal."""
    store = folder / f"store of {scenario}"
    command = [sys.executable, "-W", "error", "-m", "tests.contract.ranks", scenario]
    ranks = [
        subprocess.Popen(
            [*command, str(rank), str(store), str(folder)],
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in (0, 1)
    ]
    try:
        errors = [rank.communicate(timeout=240)[1] for rank in ranks]
    finally:
        for rank in ranks:
            rank.kill()
    assert [rank.returncode for rank in ranks] == list(codes), "\n".join(errors)
    return [
        json.loads((folder / f"{rank}.json").read_text()) if codes[rank] == 0 else None
        for rank in (0, 1)
    ]


def test_weights_are_equal_bit_for_bit(tmp_path):
    a, b = run("same_weights", tmp_path)
    assert a.keys() == set(sksemi.__all__)
    assert a == b
    for _, _, classes in a.values():
        assert len(classes) == 12
        assert {0, 8} <= set(classes)  # a label of rank 0, and one of rank 1


def test_a_step_goes_by_the_mean_of_the_gradients(tmp_path):
    a, b = run("mean_gradient", tmp_path)
    assert a == b
    assert a["of_rank"] == 1
    rows = torch.linspace(-1, 2, 60).reshape(20, 3).sin()
    torch.manual_seed(0)
    model = Mean()
    data = Data(rows, torch.full((20,), -1), 1.0)
    _, history = train(model, data, max_iter=5, batch_size=20, learning_rate=0.1)
    for together, p in zip(a["weights"], model.linear.parameters(), strict=True):
        torch.testing.assert_close(torch.tensor(together), p.detach())
    assert a["loss"] == pytest.approx([row["loss"] for row in history], rel=1e-5)


def test_errors_of_one_rank_are_errors_of_both(tmp_path):
    said = run("bad_set_ups", tmp_path)
    for rank in (0, 1):
        assert "n_features is not the same" in said[rank]["columns"]
        assert "64, 63" in said[rank]["columns"]
        assert "[150, 50] rows" in said[rank]["rows"]
        assert "X contains NaN" in said[rank]["NaN"]
        assert "have rows with a label" in said[rank]["labels"]
        assert "ranks [0]" in said[rank]["labels"]
        assert "different types" in said[rank]["types"]
        assert "batch_size is not the same" in said[rank]["parameters"]
        assert "scale_ is not the same" in said[rank]["uint8"]
        assert said[rank]["good"] == "none"
    assert "Rank 1 of this fit" in said[0]["NaN"]
    assert said[1]["NaN"].startswith("ValueError")


def test_a_fit_on_one_rank_alone(tmp_path):
    start = time.monotonic()
    said, _ = run("a_fit_alone", tmp_path)
    assert "not all of them called fit within 2 seconds" in said
    assert time.monotonic() - start < 60


def test_one_stops_all(tmp_path):
    a, b = run("stopped", tmp_path)
    assert a == b
    assert a["callback"][0] == a["interrupt"][0] == 2


def test_a_killed_rank_ends_the_fit_and_the_checkpoint_resumes(tmp_path):
    (whole, expected), _ = run("uncut", tmp_path)
    assert whole == "none"
    (tmp_path / "fit.skops").unlink()
    start = time.monotonic()
    (said, _), _ = run("cut_off", tmp_path, codes=(0, -signal.SIGKILL))
    assert "Another process of this fit has failed or was ended" in said
    assert time.monotonic() - start < 60
    a, b = run("resumed", tmp_path)
    assert a == b
    swapped, resumed = a
    assert "X or y differ" in swapped
    assert resumed == expected
