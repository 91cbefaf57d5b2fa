# shellcheck shell=bash
# What the study's shell scripts share. A runner reads its options, lists its steps and runs them. Written for bash 3.2 (macOS).
# The next line works with Windows line ends itself, because it ends in a comment, as the first lines of each script do.
if grep -qs $'\r' "$0" "${BASH_SOURCE[0]}"; then printf '%s\n' "$0: Windows line ends (CRLF), which bash cannot read; remove them with: sed -i.bak 's/\r\$//' *.sh src/*.sh slurm/*" >&2 && exit 2; fi #
set -e

REPOSITORY=$(CDPATH='' cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
COMMAND=${0##*/}
# PYTHONSAFEPATH would stop every step, and so would a random.py on PYTHONPATH. The user's own Python may need its variables.
unset PYTHONWARNINGS PYTHONSAFEPATH CIFAKE_RUNNER
[ -n "$PYTHON" ] || unset PYTHONPATH PYTHONHOME

die() { # a message, broken at spaces so that a terminal of 80 columns cuts no word
    echo "$COMMAND: $1" | fold -s -w 79 >&2
    exit 2
}

# The comment at the head of a script is its help.
show_usage() { sed -n -e 1d -e '/^#/!q' -e 's/^# \{0,1\}//p' "$0"; }

# Whether a command runs Python 3.11 or newer, but older than 3.[limit].
is_python() { # command, [limit]
    "$1" -c "import sys; sys.exit(not (3, 11) <= sys.version_info < (3, ${2:-1000}))" 2>/dev/null </dev/null
}

# The newest Python on the PATH for which TensorFlow has wheels, or PYTHON= if it is one.
find_python() {
    local name
    if [ -n "$PYTHON" ]; then set -- "$PYTHON"; else set -- python3.13 python3.12 python3.11 python3 python; fi
    for name in "$@"; do
        if is_python "$name" 14; then echo "$name" && return; fi
    done
    return 1
}

# env/finished has the requirements.txt that env/ was made from, and a line about CUDA.
env_is_ready() {
    "$REPOSITORY/env/bin/python" -c '' 2>/dev/null </dev/null &&
        grep -v '^# CUDA=' "$REPOSITORY/env/finished" 2>/dev/null | cmp -s - "$REPOSITORY/requirements.txt"
}

# Read the user's options, of which only those with the names given are taken; src/cifake/system/options.py has the table. Sets WORDS
# for the steps and OUTPUT, MODELS, SEEDS, PART, DEMO, FRESH, DRY_RUN, HAS_IMAGES, NEEDS, which are empty if there is nothing to say, and IMAGES,
# the number of training images.
read_options() { # names, the user's words
    local python=$PYTHON help='' answer code='
import sys
del sys.argv[0]
sys.path[0] = sys.argv.pop(0)
from cifake.system import command, options
command.run(options.of_runner)'
    WORDS=("${@:2}")
    case " ${WORDS[*]} " in *" -h "* | *" --help "*) help=yes && show_usage && echo ;; esac
    if [ -n "$PYTHON" ]; then
        is_python "$PYTHON" || die "PYTHON=$PYTHON does not run Python 3.11 or newer; name one that does, or leave PYTHON out to use env/."
    elif env_is_ready; then
        python=$REPOSITORY/env/bin/python
    else
        python=$(find_python) || die "no Python 3.11, 3.12 or 3.13 was found; install one, or name it with PYTHON=."
    fi
    [ -z "$help" ] || { "$python" -c "$code" "$REPOSITORY/src" "$COMMAND" "$1" --help && exit; }
    answer=$("$python" -c "$code" "$REPOSITORY/src" "$COMMAND" "$@") || exit
    eval "$answer"
    export CIFAKE_RUNNER=$COMMAND # each step takes all of the runner's options, and leaves alone what it does not use
}

# shellcheck disable=SC2034 # run-E3.sh and slurm/ use it
E3_OPTIONS="models seeds part steps no_flip weights precision best images output"

# A runner sets TIME, how long it takes in words, and RESULTS, files and folders below the output folder.
TIME='' RESULTS=() NAMES=() SCRIPTS=() OWN_OPTIONS=() MINUTES=0

step() { # name, script, [its own options, one word each]
    NAMES+=("$1") SCRIPTS+=("$2") OWN_OPTIONS+=("${*:3}")
}

# What every runner begins with. The metadata take seconds, and CSVs that are right stay.
images_and_metadata() {
    [ -n "$HAS_IMAGES" ] || step "downloading CIFAKE" download_data.py
    step "metadata" create_metadata.py
}

# Minutes for these images, rounded up, of minutes for CIFAKE's.
for_images() { echo "$((($1 * IMAGES + 99999) / 100000))"; }

# The two trainings of a classifier, unless --models leaves it out.
classifier() { # name, minutes that both take on CIFAKE
    case " $MODELS " in *" $1 "*) ;; *) return ;; esac
    MINUTES=$((MINUTES + $2))
    step "$1 on FAKE" "classify_$1.py" -data FAKE
    step "$1 on REAL" "classify_$1.py" -data REAL
}

