#!/usr/bin/env bash
# Makes the CUDA calls of a program fail, one a run, on the emulator: each call in turn with an unknown error, each allocation and every
# third other call that frees nothing for lack of memory, each executed kernel, copy and fill; and shows it machines without a usable GPU.
#
#   cuda_faults.sh CUEMU PROGRAM [JOBS]     the emulator's wrapper, the program, how many at once (default: the number of cores)
#
# A run is good when the program exits with 0 and no check of the emulator fired. Fails at the first that is not.
set -euo pipefail
cuemu=$1
program=$2
jobs=${3:-$(nproc)}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export CUEMU_STREAMS=lazy CUEMU_THREADS=1
unset CUEMU_FAIL CUEMU_DEVICES CUEMU_CC LUMICROP_TEST_BACKENDS

try() { # OPTIONS...: one run; its output is shown where it is bad
    local output status=0
    output=$(timeout 60 "$cuemu" "$@" -- "$program" 2>&1) || status=$?
    ((status == 0)) && return
    printf '%s\nFAILED with status %d: %s' "$output" "$status" "$cuemu $* -- $program"
    return 255 # ends xargs
}
export -f try
export cuemu program

in_turn() { # WHAT: the options of one run on each line of the input
    local runs began=$SECONDS
    tee "$work/runs" | xargs -P "$jobs" -L 1 bash -c 'try "$@"' try || exit 1
    runs=$(wc -l <"$work/runs")
    ((runs > 0)) || { echo "$1: no run at all"; exit 1; }
    echo "$1: $runs runs, $((SECONDS - began)) s"
}

"$cuemu" --calls "$work/calls" --execs "$work/execs" -- "$program" >"$work/output" || { cat "$work/output"; exit 1; }
calls=$(wc -l <"$work/calls")
frees='Free|Destroy|HostUnregister' allocates='Malloc|HostAlloc|MemPoolCreate'
no_free=$(grep -cvE "$frees" "$work/calls")
execs=$(wc -l <"$work/execs")
allocations=$(grep -cE "$allocates" "$work/calls")
echo "$calls calls, $no_free of them no frees and $allocations of those allocations, $execs executed tasks"

seq -f '--fail any:%.0f=cudaErrorUnknown' "$calls" | in_turn "an unknown error of each call"
grep -vE "$frees" "$work/calls" | awk -v allocates="$allocates" \
    '$0 ~ allocates || NR % 3 == 0 { print "--fail any-no-free:" NR "=cudaErrorMemoryAllocation" }' | in_turn "lack of memory"
seq -f '--fail exec:%.0f=cudaErrorIllegalAddress' "$execs" | in_turn "failure of each executed task"
printf '%s\n' '--devices 0' '--devices -1' '--cc 5.0' '--memory 4M' '--memory 256k' '--memory 64k' |
    in_turn "no device, an old driver, no kernel image, little memory"
