#!/usr/bin/env bash
# Experiment 3: what is a generated image worth? Train on 100 to 40,000 REAL
# images, with augmentation, FAKE images, both or neither.
#
#   bash run-E3.sh               all classifiers, each with five seeds: about 26
#                                hours on two processor cores
#   bash run-E3.sh --dry-run     how many runs are missing and how long they take
#   bash run-E3.sh --models NN --part main
#                                one classifier, without tuning and variants:
#                                about an hour
#   bash run-E3.sh --models LeNet --seeds 129
#                                a part of it: these classifiers, these seeds
#   bash run-E3.sh --shard 2/8   the second of eight shares, for eight machines;
#                                at the end put their E3_results/ into one folder
#                                and run it without --shard for the figure
#
# A run that was stopped continues where it was. The results go to E3_results/ and
# E3_visualisations/, and into the report, E2_visualisations/report.html.
#
# Options, handed to every step:
#   --models NAME ...  train these classifiers
#   --seeds N N ...    with these seeds
#   --part P           main, tuning or sensitivity
#   --steps N          train for N steps of 64 images (6,000)
#   --no-flip          augmentation does not mirror images
#   --shard I/N        do only the I-th of N shares
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

# No seconds: they depend on --models, --seeds and --shard; worth_of_fake.py says itself
# how long it takes.
step 0 "metadata" create_metadata.py
step 0 "experiment 3" worth_of_fake.py
step 0 "the report" write_report.py

RESULTS="E3_results and E3_visualisations"
run_steps "$@"
