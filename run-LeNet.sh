#!/usr/bin/env bash
# Train and test the LeNet of experiment 1, on FAKE and on REAL.
#
#   bash run-LeNet.sh             both: on two processor cores some 12 minutes; env/ is set up first where it is missing
#   bash run-LeNet.sh --dry-run   say what is there, what would be done and what it needs
#   bash run-LeNet.sh -epochs 2   all options go to every step, see below
#
# A run that was stopped goes on where it was. The results are in E1_results/. For one of the two:
# python src/classify_LeNet.py -data FAKE
set -e
# shellcheck source=/dev/null
source "$(dirname "${BASH_SOURCE[0]}")/src/runner.sh"

# Seconds on two cores. The metadata come first always: that takes seconds and leaves what is right as it is.
times=$(trainings "$@")
step 7 "metadata" create_metadata.py
step $((8 + 350 * times)) "LeNet on FAKE" classify_LeNet.py FAKE
step $((8 + 330 * times)) "LeNet on REAL" classify_LeNet.py REAL

run_steps "$@"
