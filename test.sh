#!/usr/bin/env bash
# Test the study's programs with ruff, shellcheck and pytest. It needs no CIFAKE, no GPU, and a network only to install.
#
#   bash test.sh                  all, on two processor cores some 6 minutes; env/ is set up first where it is missing
#   bash test.sh --long           the long tests too: trainings that are killed at every operation on files, disks that fill
#                                 at each; an hour or so
#   bash test.sh -k metadata      options go to pytest
#   PYTHON=python bash test.sh    with your own Python instead of env/; nothing is installed
set -e
# shellcheck source=/dev/null
source "$(dirname "${BASH_SOURCE[0]}")/src/runner.sh"
case $1 in -h | --help) show_usage && exit ;; esac

echo "Testing takes some 6 minutes on two processor cores; the first time, the installation some more."
if [ -n "$PYTHON" ]; then
    check_own_python
    "$PYTHON" -c 'import pytest, xdist, hypothesis, selenium, ruff' 2>/dev/null ||
        die "PYTHON=$PYTHON lacks test tools; install them: $PYTHON -m pip install -r tests/requirements.txt"
else
    env_is_ready "$CUDA" || bash "$REPOSITORY/setup.sh"
    PYTHON=$REPOSITORY/env/bin/python
    "$PYTHON" -m pip install --quiet --no-input --disable-pip-version-check -r "$REPOSITORY/tests/requirements.txt" ||
        die "pip could not install the test tools, see above; check the network and run bash test.sh again."
fi
# The environment's own ruff and shellcheck come before others.
PATH=$("$PYTHON" -c 'import sysconfig; print(sysconfig.get_path("scripts"))'):$PATH
failed=

echo "ruff"
ruff check "$REPOSITORY" || failed="$failed ruff"

echo "shellcheck"
shellcheck "$REPOSITORY"/*.sh "$REPOSITORY"/src/*.sh "$REPOSITORY"/.ci/run || failed="$failed shellcheck"

echo "pytest"
"$PYTHON" -m pytest -q -n 2 --dist loadfile "$REPOSITORY/tests" "$@" || failed="$failed pytest"

if [ -n "$failed" ]; then
    echo "test.sh: failed:$failed" >&2
    exit 1
fi
echo "test.sh: all is well"
