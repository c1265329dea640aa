#!/usr/bin/env bash
# From nothing to a student that answers questions on a database of one's own: everything that
# antiks does, in order, to be read as much as to be run.
#
#   scripts/from_nothing.sh ANTIKS_BINARY DATABASE.db "QUESTION" [FOLDER]
#
# Takes about twenty minutes on two cores. The lake is made in FOLDER (default: ./lake).
set -euo pipefail
antiks=$(realpath "$1") database=$2 question=$3 lake=${4:-lake}

# What this machine can do, and the hash of the student that antiks brings along.
"$antiks" doctor

# The main job: ten iterations of the offline teacher and nano. Stopped, it goes on.
"$antiks" --lake "$lake" loop

# What happened, in SQL: how scores are spread, and the score after each iteration.
"$antiks" --lake "$lake" query score_distribution
"$antiks" --lake "$lake" query learning_curve

# Nobody needs to believe it: every hash is recomputed, and an iteration is done again.
"$antiks" --lake "$lake" verify
"$antiks" --lake "$lake" replay --iteration 4

# Where the weights that answer from now on came from.
adapter=$("$antiks" --lake "$lake" sql --format csv \
    "select candidate_checkpoint_id from promotions where promoted order by seq desc limit 1" | tail -1)
"$antiks" --lake "$lake" why "$adapter"

# The student at work.
"$antiks" --lake "$lake" ask "$question" --db "$database"
