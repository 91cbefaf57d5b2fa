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
[ -n "$BASH_VERSION" ] || exec bash "$0" "$@"
source "$(dirname "${BASH_SOURCE[0]}")/src/runner.sh"
set -o pipefail

trap 'exit 130' INT # otherwise Ctrl-C would look like a failure of pip
env=$REPOSITORY/env
case $1 in -h | --help) show_usage && exit ;; esac
[ $# -eq 0 ] || die "it takes no options; --help shows what it does."

# ---------------------------------------------------------------------------------------------------------- the machine
system=$(uname -s) machine=$(uname -m)
case "$system $machine" in
    "Linux x86_64" | "Linux aarch64" | "Darwin arm64") ;;
    "Darwin x86_64")
        die "TensorFlow has had no releases for Intel Macs since 2.17; use a Linux machine or Google Colab \
(on Apple silicon: a terminal without Rosetta)."
        ;;
    MINGW* | MSYS* | CYGWIN*)
        die "on Windows the study runs in WSL2: install it with 'wsl --install', open Ubuntu, clone the repository there and \
run bash setup.sh."
        ;;
    *)
        die "TensorFlow has no releases for $system on $machine; use Linux on x86_64 or aarch64, a Mac with Apple silicon, \
or Google Colab."
        ;;
esac

gpu=no
if nvidia-smi -L >/dev/null 2>&1; then gpu=yes; fi
case $CUDA in
    0) with_cuda=0 ;;
    1)
        [ "$system $machine" = "Linux x86_64" ] || die "TensorFlow has CUDA on Linux on x86_64 only; leave CUDA=1 out."
        with_cuda=1
        ;;
    "") # An env/ with CUDA keeps it, so a log-in node needs CUDA=1 only once.
        with_cuda=0
        has=$(tail -n 1 "$env/finished" 2>/dev/null || :)
        if [ "$system $machine, $gpu" = "Linux x86_64, yes" ] || [ "$has" = "# CUDA=1" ]; then with_cuda=1; fi
        ;;
    *) die "CUDA=$CUDA is neither 1 nor 0." ;;
esac

# ----------------------------------------------------------------------------------------------------------- the Python
if ! python=$(find_python); then
    found=$(list_pythons | cut -d ' ' -f 1 | sort -u | paste -s -d ' ' -)
    die "TensorFlow needs Python 3.11, 3.12 or 3.13; ${PYTHON:+PYTHON=$PYTHON, }found: ${found:-none that runs}. \
Install one of them, or name it with PYTHON=."
fi
version=$(version_of "$python")
# -I here and below: neither PYTHONPATH nor the working directory may replace one of Python's own modules.
"$python" -I -c 'import venv, ensurepip' 2>/dev/null ||
    die "$python (Python $version) has no venv module; on Debian and Ubuntu: sudo apt install python${version%.*}-venv"

# ----------------------------------------------------------------------------------------------------------------- env/
# An unfinished env/ is made again, because pip takes a package whose installation was interrupted for a complete one. So is one
# made with another Python than PYTHON= asks for.
if ! env_is_ready "$with_cuda" || { [ -n "$PYTHON" ] && [ "$(version_of "$env/bin/python")" != "$version" ]; }; then
    say "Making env/ with $python (Python $version)"
    "$python" -I -m venv --clear "$env" || die "env/ could not be made, see above; fix that and run bash setup.sh again."
fi
python=$env/bin/python
rm -f "$env/finished"

tensorflow=$(sed -n 's/^tensorflow==\([^ ]*\).*/\1/p' "$REPOSITORY/requirements.txt")
packages=(-r "$REPOSITORY/requirements.txt") size="2.5 GB"
if [ "$with_cuda" = 1 ]; then packages+=("tensorflow[and-cuda]==$tensorflow") size="8 GB"; fi

# Show pip's progress lines only. While it installs, it says nothing for minutes: show how env/ grows.
show_progress() {
    local line wheel='(Downloading|Using cached) ([^-]+-[^-]+)-[^ ]+\.whl (\(.*\))' growth=''
    while IFS= read -r line; do
        if [[ $line =~ $wheel ]]; then
            echo "    ${BASH_REMATCH[1]} ${BASH_REMATCH[2]} ${BASH_REMATCH[3]}"
        elif [[ $line = "Installing collected"* ]]; then
            echo "    Installing them, which takes 1 to 3 minutes"
            show_growth &
            growth=$!
        fi
    done
    [ -z "$growth" ] || kill "$growth" 2>/dev/null || :
}

# It ends with this script, however that ends. What it leaves asleep then must not keep the script's output open.
show_growth() {
    while sleep 15 >/dev/null 2>&1 && kill -0 $$ 2>/dev/null; do
        echo "    $(du -sm "$env" | cut -f 1) MB of $size"
    done
}

echo "Installing TensorFlow $tensorflow and the other packages of requirements.txt:"
echo "some minutes, $size of disk"
# PIP_USER: a user's own pip.conf may ask for --user, which an environment refuses.
if ! PIP_USER=0 "$python" -I -m pip install --no-input --disable-pip-version-check --progress-bar off "${packages[@]}" 2>&1 |
    tee "$env/pip.log" | show_progress; then
    tail -n 8 "$env/pip.log" >&2
    die "pip could not install the packages; its last lines are above, all of them in env/pip.log. Check the network and the \
space on the disk, and run bash setup.sh again."
fi

# ----------------------------------------------------------------------------------------------------------- TensorFlow
report='
import platform, keras, tensorflow as tf
gpus = [tf.config.experimental.get_device_details(gpu) for gpu in tf.config.list_physical_devices("GPU")]
print(f"TensorFlow {tf.__version__}, Keras {keras.__version__}, Python {platform.python_version()}")
print("TensorFlow sees:", ", ".join(["the CPU"] + ["GPU " + gpu.get("device_name", "") for gpu in gpus]))
'
if ! devices=$(TF_CPP_MIN_LOG_LEVEL=3 "$python" -I -c "$report" 2>"$env/report.log"); then
    tail -n 8 "$env/report.log" >&2
    die "TensorFlow is installed but does not start, see above (it needs a processor with AVX); \
run bash setup.sh again, which makes env/ again."
fi
env_contents "$with_cuda" >"$env/finished"
echo "$devices"
case "$devices, $gpu, $with_cuda" in
    *"GPU "* | *", no, "*) ;;
    *0)
        say "Warning: there is an NVIDIA GPU, but TensorFlow is installed without CUDA; the study will run on the CPU."
        ;;
    *1)
        say "Warning: there is an NVIDIA GPU, but TensorFlow cannot use it; the study will run on the CPU. The usual reason is \
an old driver (nvidia-smi shows its version)."
        ;;
esac
echo "env/ is ready."
