#!/usr/bin/env bash
# Run the whole study: both experiments, from the images to the figures and tables.
#
#   bash run.sh                   everything, on two processor cores some 17 minutes; env/ is set up first where it is missing
#   bash run.sh --dry-run         say what is there, what would be done and what it needs
#   bash run.sh -epochs 2         all options go to every step, see below
#   PYTHON=python bash run.sh     with your own Python (conda, a cluster's module) instead of env/; nothing is installed
#
# A run that was stopped goes on where it was. The results are in E1_results/, E1_visualisations/, E2_results/ and
# E2_visualisations/.
set -e
# shellcheck source=/dev/null
source "$(dirname "${BASH_SOURCE[0]}")/src/runner.sh"

#    seconds on two cores
step   3 "metadata"                   create_metadata.py
step  20 "NN on FAKE"                 classify_NN.py FAKE
step  20 "NN on REAL"                 classify_NN.py REAL
step 250 "LeNet on FAKE"              classify_LeNet.py FAKE
step 250 "LeNet on REAL"              classify_LeNet.py REAL
step 190 "VGG16 on FAKE"              classify_VGG16.py FAKE
step 190 "VGG16 on REAL"              classify_VGG16.py REAL
step  15 "figures and tables"         visualise.py
step  45 "FAKE models on REAL images" final_evaluate.py

run_steps "$@"
