#!/usr/bin/env bash
# Run the study: experiments 1 and 2, from the images to the report.
#
#   bash run.sh             everything: about 20 minutes on two processor cores;
#                           makes env/ and downloads CIFAKE if they are missing
#   bash run.sh --demo      the study in miniature: 3 to 6 minutes; handwritten
#                           and rendered digits, all below demo/; VGG16 is in it
#                           if VGG16_WEIGHTS or --weights names its weights
#   bash run.sh --dry-run   say what is there, what is needed, what would be done
#   bash run.sh --models NN train and test NN only
#   bash run.sh --seeds 129 130 131 132 133
#                           every classifier with five seeds, for mean and
#                           standard deviation: about 80 minutes
#   PYTHON=python bash run.sh
#                           use your own Python (conda, a cluster's module), not
#                           env/; nothing is installed
#
# A run that was stopped continues where it was. Experiments 3 and 4 have runners of
# their own, run-E3.sh and run-E4.sh; the demo includes a small version of both.
[ -n "$BASH_VERSION" ] || exec bash "$0" "$@" #
source "$(dirname "${BASH_SOURCE[0]}")/src/runner.sh" #

read_options "demo models epochs seed seeds weights precision best images output fresh" "$@"
RESULTS=(E1_results E1_visualisations E2_results E2_visualisations)

if [ -n "$DEMO" ]; then
    step "the demo's images" create_demo.py
    step "metadata" create_metadata.py
    case $MODELS in *VGG16*) ;; *) echo "VGG16 is left out; VGG16_WEIGHTS=/path/to/its/weights includes it." ;; esac
else
    images_and_metadata
fi
classifier NN 1
classifier LeNet 12
classifier VGG16 6
step "figures and tables" visualise.py
step "tests on the other source" final_evaluate.py
TIME="about $(($(for_images "$MINUTES") + 1)) min on two processor cores with AVX-512, up to three times as long on others"
if [ -n "$DEMO" ]; then
    TIME="3 to 6 minutes on two processor cores"
    RESULTS+=(E3_results E3_visualisations E4_results E4_visualisations)
    step "experiment 3, in small" worth_of_fake.py --models NN --seeds 129 --steps 240 --part main --no-flip
    step "experiment 4, in small" real_or_fake.py --models LeNet --seeds 129
fi
step "the report" write_report.py
RESULTS+=(E2_visualisations/report.html)
run_steps
