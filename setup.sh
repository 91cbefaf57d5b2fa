#!/usr/bin/env bash
# Make env/, the study's Python environment: the packages of requirements.txt.
#
#   bash setup.sh                    with the newest of Python 3.13, 3.12 and 3.11
#   PYTHON=python3.12 bash setup.sh  with this one
#   CUDA=1 bash setup.sh             with CUDA, even without a GPU (a log-in node)
#   CUDA=0 bash setup.sh             without CUDA, even with a GPU
#
# It takes some minutes and 2.5 GB of disk, with CUDA 8 GB. It can be run again at
# any time: it repairs what is half-made or broken and follows requirements.txt.
[ -n "$BASH_VERSION" ] || exec bash "$0" "$@" #
source "$(dirname "${BASH_SOURCE[0]}")/src/runner.sh" #
case $1 in -h | --help) show_usage && exit ;; esac
[ $# -eq 0 ] || die "it takes no options; --help shows what it does."
env=$REPOSITORY/env machine="$(uname -s) $(uname -m)"

case $machine in
    "Linux x86_64" | "Linux aarch64" | "Darwin arm64") ;;
    MINGW* | MSYS* | CYGWIN*) die "on Windows it runs in WSL2: 'wsl --install', open Ubuntu, clone the repository there, bash setup.sh." ;;
    *) die "TensorFlow has no releases for $machine; use Linux, a Mac with Apple silicon (without Rosetta), or Google Colab." ;;
esac
python=$(find_python) || die "TensorFlow needs Python 3.11, 3.12 or 3.13${PYTHON:+, not $PYTHON}; install one, or name it with PYTHON=."
# -I here and below: neither PYTHONPATH nor the working directory may replace one of Python's own modules.
"$python" -I -c 'import venv, ensurepip' 2>/dev/null ||
    die "$python has no venv module; on Debian and Ubuntu: sudo apt install $("$python" -c 'import sys; print("python%d.%d" % sys.version_info[:2])')-venv"

gpu=$(nvidia-smi -L 2>/dev/null) || gpu=''
if [ -z "$CUDA" ]; then # an env/ with CUDA keeps it, so that a log-in node needs CUDA=1 only once
    CUDA=0
    if [ "$machine" = "Linux x86_64" ] && { [ -n "$gpu" ] || grep -qs '^# CUDA=1' "$env/finished"; }; then CUDA=1; fi
fi
case $machine/$CUDA in
    */0 | "Linux x86_64/1") ;;
    *) die "CUDA=$CUDA: it is 0, or 1 on Linux on x86_64." ;;
esac

# An unfinished env/ is made again, because pip takes a package whose installation was interrupted for a complete one. So is one
# made with another Python than PYTHON= asks for.
version='import sys; print(sys.version)'
if ! [ -e "$env/finished" ] || ! found=$("$env/bin/python" -I -c "$version" 2>/dev/null) ||
    { [ -n "$PYTHON" ] && [ "$found" != "$("$python" -I -c "$version")" ]; }; then
    echo "Making env/ with $python"
    "$python" -I -m venv --clear "$env" || die "env/ could not be made, see above; fix that and run bash setup.sh again."
fi
rm -f "$env/finished"
packages=(-r "$REPOSITORY/requirements.txt")
if [ "$CUDA" = 1 ]; then packages+=("$(sed -n 's/^tensorflow==\([^ ]*\).*/tensorflow[and-cuda]==\1/p' "$REPOSITORY/requirements.txt")"); fi
echo "Installing the packages of requirements.txt: some minutes, in which pip is silent for one to three at its end"
# PIP_USER: a user's own pip.conf may ask for --user, which an environment refuses.
PIP_USER=0 "$env/bin/python" -I -m pip install --no-input --disable-pip-version-check "${packages[@]}" ||
    die "pip could not install the packages, see above; check the network and the space on the disk, and run bash setup.sh again."

report='import tensorflow as tf; print("TensorFlow", tf.__version__, "sees:", *(d.name for d in tf.config.list_physical_devices()))'
devices=$("$env/bin/python" -I -c "$report" 2>"$env/report.log") ||
    die "TensorFlow is installed but does not start (it needs a processor with AVX): $(tail -n 1 "$env/report.log")"
echo "$devices"
case "$devices/$gpu" in
    *GPU:*/* | */) ;;
    *) echo "Warning: there is an NVIDIA GPU, but TensorFlow does not use it: an old driver (nvidia-smi shows it), or CUDA=0." ;;
esac
{ cat "$REPOSITORY/requirements.txt" && echo "# CUDA=$CUDA"; } >"$env/finished"
echo "env/ is ready."
