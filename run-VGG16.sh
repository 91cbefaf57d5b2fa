#!/usr/bin/env bash
# Train and test the VGG16 of experiment 1, on FAKE and on REAL.
#
#   bash run-VGG16.sh             both: on two processor cores some 6 minutes; env/ is set up first where it is missing
#   bash run-VGG16.sh --dry-run   say what is there, what would be done and what it needs
#   bash run-VGG16.sh -epochs 2   all options go to every step, see below
#
# A run that was stopped goes on where it was. The results are in E1_results/. For one of the two:
# python src/classify_VGG16.py -data FAKE
set -e
# shellcheck source=/dev/null
source "$(dirname "${BASH_SOURCE[0]}")/src/runner.sh"

# Seconds on two cores. The metadata come first always: that takes seconds and leaves what is right as it is.
times=$(trainings "$@")
step 7 "metadata" create_metadata.py
step $((180 + 8 * times)) "VGG16 on FAKE" classify_VGG16.py FAKE
step $((180 + 8 * times)) "VGG16 on REAL" classify_VGG16.py REAL

run_steps "$@"
