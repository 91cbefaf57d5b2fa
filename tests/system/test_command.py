"""What a script prints: whole words in a terminal of 80 columns, whole lines elsewhere."""

import os
import pty
import struct
import subprocess
import sys
import termios
from fcntl import ioctl

import pytest

from cifake.system.paths import REPOSITORY


def printed_in_a_terminal(command: list, columns: int) -> str:
    """What a command prints in a terminal so wide."""
    ours, its = pty.openpty()
    ioctl(its, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    variables = {name: value for name, value in os.environ.items() if name != "COLUMNS"}
    with subprocess.Popen(command, stdin=its, stdout=its, stderr=its, env=variables):
        os.close(its)
        pieces = []
        try:
            while piece := os.read(ours, 4096):
                pieces.append(piece)
        except OSError:  # how Linux tells the end
            pass
    os.close(ours)
    return b"".join(pieces).decode()


@pytest.mark.parametrize(
    ("script", "options"), [("download_data.py", ["--dry-run"]), ("create_metadata.py", [])], ids=["a message", "an error"]
)
def test_a_terminal_cuts_no_word(tmp_path, script, options):
    folder = tmp_path / "no images are here"
    command = [sys.executable, REPOSITORY / "src" / script, *options, "--images", folder, "--output", tmp_path]
    elsewhere = subprocess.run(command, capture_output=True, text=True, check=False)
    text = elsewhere.stdout + elsewhere.stderr
    assert any(len(line) > 80 for line in text.splitlines())
    shown = printed_in_a_terminal(command, 80)
    assert shown.split() == text.split()
    assert all(len(line) < 80 or len(line.split()) == 1 for line in shown.splitlines())
    assert [line.rstrip() for line in printed_in_a_terminal(command, 1000).splitlines()] == text.splitlines()
