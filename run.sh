#!/usr/bin/env bash
# Run the study: experiments 1 and 2, from the images to the report.
#
#   bash run.sh             everything: about 20 minutes on two processor cores;
#                           makes env/ and downloads CIFAKE if they are missing
#   bash run.sh --demo      the study in miniature: 3 to 6 minutes; handwritten
#                           and rendered digits, all below demo/; VGG16 is in it
#                           if VGG16_WEIGHTS names the file of its weights
#   bash run.sh --dry-run   say what is there, what is needed, what would be done
#   bash run.sh --seeds 129 130 131 132 133
#                           every classifier with five seeds, for mean and
#                           standard deviation: about 80 minutes
#   PYTHON=python bash run.sh
#                           use your own Python (conda, a cluster's module), not
#                           env/; nothing is installed
#
# A run that was stopped continues where it was. The results go to E1_results/,
# E1_visualisations/, E2_results/ and E2_visualisations/. Experiments 3 and
# 4 have their own runners, run-E3.sh (hours) and run-E4.sh (about an hour); the
# demo includes a small version of both.
#
# Options, handed to every step:
#   -epochs N        train for at most N epochs (20)
#   --seed N         seed of the initial weights and the order of the images (129)
#   --seeds N N ...  train every classifier once with each of these seeds
#   --weights W      VGG16's: imagenet, random or the path of a weights file
#   --precision P    of the training: float32, mixed_bfloat16 or mixed_float16
#   --best N         experiment 2 shows the N best FAKE classifiers (2)
#   --images DIR     folder with train/ and test/ (images/)
#   --output DIR     folder for everything that is written (this repository)
#   --fresh          do again what is already done with these settings
#   --dry-run        say what would be done, and do nothing
#   --verbose        show the libraries' own messages too
# Not -data: the runner does both FAKE and REAL.
[ -n "$BASH_VERSION" ] || exec bash "$0" "$@"

# --demo means folders of its own. The user's options come last, so they win.
demo='' options=()
for option in "$@"; do
    if [ "$option" = --demo ]; then demo=yes; else options+=("$option"); fi
done
if [ -n "$demo" ]; then
    folder=$(dirname "${BASH_SOURCE[0]}")/demo
    set -- --images "$folder/images" --output "$folder" "${options[@]+"${options[@]}"}"
fi
source "$(dirname "${BASH_SOURCE[0]}")/src/runner.sh"

RESULTS="E1_results, E1_visualisations, E2_results and E2_visualisations"
if [ -n "$demo" ]; then
    PACE=10 # it has few images; the two steps of its own have ten times their seconds
    step 80 "the demo's images" create_demo.py
else
    has_images "$IMAGES" || step 0 "downloading CIFAKE" download_data.py
fi
step 7 "metadata" create_metadata.py
classifier NN 25
classifier LeNet 345
if [ -n "$demo" ] && [ -z "$VGG16_WEIGHTS" ]; then
    echo "VGG16 is left out of the demo; VGG16_WEIGHTS=/path/to/file includes it."
else
    classifier VGG16 190
fi
step 10 "figures and tables" visualise.py
step 35 "tests on the other source" final_evaluate.py
if [ -n "$demo" ]; then
    RESULTS="E1_ to E4_results, E1_ to E4_visualisations"
    step 600 "experiment 3, in small" worth_of_fake.py --models NN --seeds 129 130 --steps 250 --part main --no-flip
    step 600 "experiment 4, in small" real_or_fake.py --models LeNet --seeds 129
fi
step 10 "the report" write_report.py

RESULTS="$RESULTS
All on one page, to open in a browser: E2_visualisations/report.html"
run_steps "$@"
