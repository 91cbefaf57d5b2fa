# shellcheck shell=bash
# What the study's shell scripts share. run.sh and run-*.sh list their steps and run them; setup.sh and test.sh use the first
# part. Written for bash 3.2, which macOS has.
set -e

# A closed output (>&-) is as good as /dev/null; without one, every echo would fail.
[ -e /dev/fd/1 ] || exec >/dev/null
[ -e /dev/fd/2 ] || exec 2>/dev/null

REPOSITORY=$(CDPATH='' cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
COMMAND=${0##*/}

# PYTHONWARNINGS=error or PYTHONSAFEPATH would stop every step, and so would a random.py on PYTHONPATH. The user's own Python
# keeps PYTHONPATH and PYTHONHOME, because its packages may come from there.
unset PYTHONWARNINGS PYTHONSAFEPATH
[ -n "$PYTHON" ] || unset PYTHONPATH PYTHONHOME

# Break a message at spaces, so that a terminal of 80 columns cuts no word.
say() {
    echo "$1" | fold -s -w 79
}

die() {
    say "$COMMAND: $1" >&2
    exit 2
}

# The comment at the head of a script is its help.
show_usage() {
    sed -n -e 1d -e '/^#/!q' -e 's/^# \{0,1\}//p' "$0"
}

# Version of a Python; fails if it does not run. It imports nothing that a file of the working directory could replace.
version_of() {
    "$1" -c 'import sys; print("%d.%d.%d" % sys.version_info[:3])' 2>/dev/null </dev/null
}

# Version and name of each Python on the PATH, or of PYTHON=. Each is run, because pyenv has commands that only complain.
list_pythons() {
    local name version
    if [ -n "$PYTHON" ]; then set -- "$PYTHON"; else set -- python3.13 python3.12 python3.11 python3 python; fi
    for name in "$@"; do
        version=$(version_of "$name") && echo "$version $name"
    done
    return 0
}

# The first of them that TensorFlow has wheels for.
find_python() {
    local name version
    while read -r version name; do
        case $version in
            3.11.* | 3.12.* | 3.13.*) echo "$name" && return ;;
        esac
    done <<<"$(list_pythons)"
    return 1
}

# The user's own Python may be any version from 3.11, with its packages anywhere.
check_own_python() {
    local version
    version=$(version_of "$PYTHON") ||
        die "PYTHON=$PYTHON is not a Python that runs; name one that is 3.11 or newer, or leave PYTHON out to use env/."
    case $version in
        2.* | 3.[0-9].* | 3.10.*) die "PYTHON=$PYTHON is Python $version; the study needs 3.11 or newer." ;;
    esac
}

# Contents of env/finished; if it is missing or differs, env/ is half-made or older than requirements.txt.
env_contents() { # CUDA: 1 or 0
    cat "$REPOSITORY/requirements.txt"
    echo "# CUDA=$1"
}

# Unless the user asks for CUDA or against it, either will do.
env_is_ready() { # [1 or 0]
    local with_cuda
    "$REPOSITORY/env/bin/python" -c '' 2>/dev/null </dev/null || return 1
    for with_cuda in ${1:-0 1}; do
        env_contents "$with_cuda" | cmp -s - "$REPOSITORY/env/finished" && return
    done
    return 1
}

# ------------------------------------------------------------------------------------------------------ the runners' part

