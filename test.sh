#!/usr/bin/env bash
# Check the study's programs with ruff, shellcheck and pytest. This needs no
# CIFAKE and no GPU, and a network only for the installation.
#
#   bash test.sh                all, about 6 minutes on two processor cores;
#                               makes env/ if it is missing
#   bash test.sh --long         the long tests too
#   bash test.sh -k metadata    options go to pytest
#   PYTHON=python bash test.sh  use your own Python, not env/; installs nothing
[ -n "$BASH_VERSION" ] || exec bash "$0" "$@" #
source "$(dirname "${BASH_SOURCE[0]}")/src/runner.sh" #
case " $* " in
    *" -h "* | *" --help "*) show_usage && exit ;;
    *" --dry-run "*) die "it has no --dry-run; --help says what it does." ;;
esac

if [ -n "$PYTHON" ]; then
    "$PYTHON" -c 'import tensorflow, pytest, xdist, hypothesis, selenium, nbclient, ipykernel, ruff' 2>/dev/null ||
        die "PYTHON=$PYTHON lacks packages; install them: $PYTHON -m pip install -r requirements.txt -r tests/requirements.txt"
else
    env_is_ready || bash "$REPOSITORY/setup.sh" || exit
    PYTHON=$REPOSITORY/env/bin/python
    "$PYTHON" -I -m pip install --quiet --no-input --disable-pip-version-check -r "$REPOSITORY/tests/requirements.txt" ||
        die "pip could not install the test tools, see above; check the network and run bash test.sh again."
fi
# The environment's own ruff and shellcheck come before others.
PATH=$("$PYTHON" -c 'import sysconfig; print(sysconfig.get_path("scripts"))'):$PATH
cd "$REPOSITORY"
ruff check .
shellcheck ./*.sh src/*.sh slurm/*.sh slurm/*.sbatch .ci/run
# Without the libraries' warnings, which would push the verdict off the screen. In the order of the folders, or the few tests that take
# minutes would come last, one process with nothing to do.
"$PYTHON" -m pytest -q --disable-warnings -n 2 --dist loadfile --no-loadscope-reorder tests "$@"
echo "test.sh: all is well"
