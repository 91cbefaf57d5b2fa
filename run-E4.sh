#!/usr/bin/env bash
# Experiment 4: what sets FAKE images apart from REAL ones, and why does a
# classifier trained on FAKE lose half of its accuracy on REAL?
#
#   bash run-E4.sh             all of it: some two and a half hours on two cores
#   bash run-E4.sh --dry-run   how many trainings and measurements are missing
#   bash run-E4.sh --models LeNet --seeds 129
#                              a part of it: these classifiers, these seeds
#
# It needs the classifiers of run.sh, which are in models/. A run that was stopped
# continues where it was.
[ -n "$BASH_VERSION" ] || exec bash "$0" "$@" #
source "$(dirname "${BASH_SOURCE[0]}")/src/runner.sh" #

read_options "models epochs seed seeds weights precision best images output fresh" "$@"
images_and_metadata
step "facts about the files" check_data.py
step "experiment 4" real_or_fake.py
step "the report" write_report.py
TIME="some two and a half hours on two processor cores with AVX-512, longer on others"
RESULTS=(E4_results E4_visualisations E2_visualisations/report.html)
run_steps
