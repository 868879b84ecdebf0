# From here on the script is the same for every campaign.

task=$((SLURM_ARRAY_TASK_ID))
printf -v piece '%s-%0*d-of-%d.h5' "$stem" "${#tasks}" "$task" "$tasks"
turn=$((${SLURM_RESTART_COUNT:-0} + 1))

say() {
    printf '%s task %d of %d: %s\n' "$(date -u +%Y-%m-%dT%H:%M:%SZ)" "$task" "$tasks" "$*"
}

# Number of finished points that are not in a whole record yet.
finished() {
    find "$piece.parts" -name 'point-*.h5' 2>/dev/null | wc -l
}

# Whether trapline was stopped while it put the record together: all points are finished then.
merging() {
    local file
    for file in "$piece".*-*.part; do
        if [ -e "$file" ]; then return 0; fi
    done
    return 1
}

# What to compute on, where Slurm gave a GPU. Vulkan does not know CUDA_VISIBLE_DEVICES: the GPU is named by its PCI
# address. Without nvidia-smi its number is taken for the place among the adapters.
choose_gpu() {
    local gpu=${CUDA_VISIBLE_DEVICES:-${ROCR_VISIBLE_DEVICES:-${SLURM_JOB_GPUS:-}}} address
    gpu=${gpu%%,*}
    [ -n "$gpu" ] || return 0
    if address=$(nvidia-smi --query-gpu=pci.bus_id --format=csv,noheader --id="$gpu" 2>/dev/null) && [ -n "$address" ]; then
        computing+=(--adapter "$address")
    elif [[ $gpu =~ ^[0-9]+$ ]]; then
        computing+=(--adapter "$gpu")
    fi
}

# Puts this task back into the queue, where it goes on with its points. Only where this turn finished a point, or came
# to the record: a task that does not get on would be started for ever.
again() {
    if [ "$requeue" != yes ]; then
        say "not started again (--no-requeue); submit again to go on"
    elif [ "$(finished)" -le "$before" ] && ! { merging && [ "$turn" -lt 5 ]; }; then
        say "no point was finished in this turn, so another turn would not help: $1"
    else
        say "to be started again, to go on with its points: scontrol requeue $SLURM_JOB_ID"
        # Slurm now ends this script by SIGTERM and SIGKILL.
        trap '' TERM USR1
        scontrol requeue "$SLURM_JOB_ID" || say "Slurm refused; submit again to go on"
    fi
}

stop='' child=''
# shellcheck disable=SC2317 # called by the traps
tell_trapline() {
    stop=$1
    say "$2; stopping trapline, the points that are finished are kept"
    [ -z "$child" ] || kill -TERM "$child" 2>/dev/null
}
trap 'tell_trapline time "the time limit is near (SIGUSR1)"' USR1
trap 'tell_trapline told "told to end (SIGTERM: cancelled, requeued, preempted, or the node goes down)"' TERM

say "job ${SLURM_ARRAY_JOB_ID:-?}_$task on ${SLURMD_NODENAME:-$(uname -n)}, turn $turn: $piece"
# A file server may hold the lock of a node that was lost for some time yet.
if [ "$turn" -gt 1 ] && [ -e "$piece.parts/lock" ] && type flock >/dev/null 2>&1; then
    flock --wait 300 "$piece.parts/lock" true || say "the lock $piece.parts/lock is still held"
fi
before=$(finished)
if [ "$gpu" = yes ]; then
    choose_gpu
elif [ "$threads" = yes ] && [ -n "${SLURM_CPUS_ON_NODE:-}" ]; then
    computing+=(--threads "$SLURM_CPUS_ON_NODE")
fi

if [ -z "$stop" ]; then
    # The program tells its number, and a shell that no signal ends its exit code. Simpler would be to start it with &
    # and to wait for it; but bash loses the code where a signal comes as the program ends, and Slurm may signal both.
    exec 3< <(
        # Not '', which the program would inherit.
        trap : TERM USR1
        # The summary of one piece is mostly gaps, and is not kept; `trapline show` prints that of the merged record.
        bash -c 'echo "$$"; exec "$@" >/dev/null' bash "$trapline" run "$campaign" --shard "$task/$tasks" -o "$stem.h5" \
            --resume "${options[@]}" "${computing[@]}"
        echo "$?"
    )
    read -r child <&3
    # Told before the number was known.
    [ -z "$stop" ] || kill -TERM "$child" 2>/dev/null
    read -r code <&3
fi
# Not begun, or ended with all that belongs to it.
: "${code:=143}"

case $code in
0) say "done: $piece" ;;
1) say "failed while running (exit code 1; the reason is above). Finished points are kept: mend it, then submit again" ;;
2) say "wrong usage, or the record is in the way or in use (exit code 2; the reason is above): unchanged, it would fail again" ;;
126 | 127) say "cannot be started (exit code $code): is $trapline there on this node?" ;;
*)
    if [ "$stop" = time ]; then
        say "out of time (exit code $code)"
        again "give more --time than the longest point takes"
    elif [ "$code" = 137 ] && [ -z "$stop" ]; then
        say "trapline was killed (SIGKILL, exit code 137): by the system for lack of memory, or by somebody"
        again "give more --mem, or see who killed it"
    else
        say "ended by a signal (exit code $code). Finished points are kept: unless Slurm starts it again, submit again"
    fi
    ;;
esac
exit "$code"
