# From here on the script is the same for every campaign.

say() {
    printf '%s merge: %s\n' "$(date -u +%Y-%m-%dT%H:%M:%SZ)" "$*"
}

pieces=()
for ((task = 1; task <= tasks; task++)); do
    printf -v piece '%s-%0*d-of-%d.h5' "$stem" "${#tasks}" "$task" "$tasks"
    pieces+=("$piece")
done

say "job ${SLURM_JOB_ID:-?} on ${SLURMD_NODENAME:-$(uname -n)}: $tasks pieces into $record"
# The record gets its name when it is whole: a merge that is started again and finds it was stopped after its last step.
if [ "${SLURM_RESTART_COUNT:-0}" -gt 0 ] && [ -e "$record" ] && [ ${#options[@]} -eq 0 ]; then
    say "done before: $record"
    exit 0
fi
"$trapline" merge "${pieces[@]}" -o "$record" "${options[@]}"
code=$?
case $code in
0) say "done: $record. The pieces are not needed any more" ;;
1) say "failed while running (exit code 1; the reason is above): mend it, then submit the merge again" ;;
2) say "a piece is missing, or the record is in the way (exit code 2; the reason is above)" ;;
126 | 127) say "cannot be started (exit code $code): is $trapline there on this node?" ;;
*) say "ended by a signal (exit code $code); submit the merge again" ;;
esac
exit "$code"
