#!/usr/bin/env bash
# Tests `trapline slurm` against a real Slurm: starts one of a single node, without systemd and apart from any that is
# there, runs a command with it (`cargo test` of tests/cli/slurm.rs by default), and stops it again.
#
#     scripts/slurm-test.sh                     # the tests
#     scripts/slurm-test.sh bash                # a shell with sbatch, squeue, scontrol of this Slurm
#
# Needs munged, slurmctld, slurmd and sbatch; on Debian and Ubuntu: apt-get install slurm-wlm munge
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# Debian keeps the daemons there, out of the PATH of people.
PATH=$PATH:/usr/sbin:/sbin

say() { printf 'slurm-test: %s\n' "$*" >&2; }
die() {
    say "error: $*"
    exit 1
}

for tool in munged slurmctld slurmd sbatch scontrol; do
    type "$tool" >/dev/null 2>&1 || die "$tool is missing. Install it, or ask for it: sudo apt-get install slurm-wlm munge"
done

# Short: a socket's path has 108 bytes at most.
place=$(mktemp -d /tmp/slurm.XXXXXX)
daemons=()
stop() {
    local code=$? pid
    trap - EXIT
    # The last that was started first. Only those that are: what they started ends with them.
    scancel --user="$(id -un)" 2>/dev/null || true
    for ((i = ${#daemons[@]} - 1; i >= 0; i--)); do
        pid=${daemons[i]}
        kill "$pid" 2>/dev/null || true
        for _ in {1..50}; do
            kill -0 "$pid" 2>/dev/null || break
            sleep 0.1
        done
        kill -KILL "$pid" 2>/dev/null || true
        wait "$pid" 2>/dev/null || true
    done
    if [ "$code" = 0 ]; then
        rm -rf "$place"
    else
        say "the logs of the daemons are kept in $place"
        tail -n 5 "$place"/*.log >&2 || true
    fi
    exit "$code"
}
trap stop EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# A daemon in the foreground, so that its number is known.
start() {
    local log=$place/$1.log
    shift
    "$@" >>"$log" 2>&1 &
    daemons+=($!)
}

free_port() {
    local port
    for _ in {1..50}; do
        port=$((20000 + RANDOM % 20000))
        (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null || { echo "$port" && return; }
    done
    die "no free port found"
}

mkdir -m 700 "$place/state" "$place/spool" "$place/munge"
head -c 1024 /dev/urandom >"$place/munge/key"
chmod 600 "$place/munge/key"
cat >"$place/slurm.conf" <<EOC
ClusterName=trapline
SlurmctldHost=$(hostname -s)(127.0.0.1)
SlurmctldPort=$(free_port)
SlurmdPort=$(free_port)
SlurmUser=$(id -un)
SlurmdUser=$(id -un)
AuthType=auth/munge
# A task that is requeued waits for this many seconds, 120 by default.
AuthInfo=socket=$place/munge/socket,cred_expire=5
CredType=cred/munge
StateSaveLocation=$place/state
SlurmdSpoolDir=$place/spool
SlurmctldPidFile=$place/slurmctld.pid
SlurmdPidFile=$place/slurmd.pid
MailProg=/bin/true
MpiDefault=none
SwitchType=switch/none
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SchedulerParameters=sched_interval=2,bf_interval=2
SlurmdParameters=config_overrides
GresTypes=gpu
ReturnToService=2
JobRequeue=1
KillWait=10
InactiveLimit=0
# More processors than a small machine has: four tasks shall run at the same time.
NodeName=localhost NodeHostname=$(hostname -s) NodeAddr=127.0.0.1 CPUs=8 Gres=gpu:2 State=UNKNOWN
PartitionName=test Nodes=localhost Default=YES MaxTime=INFINITE State=UP
EOC
: >"$place/cgroup.conf"
# Slurm's side of GPUs: two devices that are none, so that tasks are told which is theirs.
printf 'NodeName=localhost Name=gpu File=%s\n' /dev/null /dev/zero >"$place/gres.conf"
export SLURM_CONF=$place/slurm.conf

start munged munged --foreground --force --key-file="$place/munge/key" --socket="$place/munge/socket" \
    --pid-file="$place/munge/pid" --log-file="$place/munge/log" --seed-file="$place/munge/seed"
for _ in {1..100}; do
    [ -S "$place/munge/socket" ] && break
    sleep 0.1
done
start slurmctld slurmctld -D -f "$SLURM_CONF"
start slurmd slurmd -D -N localhost -f "$SLURM_CONF"
for _ in {1..300}; do
    [ "$(sinfo --noheader --format=%T 2>/dev/null)" = idle ] && break
    sleep 0.1
done
[ "$(sinfo --noheader --format=%T 2>/dev/null)" = idle ] || die "Slurm did not come up"
say "$(sbatch --version) is up"

export TRAPLINE_SLURM=1
if [ $# -gt 0 ]; then
    "$@"
else
    skip=
    if [ "${TRAPLINE_SKIP_GPU_TESTS:-}" = 1 ]; then skip="--skip on_the_gpu"; fi
    # shellcheck disable=SC2086 # several words
    cargo test --workspace ${TRAPLINE_FEATURES:-} ${CARGO_FLAGS:-} --test cli -- --ignored $skip slurm::
fi
