# shellcheck shell=bash
# What the shell scripts of the study share. run.sh and run-*.sh list their steps and call run_steps; setup.sh and test.sh use
# the first part. It is written for bash 3.2, which macOS has.

REPOSITORY=$(CDPATH='' cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
COMMAND=${0##*/}

die() {
    echo "$COMMAND: $1" >&2
    exit 2
}

# The comment at the head of a script is its help.
show_usage() {
    sed -n -e 1d -e '/^#/!q' -e 's/^# \{0,1\}//p' "$0"
}

version_of() { # a Python; fails where it does not run
    "$1" -c 'import platform; print(platform.python_version())' 2>/dev/null </dev/null
}

# Version and name of each Python on the PATH, or of the one in PYTHON=. Each is run: pyenv has commands that only complain.
list_pythons() {
    local name version
    if [ -n "$PYTHON" ]; then set -- "$PYTHON"; else set -- python3.13 python3.12 python3.11 python3 python; fi
    for name in "$@"; do
        version=$(version_of "$name") && echo "$version $name"
    done
    return 0
}

# The first of them for which TensorFlow has wheels.
find_python() {
    local name version
    while read -r version name; do
        case $version in
            3.11.* | 3.12.* | 3.13.*) echo "$name" && return ;;
        esac
    done <<<"$(list_pythons)"
    return 1
}

# PYTHON= is the user's own business: any version from 3.11, with the packages in whatever place.
check_own_python() {
    local version
    version=$(version_of "$PYTHON") ||
        die "PYTHON=$PYTHON is no Python that runs; name one that is 3.11 or newer, or leave PYTHON out and env/ is used."
    "$PYTHON" -c 'import sys; sys.exit(sys.version_info < (3, 11))' </dev/null ||
        die "PYTHON=$PYTHON is Python $version; the study needs 3.11 or newer."
}

# What env/finished holds once env/ is: without it, or with another, env/ is half-made or older than requirements.txt.
env_contents() { # CUDA or not, 1 or 0
    cat "$REPOSITORY/requirements.txt"
    echo "# CUDA=$1"
}

# Where the user says nothing of CUDA, either will do.
env_is_ready() { # [1 or 0]
    local with_cuda
    "$REPOSITORY/env/bin/python" -c '' 2>/dev/null </dev/null || return 1
    for with_cuda in ${1:-0 1}; do
        env_contents "$with_cuda" | cmp -s - "$REPOSITORY/env/finished" && return
    done
    return 1
}

# ------------------------------------------------------------------------------------------------------ the runners' part

SECONDS_EXPECTED=() NAMES=() SCRIPTS=() SOURCES=() OWN_OPTIONS=()
RESULTS="E1_results and E2_results" FIGURES="E1_visualisations and E2_visualisations"

step() { # seconds on two processor cores, name, script, [FAKE or REAL or '', [its own options, of one word each]]
    SECONDS_EXPECTED+=("$1") NAMES+=("$2") SCRIPTS+=("$3") SOURCES+=("$4") OWN_OPTIONS+=("${*:5}")
}

# Where the runner's results are, if not those of experiments 1 and 2.
results_in() { # folder of the records, folder of the figures
    RESULTS=$1 FIGURES=$2
}

# The value that the user's options give one of theirs, or else what it is without.
value_of() { # option, what it is without, the user's options
    local option=$1 value=$2
    shift 2
    while [ $# -gt 0 ]; do
        case $1 in
            "$option") value=$2 ;;
            "$option="*) value=${1#*=} ;;
        esac
        shift
    done
    echo "$value"
}

# How many trainings of each classifier the user's options ask for: one, or as many as --seeds has numbers.
trainings() { # the user's options
    local count=0 counting='' option
    for option in "$@"; do
        case $option in
            --seeds) counting=yes ;;
            -*) counting='' ;;
            *) [ -z "$counting" ] || count=$((count + 1)) ;;
        esac
    done
    [ "$count" -gt 0 ] || count=1
    echo "$count"
}

