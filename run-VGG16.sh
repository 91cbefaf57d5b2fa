#!/usr/bin/env bash
# Train and test VGG16 on FAKE and on REAL, as in experiment 1.
#
#   bash run-VGG16.sh   about 6 minutes on two processor cores; makes env/ and
#                       downloads CIFAKE if they are missing
#
# A run that was stopped continues where it was. For one of the two:
#
#   env/bin/python src/classify_VGG16.py -data FAKE
[ -n "$BASH_VERSION" ] || exec bash "$0" "$@" #
source "$(dirname "${BASH_SOURCE[0]}")/src/runner.sh" #
run_classifier VGG16 6 "epochs seed seeds weights precision images output fresh" "$@"
