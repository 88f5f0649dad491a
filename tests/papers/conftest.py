import json
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).parents[2] / "examples" / "papers"


@pytest.fixture
def command(data_dir):
    """Make the command line of a script on the real data."""

    def command(script, *arguments):
        parts = [sys.executable, SCRIPTS / script, "--data", data_dir, *arguments]
        return [str(part) for part in parts]

    return command


@pytest.fixture
def run_script(command, tmp_path):
    """Run a script and return the line it wrote."""

    def run(script, *arguments):
        out = tmp_path / "out.jsonl"
        subprocess.run(
            command(script, *arguments, "--out", out), check=True, capture_output=True
        )
        return json.loads(out.read_text().splitlines()[-1])

    return run


@pytest.fixture
def resume_script(command, tmp_path):
    """Stop a script by a signal after a line of output, and start it again."""

    def resume(script, how, after, *arguments):
        out = tmp_path / "resumed.jsonl"
        checkpoint = ["--checkpoint", tmp_path / "run.skops", "--out", out]
        parts = command(script, *arguments, *checkpoint)
        with subprocess.Popen(parts, stdout=subprocess.PIPE, text=True) as first:
            for line in first.stdout:
                if line.startswith(after):
                    break
            first.send_signal(how)
        assert not out.exists()
        again = subprocess.run(parts, check=True, capture_output=True, text=True)
        assert "Continuing after epoch" in again.stdout
        return json.loads(out.read_text())

    return resume
