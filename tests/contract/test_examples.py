"""The examples run, and print what is said of them."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"


def run(name, *arguments, folder):
    command = [sys.executable, EXAMPLES / name, *arguments]
    done = subprocess.run(
        command, check=True, capture_output=True, text=True, cwd=folder
    )
    return done.stdout.splitlines()


def test_overhead_ends_with_its_ratio(tmp_path):
    lines = run("benchmarks/overhead.py", "--quick", "--rows", "400", folder=tmp_path)
    assert re.fullmatch(r"ratio \d+\.\d{3}", lines[-1])
    assert sum(line.startswith("bare loop") for line in lines) == 3


def test_results_are_summarised():
    lines = run("papers/summary.py", folder=EXAMPLES)
    assert all(re.search(r"n = \d+$|\+-", line) for line in lines)


@pytest.mark.slow
def test_quickstart(tmp_path):
    pytest.importorskip("matplotlib")
    lines = run("quickstart.py", folder=tmp_path)
    scores = [re.search(r"(0\.\d{3})\b", line) for line in lines]
    accuracies = [float(score[1]) for score in scores if score]
    assert len(accuracies) == 4
    assert accuracies[0] > 0.85
    assert (tmp_path / "quickstart.png").stat().st_size > 10_000