# The two options whose values the runners need themselves.
IMAGES=$REPOSITORY/images OUTPUT=$REPOSITORY previous=''
for option in "$@"; do
    case $previous in --images) IMAGES=$option ;; --output) OUTPUT=$option ;; esac
    case $option in --images=*) IMAGES=${option#*=} ;; --output=*) OUTPUT=${option#*=} ;; esac
    previous=$option
done
case $IMAGES in \~/*) IMAGES=$HOME/${IMAGES#??} ;; esac # as Python does, because bash leaves --images=~/folder alone

# A runner sets these: where its results are, in words, and what percentage of its steps' seconds they will take.
RESULTS='' PACE=100

WEIGHTS=() NAMES=() SCRIPTS=() OWN_OPTIONS=()

# Add a step. Its seconds are those on two processor cores, or 0 if they say nothing about the other steps' time.
step() { # seconds, name, script, [its own options, one word each]
    WEIGHTS+=("$1") NAMES+=("$2") SCRIPTS+=("$3") OWN_OPTIONS+=("${*:4}")
}

# Add the two trainings of a classifier.
classifier() { # name, seconds of each
    step "$2" "$1 on FAKE" "classify_$1.py" -data FAKE
    step "$2" "$1 on REAL" "classify_$1.py" -data REAL
}

# The whole runner of one classifier. The metadata come first because that takes seconds and leaves correct CSVs alone.
run_classifier() { # name, seconds of each training, the user's options
    RESULTS=E1_results
    step 7 "metadata" create_metadata.py
    classifier "$1" "$2"
    run_steps "${@:3}"
}

# Whether there are images in all four folders: CIFAKE's, which appear whole or not at all, or the user's own.
has_images() { # folder
    local part
    for part in train/FAKE train/REAL test/FAKE test/REAL; do
        [ -n "$(find -L "$1/$part" -type f 2>/dev/null | head -n 1)" ] || return 1
    done
}

run_steps() { # the user's options
    local option run=do_steps
    WHERE="the set-up of env/" AGAIN="; the same command continues there"
    for option in "$@"; do
        case $option in
            -h | --help) show_usage && exit ;;
            -d* | --data*)
                case "${OWN_OPTIONS[*]}" in
                    *-data*) die "it does both FAKE and REAL; for one of them: env/bin/python src/${SCRIPTS[2]} -data FAKE" ;;
                    *) die "it needs both FAKE and REAL; leave $option out." ;;
                esac
                ;;
            --dry-run) run=ask_steps ;;
            --fresh) AGAIN="; the same command starts again, but without --fresh it trains only what has no results yet" ;;
        esac
    done
    trap 'stop 130' INT
    trap 'stop 143' TERM
    trap 'stop 129' HUP
    "$run" "$@"
}

# Unless the user has set PYTHON, set it to that of env/, which is made first if it is missing.
choose_python() { # the user's options
    local code=0 base
    if [ -n "$PYTHON" ]; then
        check_own_python
        return
    fi
    if ! env_is_ready "$CUDA"; then
        # Report a wrong option or missing images now, not after a set-up of some minutes.
        if base=$(find_python); then
            attend "$base" "$REPOSITORY/src/${SCRIPTS[0]}" "$@" --dry-run >/dev/null || exit
        fi
        attend bash "$REPOSITORY/setup.sh" || code=$?
        [ "$code" -eq 0 ] || exit "$code"
    fi
    PYTHON=$REPOSITORY/env/bin/python
}

do_steps() { # the user's options
    local i began took code total=${#NAMES[@]} left=0 expected=0 taken=0 estimate
    choose_python "$@"
    for i in "${WEIGHTS[@]}"; do left=$((left + i)); done
    for ((i = 0; i < total; i++)); do
        announce "$i"
        began=$SECONDS code=0
        do_step "$i" "$@" || code=$?
        [ "$code" -ne 2 ] || AGAIN='' # the script has said what to fix
        [ "$code" -eq 0 ] || stopped "$code"
        took=$((SECONDS - began)) left=$((left - WEIGHTS[i])) estimate=''
        if [ "${WEIGHTS[i]}" -gt 0 ]; then expected=$((expected + WEIGHTS[i])) taken=$((taken + took)); fi
        # The steps to come are scaled by how those so far went, starting as if a minute had gone as expected: otherwise a short
        # first step would decide it.
        if [ "$left" -gt 0 ]; then
            estimate="; $(roughly $((left * PACE * (60 + taken) / (60 * 100 + expected * PACE)))) left"
        fi
        echo "Step $((i + 1)) of $total done in $(duration "$took")$estimate"
    done
    echo
    echo "$COMMAND is complete in $(duration "$SECONDS"). Its results, in $OUTPUT:"
    echo "$RESULTS"
}

announce() { # number of a step
    WHERE="step $(($1 + 1)) of ${#NAMES[@]} (${NAMES[$1]})"
    echo
    echo "Step $(($1 + 1)) of ${#NAMES[@]}: ${NAMES[$1]}"
}

# The step's own options come last, so that the user's cannot change them.
do_step() { # number, the user's options
    # shellcheck disable=SC2086 # its own options are words
    attend "$PYTHON" "$REPOSITORY/src/${SCRIPTS[$1]}" "${@:2}" ${OWN_OPTIONS[$1]}
}

# --dry-run: every step says what it would do. That takes the standard library only, so env/ is not needed.
ask_steps() { # the user's options
    local i total=${#NAMES[@]} failed=0
    export PYTHONDONTWRITEBYTECODE=1 # no byte code either
    AGAIN=''
    echo "A dry run: nothing is installed, downloaded or written."
    echo "Needed: Python 3.11 to 3.13; CIFAKE in images/ or in the folder of --images;"
    echo "VGG16's weights, 58 MB, which Keras downloads once unless VGG16_WEIGHTS or"
    echo "--weights names a file."
    if [ -n "$PYTHON" ]; then
        check_own_python
        say "Python: PYTHON=$PYTHON; env/ is not needed and nothing would be installed."
    elif env_is_ready "$CUDA"; then
        PYTHON=$REPOSITORY/env/bin/python
        echo "Python: env/ is there."
    else
        PYTHON=$(find_python) || die "no Python 3.11 to 3.13 was found; install one, or name one with PYTHON=."
        echo "Python: env/ is missing, half-made or older than requirements.txt."
        echo "setup.sh would make it with $PYTHON: 2.5 GB of disk (8 GB with CUDA),"
        echo "a third of it to download, some minutes."
    fi
    for ((i = 0; i < total; i++)); do
        announce "$i"
        if [ "$i" -gt 0 ] && [ "${SCRIPTS[i]}" = create_metadata.py ] && ! has_images "$IMAGES"; then
            echo "The CSVs would be made from the names of the images of step 1."
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

# Run a command in the background and wait for it, because bash answers no signal while a command runs in its foreground. Job
# control gives the command a process group of its own, so that stop reaches everything it started; without job control, bash
# would make it ignore Ctrl-C.
attend() {
    local code=0
    set -m
    "$@" </dev/null &
    set +m
    wait "$!" || code=$?
    return "$code"
}

# Ctrl-C or a signal: pass it on to what is running, wait for that to end, and leave nothing behind. It is passed on as SIGTERM,
# because Python answers Ctrl-C with a traceback in the moment before a script begins. Python answers a signal only between two
# calls into TensorFlow, which may take long; killing it loses nothing, because the study writes every file whole.
stop() { # exit code
    local group groups
    trap '' INT TERM HUP
    groups=$(jobs -p)
    disown -a 2>/dev/null || : # so that bash does not report each of them as killed
    for group in $groups; do
        kill -TERM -- "-$group" 2>/dev/null || continue
        for _ in {1..15}; do
            kill -0 -- "-$group" 2>/dev/null || break
            sleep 0.1
        done
        kill -KILL -- "-$group" 2>/dev/null || :
    done
    stopped "$1"
}

stopped() { # exit code
    say "$COMMAND stopped at $WHERE$AGAIN." >&2
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
