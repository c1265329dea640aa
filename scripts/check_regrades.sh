#!/usr/bin/env bash
# Grades the same answers again and again, with other time zones, languages and numbers of
# workers, at other times: the verdicts, with all their evidence, must be the same bytes.
#
#   check_regrades.sh [ANSWERS]        2,500 by default, which makes 10,000 grades
set -euo pipefail
cd "$(dirname "$0")/.."

answers="${1:-2500}"
first=""
while read -r zone language workers; do
    line=$(TZ="$zone" LC_ALL="$language" \
        cargo bench --quiet --locked --bench truth -- grade "$answers" --workers "$workers")
    hash=$(sed 's/.*"hash":"\([0-9a-f]*\)".*/\1/' <<<"$line")
    printf '%-20s %-12s %s workers  %s\n' "$zone" "$language" "$workers" "$hash"
    first="${first:-$hash}"
    if [ "$hash" != "$first" ]; then
        echo "the verdicts differ" >&2
        exit 3
    fi
    # Another second, for whatever looks at the clock.
    sleep 1
done <<'SETTINGS'
UTC C 1
Asia/Kathmandu C.UTF-8 2
America/St_Johns de_DE.UTF-8 3
Pacific/Kiritimati tr_TR.UTF-8 7
SETTINGS
echo "$((answers * 4)) grades, the same bytes each time"