# The whole runner of one classifier.
run_classifier() { # name, minutes on CIFAKE, names of its options, the user's words
    read_options "${@:3}"
    images_and_metadata
    classifier "$1" "$2"
    TIME="about $(for_images "$2") min on two processor cores with AVX-512, longer on others"
    RESULTS=("E1_results/FAKE_$1_metrics.txt" "E1_results/REAL_$1_metrics.txt" ${SEEDS:+"E1_results/replicates"})
    run_steps
}

minutes() { echo "$(($1 / 60)) min $(($1 % 60)) s"; } # seconds

run_steps() {
    local i where began code total=${#NAMES[@]} again="${FRESH:+starts again}"
    echo "$COMMAND takes $TIME."
    [ -z "$DRY_RUN" ] || announce
    if [ -z "$PYTHON" ]; then
        env_is_ready || bash "$REPOSITORY/setup.sh" || exit
        PYTHON=$REPOSITORY/env/bin/python
    fi
    for ((i = 0; i < total; i++)); do
        where="$((i + 1)) of $total"
        printf '\nStep %s: %s\n' "$where" "${NAMES[i]}"
        if [ "$DRY_RUN/$HAS_IMAGES/${SCRIPTS[i]}" = yes//create_metadata.py ]; then
            echo "The CSVs would be made from the names of the images of step 1."
            continue
        fi
        began=$SECONDS code=0
        # shellcheck disable=SC2086 # a step's own options are words; they come last, so that the user's cannot change them
        attend "$PYTHON" "$REPOSITORY/src/${SCRIPTS[i]}" "${WORDS[@]}" ${OWN_OPTIONS[i]} || code=$?
        if [ "$code" -ne 0 ]; then
            echo "$COMMAND stopped at step $where (${NAMES[i]}); the same command ${again:-continues there}." >&2
            exit "$code"
        fi
        [ -n "$DRY_RUN" ] || echo "Step $where took $(minutes $((SECONDS - began)))."
    done
    [ -z "$DRY_RUN" ] || { printf '\nNothing was done.\n' && exit; }
    printf '\n%s is complete in %s. Its results:\n' "$COMMAND" "$(minutes "$SECONDS")"
    show_results
}

# Results that are there, each as it can be pasted: relative to the working folder if it is below it.
show_results() {
    local result
    for result in "${RESULTS[@]}"; do
        result=$OUTPUT/$result
        if [ -e "$result" ]; then printf '  %q\n' "${result#"$(pwd -P)/"}"; fi
    done
}

# What --dry-run says before the steps say what they would do.
announce() {
    echo "A dry run: nothing is installed, downloaded or written."
    [ -z "$NEEDS" ] || echo "Needed: $NEEDS"
    [ -z "$(show_results)" ] || printf 'Replaced where a run is done again (--output DIR keeps them):\n%s\n' "$(show_results)"
    if [ -z "$PYTHON" ] && ! env_is_ready; then
        echo "env/ is missing or older than requirements.txt; setup.sh would make it: some minutes,
2.5 GB (8 GB with CUDA). With env/, a dry run says what each step would do."
        exit 0
    fi
}

# Run a command and wait for it. It is in the background because bash answers no signal before a command in the foreground ends, and
# a signal may reach the runner alone; in a subshell, because Ctrl-C would be ignored otherwise.
attend() {
    local child code
    (trap - INT && exec "$@") </dev/null &
    child=$!
    trap 'kill -INT "$child" 2>/dev/null || :' INT
    trap 'kill -TERM "$child" 2>/dev/null || :' TERM
    while :; do
        code=0
        wait "$child" || code=$?
        kill -0 "$child" 2>/dev/null || return "$code"
    done
}
