#!/usr/bin/env bash
# Train and test LeNet on FAKE and on REAL, as in experiment 1.
#
#   bash run-LeNet.sh   about 12 minutes on two processor cores;
#                       makes env/ if it is missing
#
# A run that was stopped continues where it was. The results go to E1_results/.
#
# Options, handed to every step:
#   -epochs N        train for at most N epochs (20)
#   --seed N         seed of the initial weights and the order of the images (129)
#   --seeds N N ...  train once with each of these seeds
#   --precision P    of the training: float32, mixed_bfloat16 or mixed_float16
#   --images DIR     folder with train/ and test/ (images/)
#   --output DIR     folder for everything that is written (this repository)
#   --fresh          do again what is already done with these settings
#   --dry-run        say what would be done, and do nothing
#   --verbose        show the libraries' own messages too
# For one of the two: env/bin/python src/classify_LeNet.py -data FAKE
[ -n "$BASH_VERSION" ] || exec bash "$0" "$@"
source "$(dirname "${BASH_SOURCE[0]}")/src/runner.sh"
run_classifier LeNet 345 "$@"
