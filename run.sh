#!/usr/bin/env bash
# Run the whole study: both experiments, from the images to the figures and tables.
#
#   bash run.sh                   everything, some 20 minutes on two processor cores; sets up env/ and downloads CIFAKE
#                                 where they are missing
#   bash run.sh --demo            the study in miniature, some 3 minutes: handwritten and rendered digits, all below demo/
#   bash run.sh --dry-run         say what is there, what would be done and what it needs
#   bash run.sh --seeds 129 130 131 132 133    each classifier once with each seed, for mean and deviation; some 70 minutes
#   bash run.sh -epochs 2         all options go to every step, see below
#   PYTHON=python bash run.sh     with your own Python (conda, a cluster's module) instead of env/; nothing is installed
#
# A run that was stopped goes on where it was. The results are in E1_results/, E1_visualisations/, E2_results/ and
# E2_visualisations/. Experiment 3 takes hours and is a runner of its own, run-E3.sh; the demo has it in small.
set -e
# shellcheck source=/dev/null
source "$(dirname "${BASH_SOURCE[0]}")/src/runner.sh"

# --demo stands for folders of its own and, without VGG16_WEIGHTS, for random weights. What the user says counts before it.
demo='' options=()
for option in "$@"; do
    if [ "$option" = --demo ]; then demo=yes; else options+=("$option"); fi
done
if [ -n "$demo" ]; then
    export VGG16_WEIGHTS=${VGG16_WEIGHTS:-random}
    set -- --images "$REPOSITORY/demo/images" --output "$REPOSITORY/demo" "${options[@]+"${options[@]}"}"
fi

#     seconds on two cores
if [ -n "$demo" ]; then
    step 10 "the demo's images" create_demo.py
    cost() { echo 20; }
    training() { echo 20; }
else
    has_images "$(value_of --images "$REPOSITORY/images" "$@")" || step 60 "downloading CIFAKE" download_data.py
    cost() { echo "$1"; }
    times=$(trainings "$@")
    training() { echo $(($1 + $2 * times)); } # once, and for each seed
fi
step "$(cost 7)" "metadata" create_metadata.py
step "$(training 10 15)" "NN on FAKE" classify_NN.py FAKE
step "$(training 10 15)" "NN on REAL" classify_NN.py REAL
step "$(training 8 350)" "LeNet on FAKE" classify_LeNet.py FAKE
step "$(training 8 330)" "LeNet on REAL" classify_LeNet.py REAL
step "$(training 180 8)" "VGG16 on FAKE" classify_VGG16.py FAKE
step "$(training 180 8)" "VGG16 on REAL" classify_VGG16.py REAL
step "$(cost 10)" "figures and tables" visualise.py
step "$(training 10 25)" "tests on the other source" final_evaluate.py
if [ -n "$demo" ]; then
    step 45 "experiment 3, in small" worth_of_fake.py '' --models NN --seeds 129 130 --steps 250
    results_in "E1_results, E2_results and E3_results" "E1_visualisations, E2_visualisations and E3_visualisations"
fi
step "$(cost 10)" "the report" write_report.py

run_steps "$@"