# Whether a folder of images holds any, and no download that was cut short.
has_images() {
    [ ! -d "$1/.download" ] && [ -n "$(find -L "$1/train" "$1/test" -type f \( -iname '*.jpg' -o -iname '*.jpeg' -o -iname '*.png' \) 2>/dev/null | head -n 1)" ]
}

# Run all steps with the user's options.
run_steps() {
    local option
    DRY_RUN='' WHERE='' AGAIN='The same command goes on from there: what was finished is kept.'
    for option in "$@"; do
        case $option in
            -h | --help) show_help && exit ;;
            -d* | --data*)
                [ -n "${SOURCES[2]}" ] || die "it needs both FAKE and REAL; leave $option out."
                die "it does both FAKE and REAL; for one of them: python src/${SCRIPTS[2]} -data FAKE"
                ;;
            --dry-run) DRY_RUN=yes ;;
            --fresh) AGAIN='The same command begins anew; without --fresh it trains only what has no results yet.' ;;
        esac
    done
    trap 'stop 130' INT
    trap 'stop 143' TERM
    trap 'stop 129' HUP
    if [ -n "$DRY_RUN" ]; then
        ask_steps "$@"
    else
        choose_python "$@"
        do_steps "$@"
    fi
}

# Set PYTHON, where the user has not, to that of env/, which is set up first where it is missing.
choose_python() {
    local code=0 base
    if [ -n "$PYTHON" ]; then
        check_own_python
        return
    fi
    if ! env_is_ready "$CUDA"; then
        # A wrong option and missing images are told at once, and not after a set-up of some minutes.
        if base=$(find_python); then
            attend "$base" "$REPOSITORY/src/${SCRIPTS[0]}" "$@" --dry-run >/dev/null || exit
        fi
        attend bash "$REPOSITORY/setup.sh" || code=$?
        [ "$code" -eq 0 ] || exit "$code"
    fi
    PYTHON=$REPOSITORY/env/bin/python
}

