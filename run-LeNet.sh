#!/usr/bin/env bash
# Train and test LeNet on FAKE and on REAL, as in experiment 1.
#
#   bash run-LeNet.sh   about 12 minutes on two processor cores; makes env/ and
#                       downloads CIFAKE if they are missing
#
# A run that was stopped continues where it was. For one of the two:
#
#   env/bin/python src/classify_LeNet.py -data FAKE
[ -n "$BASH_VERSION" ] || exec bash "$0" "$@" #
source "$(dirname "${BASH_SOURCE[0]}")/src/runner.sh" #
run_classifier LeNet 12 "epochs seed seeds precision images output fresh" "$@"
