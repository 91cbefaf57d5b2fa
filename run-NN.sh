#!/usr/bin/env bash
# Train and test the NN of experiment 1, on FAKE and on REAL.
#
#   bash run-NN.sh             both: on two processor cores less than a minute; env/ is set up first where it is missing
#   bash run-NN.sh --dry-run   say what is there, what would be done and what it needs
#   bash run-NN.sh -epochs 2   all options go to every step, see below
#
# A run that was stopped goes on where it was. The results are in E1_results/. For one of the two:
# python src/classify_NN.py -data FAKE
set -e
# shellcheck source=/dev/null
source "$(dirname "${BASH_SOURCE[0]}")/src/runner.sh"

# Seconds on two cores. The metadata come first always: that takes seconds and leaves what is right as it is.
times=$(trainings "$@")
step 7 "metadata" create_metadata.py
step $((10 + 15 * times)) "NN on FAKE" classify_NN.py FAKE
step $((10 + 15 * times)) "NN on REAL" classify_NN.py REAL

run_steps "$@"
