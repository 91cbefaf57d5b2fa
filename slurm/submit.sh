#!/usr/bin/env bash
# Submit experiment 3 to a Slurm cluster: a job that prepares, an array of eight
# tasks that share the runs, and a job that draws. Start it in the repository's folder.
#
#   bash slurm/submit.sh             all of it
#   bash slurm/submit.sh --models LeNet --seeds 129 130 131
#                                    a part; takes the options of run-E3.sh but for
#                                    --shard and --fresh
#   bash slurm/submit.sh --dry-run   how many runs are missing and how long they take
#   TASKS=20 bash slurm/submit.sh    20 tasks
#   SBATCH_ACCOUNT=mine SBATCH_PARTITION=short SBATCH_TIMELIMIT=04:00:00 bash slurm/submit.sh
#                                    sbatch's own variables go before the #SBATCH
#                                    lines of the three jobs
#
# Submitted again, it does what is missing. docs/cluster.md says more.
[ -n "$BASH_VERSION" ] || exec bash "$0" "$@" #
# shellcheck source=src/runner.sh
source "$(dirname "${BASH_SOURCE[0]}")/../src/runner.sh" #
set -o pipefail

read_options "$E3_OPTIONS" "$@" # a wrong option ends here, not in the queue
[ . -ef "$REPOSITORY" ] || die "the jobs start where it is started; first: cd $REPOSITORY"
case ${TASKS:=8} in *[!0-9]* | 0*) die "TASKS=$TASKS is not a number of tasks." ;; esac
if [ -n "$PYTHON" ] || env_is_ready; then
    "${PYTHON:-env/bin/python}" src/worth_of_fake.py "$@" --dry-run
else
    echo "The first job makes env/; after that, --dry-run says how many runs are missing and how long they take."
fi
[ -z "$DRY_RUN" ] || exit 0
command -v sbatch >/dev/null || die "there is no sbatch here. On a machine without Slurm, bash run-E3.sh does the same."

# Number of a new job. With several clusters, sbatch prints a cluster's name behind it.
submit() {
    sbatch --parsable "$@" | cut -d ';' -f 1
}

prepare=$(submit slurm/prepare.sbatch "$@")
array=$(submit --dependency="afterok:$prepare" --kill-on-invalid-dep=yes --array="1-$TASKS" slurm/E3.sbatch "$@")
figures=$(submit --dependency="afterany:$array" slurm/figures.sbatch "$@")
echo
echo "Submitted: job $prepare prepares, jobs ${array}_1 to ${array}_$TASKS train, job $figures draws."
printf '  %-36s %s\n' \
    "squeue --me" "which of them wait or run" \
    "tail -n 3 slurm/E3-${array}_*.log" "how far they are" \
    "cat slurm/E3-figures-$figures.log" "in the end: what is missing, if anything" \
    "scancel $prepare $array $figures" "end all"
printf 'Figure and tables: %q\n' "$OUTPUT/E3_visualisations"
