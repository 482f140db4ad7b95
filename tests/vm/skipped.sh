#!/bin/bash
# Says what was skipped, from what tests printed on several kernels, and fails if a test was skipped on all of them.
#
#   skipped.sh LOG...
#
# Each LOG is what the test programs printed on one kernel: run-tests.sh in a virtual machine, or cargo test.
# The first lines have the counts of each log; then come the tests that no kernel ran, with the reasons that
# each gave. The exit status is 1 if there are such.
set -Eeuo pipefail
if [ $# = 0 ]; then echo "usage: skipped.sh LOG..." >&2; exit 2; fi
awk '
    FNR == 1 { logs[++count] = FILENAME }
    # "test [why it is skipped] name ... outcome"; doc tests have blanks in their names.
    /^test .* \.\.\. (ok|ignored|FAILED)$/ && $(NF - 2) !~ /\)$/ {
        name = $(NF - 2)
        # It shows what skipping looks like.
        if (name == "test_without_its_requirement_does_not_run") next
        tally[FILENAME, $NF]++
        if ($NF != "ignored") { ran[name]; next }
        why = ""
        if (match($0, /\[.*\]/)) why = substr($0, RSTART + 1, RLENGTH - 2)
        if (!((name, why) in told)) { told[name, why]; reasons[name] = reasons[name] "\n    " why }
    }
    END {
        for (i = 1; i <= count; i++) {
            log_ = logs[i]
            printf "%s: %d passed, %d failed, %d skipped\n", log_, tally[log_, "ok"], tally[log_, "FAILED"], tally[log_, "ignored"]
            if (!tally[log_, "ok"]) { print "  no test ran there"; bad = 1 }
        }
        for (name in reasons) if (!(name in ran)) { print "skipped on all: " name reasons[name]; bad = 1 }
        exit bad
    }' "$@"
