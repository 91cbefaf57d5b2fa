"""How a script ends: the exit code, and one sentence instead of a traceback."""

import subprocess
import sys

import pytest

from cifake.system.paths import REPOSITORY


def ended(body: str) -> subprocess.CompletedProcess:
    """A script whose main function has this body, ended by command.run."""
    program = f"import os, signal, sys, time; sys.path.insert(0, {str(REPOSITORY / 'src')!r})\n"
    program += "from cifake.system import command, options\nfrom cifake.system.errors import StudyError\n"
    program += f"def main():\n    {body}\ncommand.run(main)"
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=30)


@pytest.mark.parametrize(
    ("body", "code", "words"),
    [
        ("raise StudyError('Correct this.')", 2, "Correct this."),
        ("open('/no/such/file')", 2, "/no/such/file"),
        ("options.parse('', '', arguments=['--output', '/a/full/disk']); raise OSError(28, 'No space left on device')", 2, "/a/full/disk"),
        ("raise MemoryError", 2, "memory"),
        ("import no_such_library", 2, "no_such_library"),
        ("os.kill(os.getpid(), signal.SIGINT); time.sleep(9)", 130, "the same command continues"),
        ("os.kill(os.getpid(), signal.SIGTERM); time.sleep(9)", 143, "the same command continues"),
    ],
)
def test_what_the_user_can_mend_ends_in_a_sentence(body, code, words):
    result = ended(body)
    assert (result.returncode, result.stdout, result.stderr.count("\n")) == (code, "", 1), result.stderr
    assert words in result.stderr


def test_an_error_of_the_program_itself_keeps_its_traceback():
    result = ended("raise KeyError('no fault of the user')")
    assert result.returncode == 1 and "Traceback" in result.stderr