do_steps() {
    local i began took code total=${#NAMES[@]} left=0
    # The estimate is what the steps to come take on two cores, scaled by how the steps so far went. It starts as if a minute
    # had gone as expected, so that a first, short step does not decide it.
    local expected=60 taken=60
    for i in "${SECONDS_EXPECTED[@]}"; do left=$((left + i)); done

    for ((i = 0; i < total; i++)); do
        WHERE="step $((i + 1)) of $total (${NAMES[i]})"
        echo
        echo "Step $((i + 1)) of $total: ${NAMES[i]}"
        began=$SECONDS code=0
        do_step "$i" "$@" || code=$?
        if [ "$code" -ne 0 ]; then
            echo "$COMMAND stopped at $WHERE. $AGAIN" >&2
            exit "$code"
        fi
        took=$((SECONDS - began))
        left=$((left - SECONDS_EXPECTED[i]))
        # What takes less than a tenth of its time was there already, and says nothing of the steps to come.
        if [ $((took * 10)) -ge "${SECONDS_EXPECTED[i]}" ]; then
            expected=$((expected + SECONDS_EXPECTED[i])) taken=$((taken + took))
        fi
        if [ $((i + 1)) -lt "$total" ]; then
            echo "Step $((i + 1)) of $total done in $(duration "$took"); $(roughly $((left * taken / expected))) left"
        else
            echo "Step $((i + 1)) of $total done in $(duration "$took")"
        fi
    done
    echo
    local output
    output=$(value_of --output "$REPOSITORY" "$@")
    echo "$COMMAND is complete in $(duration "$SECONDS"). Reports: $output/$RESULTS;"
    echo "figures and tables: $output/$FIGURES."
}

# The step's own source and options come last, so that they stand whatever the options before them.
do_step() { # number, the user's options
    local script=$REPOSITORY/src/${SCRIPTS[$1]} source=${SOURCES[$1]} own=${OWN_OPTIONS[$1]}
    shift
    # shellcheck disable=SC2086 # its own options are words
    attend "$PYTHON" "$script" "$@" ${source:+-data "$source"} $own
}

# --dry-run: every step says what it would do. It needs no env/, since that takes the standard library only.
ask_steps() {
    local i total=${#NAMES[@]} failed=0
    export PYTHONDONTWRITEBYTECODE=1 # no byte code either
    echo "A dry run: nothing is installed, downloaded or written."
    echo "Needed: Python 3.11 to 3.13; CIFAKE in images/, or in the folder named with --images; for VGG16 its weights, 58 MB,"
    echo "which Keras downloads once, unless VGG16_WEIGHTS or --weights names a file."
    if [ -n "$PYTHON" ]; then
        check_own_python
        echo "Python: PYTHON=$PYTHON, so that no env/ is needed and nothing would be installed."
    elif env_is_ready "$CUDA"; then
        PYTHON=$REPOSITORY/env/bin/python
        echo "Python: env/ is there."
    else
        PYTHON=$(find_python) || die "no Python 3.11 to 3.13 was found; install one, or name one with PYTHON=."
        echo "Python: env/ is missing, half-made or older than requirements.txt. setup.sh would make it with $PYTHON:"
        echo "2.5 GB of disk (with CUDA 8 GB), a third of it to download, some minutes."
    fi
    for ((i = 0; i < total; i++)); do
        WHERE="step $((i + 1)) of $total (${NAMES[i]})"
        echo
        echo "Step $((i + 1)) of $total: ${NAMES[i]}"
        if [ "$i" -gt 0 ] && [ "${SCRIPTS[i]}" = create_metadata.py ] && ! has_images "$(value_of --images "$REPOSITORY/images" "$@")"; then
            echo "The metadata would be made from the names of the images, when they are there."
        else
            do_step "$i" "$@" || failed=$((failed + 1))
        fi
    done
    echo
    if [ "$failed" -gt 0 ]; then
        echo "$COMMAND: $failed of $total steps would stop, see above. Nothing was done." >&2
        exit 2
    fi
    echo "Nothing was done."
}

show_help() {
    local python=$PYTHON
    show_usage
    echo
    if [ -n "$python" ] || python=$(find_python); then
        echo "Options, handed to every step; -data is for the Python scripts, a runner does both:"
        "$python" -B "$REPOSITORY/src/create_metadata.py" --help </dev/null | sed -n '/^options:/,$p' | sed 1d
    else
        echo "The options are shown where a Python 3.11 to 3.13 is installed."
    fi
}

# Run a command in the background and wait for it, since bash answers no signal while a command runs in its foreground.
# Job control gives it a process group of its own, so that stop reaches all that it started; without job control, bash would
# have it ignore Ctrl-C.
attend() {
    local code=0
    set -m
    "$@" </dev/null &
    set +m
    wait "$!" || code=$?
    return "$code"
}

# Ctrl-C or a signal: pass it on to what runs, wait for that, and leave nothing behind. It is passed on as SIGTERM, since
# Python answers Ctrl-C with a traceback in the moment before a script has begun. It answers a signal only between two calls
# into TensorFlow, which may take long; nothing is lost by ending it, since the study writes its files whole.
stop() { # exit code
    local group
    trap '' INT TERM HUP
    for group in $(jobs -p); do
        kill -TERM -- "-$group" 2>/dev/null || continue
        for _ in {1..15}; do
            kill -0 -- "-$group" 2>/dev/null || break
            sleep 0.1
        done
        kill -KILL -- "-$group" 2>/dev/null || :
    done
    echo "$COMMAND stopped${WHERE:+ at $WHERE}. $AGAIN" >&2
    exit "$1"
}

duration() { # seconds
    if [ "$1" -lt 60 ]; then
        echo "$1 s"
    else
        echo "$(($1 / 60)) min $(($1 % 60)) s"
    fi
}

roughly() { # seconds
    if [ "$1" -lt 60 ]; then
        echo "less than a minute"
    else
        echo "about $((($1 + 30) / 60)) min"
    fi
}
