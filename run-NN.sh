#!/usr/bin/env bash
# Train and test NN on FAKE and on REAL, as in experiment 1.
#
#   bash run-NN.sh   about a minute on two processor cores; makes env/ and
#                    downloads CIFAKE if they are missing
#
# A run that was stopped continues where it was. For one of the two:
#
#   env/bin/python src/classify_NN.py -data FAKE
[ -n "$BASH_VERSION" ] || exec bash "$0" "$@" #
source "$(dirname "${BASH_SOURCE[0]}")/src/runner.sh" #
run_classifier NN 1 "epochs seed seeds precision images output fresh" "$@"
