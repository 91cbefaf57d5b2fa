#!/usr/bin/env bash
# Experiment 3: what is a generated image worth? Train on 100 to 40,000 REAL
# images, with augmentation, FAKE images, both or neither.
#
#   bash run-E3.sh               what E3_results/ lacks; all of it takes about 100
#                                hours on two processor cores, a third of that
#                                where bfloat16 is fast (Intel with AMX)
#   bash run-E3.sh --dry-run     how many runs are missing and how long they take
#   bash run-E3.sh --models NN --part main
#                                one classifier, without tuning and variants
#   bash run-E3.sh --models LeNet --seeds 129
#                                a part of it: these classifiers, these seeds
#   bash run-E3.sh --part own --images images_mine
#                                the short answer for your own generated images, on
#                                one page in results_images_mine/: at most 45 minutes;
#                                docs/own-images.md
#   bash run-E3.sh --shard 2/8   the second of eight shares, for eight machines;
#                                at the end put their E3_results/ into one folder
#                                and run it without --shard for the figure
#
# A run that was stopped continues where it was.
[ -n "$BASH_VERSION" ] || exec bash "$0" "$@" #
source "$(dirname "${BASH_SOURCE[0]}")/src/runner.sh" #

read_options "$E3_OPTIONS shard fresh" "$@"
images_and_metadata
step "experiment 3" worth_of_fake.py
TIME="about 100 hours on two processor cores for all of it, a third of that where bfloat16 is fast; --dry-run says more"
RESULTS=(E3_results E3_visualisations E2_visualisations/report.html)
if [ "$PART" = own ]; then
    TIME="at most 45 minutes on two processor cores with VGG16, hours with others; --dry-run says how long for these images"
    RESULTS=(E3_visualisations/worth.html)
else
    step "the report" write_report.py
fi
run_steps
