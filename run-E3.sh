#!/usr/bin/env bash
# Experiment 3: what is a generated image worth? Train on 100 to 40,000 REAL images, with augmentation, FAKE images, or both.
#
#   bash run-E3.sh                VGG16 over five seeds and LeNet over three, 200 runs; on two processor cores some 4 hours
#   bash run-E3.sh --dry-run      say how many runs are there and missing, and about how long they take
#   bash run-E3.sh --models LeNet --seeds 129    a part of it: these classifiers, these seeds
#   bash run-E3.sh --models NN    the simplest classifier too, over three seeds, 75 runs; some 20 minutes
#   bash run-E3.sh --shard 2/8    the second of eight shares, for eight machines; put their E3_results/ into one folder at the end
#                                 and run it once more without --shard: it draws the figure
#
# It can be stopped at any time; the same command goes on after the last whole run. The results are in E3_results/ and
# E3_visualisations/, and on the page E2_visualisations/report.html beside those of run.sh.
set -e
# shellcheck source=/dev/null
source "$(dirname "${BASH_SOURCE[0]}")/src/runner.sh"

# Seconds on two cores.
shares=$(value_of --shard 1/1 "$@")
shares=${shares#*/}
case $shares in '' | 0* | *[!0-9]*) shares=1 ;; esac # what is wrong with it is said by the first step
step 7 "metadata" create_metadata.py
step $((14500 / shares)) "experiment 3" worth_of_fake.py
step 12 "the report" write_report.py

results_in E3_results E3_visualisations
run_steps "$@"
