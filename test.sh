#!/usr/bin/env bash
# Check the study's programs with ruff, shellcheck and pytest. This needs no
# CIFAKE and no GPU, and a network only for the installation.
#
#   bash test.sh                all, 6 to 14 minutes on two processor cores;
#                               makes env/ if it is missing
#   bash test.sh --long         the long tests too, an hour or so: trainings
#                               killed and disks filled at every file operation
#   bash test.sh -k metadata    options go to pytest
#   PYTHON=python bash test.sh  use your own Python, not env/; installs nothing
[ -n "$BASH_VERSION" ] || exec bash "$0" "$@"
source "$(dirname "${BASH_SOURCE[0]}")/src/runner.sh"
case $1 in -h | --help) show_usage && exit ;; esac

say "Testing takes 6 to 14 minutes on two processor cores, the first time some more for the installation."
if [ -n "$PYTHON" ]; then
    check_own_python
    "$PYTHON" -c 'import pytest, xdist, hypothesis, selenium, nbclient, ipykernel, ruff' 2>/dev/null ||
        die "PYTHON=$PYTHON lacks test tools; install them: $PYTHON -m pip install -r tests/requirements.txt"
else
    env_is_ready "$CUDA" || bash "$REPOSITORY/setup.sh"
    PYTHON=$REPOSITORY/env/bin/python
    "$PYTHON" -I -m pip install --quiet --no-input --disable-pip-version-check -r "$REPOSITORY/tests/requirements.txt" ||
        die "pip could not install the test tools, see above; check the network and run bash test.sh again."
fi
# The environment's own ruff and shellcheck come before others.
PATH=$("$PYTHON" -c 'import sysconfig; print(sysconfig.get_path("scripts"))'):$PATH
failed=''

echo "ruff"
ruff check "$REPOSITORY" || failed="$failed ruff"

echo "shellcheck"
# From the repository's folder, shellcheck finds the file that the scripts source.
(cd "$REPOSITORY" && shellcheck ./*.sh src/*.sh slurm/*.sh slurm/*.sbatch .ci/run) || failed="$failed shellcheck"

echo "pytest"
# Without the libraries' warnings, which would push the verdict off the screen.
"$PYTHON" -m pytest -q --disable-warnings -n 2 --dist loadfile "$REPOSITORY/tests" "$@" || failed="$failed pytest"

if [ -n "$failed" ]; then
    echo "test.sh: failed:$failed" >&2
    exit 1
fi
echo "test.sh: all is well"
