#!/usr/bin/env bash
# Experiment 4: what sets FAKE images apart from REAL ones, and why does a
# classifier trained on FAKE lose half of its accuracy on REAL?
#
#   bash run-E4.sh             all of it: about an hour on two processor cores
#   bash run-E4.sh --dry-run   how many trainings are missing
#   bash run-E4.sh --models LeNet --seeds 129
#                              a part of it: these classifiers, these seeds
#
# It needs the classifiers of run.sh, which are in models/. A run that was stopped
# continues where it was. The results go to E4_results/ and E4_visualisations/,
# and into the report, E2_visualisations/report.html.
#
# Options, handed to every step:
#   --models NAME ...  with these classifiers
#   -epochs N          train for at most N epochs (20)
#   --seed N           seed of the plain run (129)
#   --seeds N N ...    train with these seeds (129 to 133)
#   --weights W        VGG16's: imagenet, random or the path of a weights file
#   --precision P      of the training: float32, mixed_bfloat16 or mixed_float16
#   --best N           the report shows the N best FAKE classifiers (2)
#   --images DIR       folder with train/ and test/ (images/)
#   --output DIR       folder for everything that is written (this repository)
#   --fresh            do again what is already done with these settings
#   --dry-run          say what would be done, and do nothing
#   --verbose          show the libraries' own messages too
# Not -data: the experiment needs both FAKE and REAL.
[ -n "$BASH_VERSION" ] || exec bash "$0" "$@"
source "$(dirname "${BASH_SOURCE[0]}")/src/runner.sh"

step 0 "metadata" create_metadata.py
step 0 "experiment 4" real_or_fake.py
step 0 "the report" write_report.py

RESULTS="E4_results and E4_visualisations"
run_steps "$@"
