#!/usr/bin/env bash
# slurm/lrc_calibrate.slurm on a real Slurm of two nodes on this host. However a job is interrupted, its output is in the
# end that of an undisturbed run.
#
#   tests/slurm/run.sh BIN      BIN: holds lrc_calibrate
#
# Needs root and Debian's slurmctld, slurmd, slurm-client and munge; exit code 77 (skipped) where they are not there.
set -uo pipefail
[[ $# -eq 1 ]] || { echo "usage: tests/slurm/run.sh BIN" >&2; exit 2; }
for program in slurmctld slurmd sbatch munged mpirun; do
  command -v $program >/dev/null || { echo "skipped: $program is not installed"; exit 77; }
done
[[ $EUID -eq 0 ]] || { echo "skipped: needs root to start slurmd"; exit 77; }

export LRC_CALIBRATE
LRC_CALIBRATE=$(realpath "$1")/lrc_calibrate
project=$(realpath "$(dirname "$0")/../..")
cluster=$(mktemp -d)
# shellcheck source=jobs/local_mpi.sh
source "$project/jobs/local_mpi.sh"
# shellcheck source=tests/slurm/cluster.sh
source "$project/tests/slurm/cluster.sh"
# shellcheck source=tests/slurm/jobs.sh
source "$project/tests/slurm/jobs.sh"
trap 'stop_cluster; rm -rf "$cluster"' EXIT
cd "$cluster" || exit 1
start_cluster || { echo "skipped: Slurm does not start on this machine"; exit 77; }
failures=0

"$LRC_CALIBRATE" --config "${work[@]}" --output undisturbed 2>/dev/null ||
  { echo "the undisturbed run failed" >&2; exit 1; }
two_nodes=(--nodes 2 --ntasks-per-node 1)
one_node=(--nodes 1 --ntasks 2)

# Disturbed one after the other, they go on together; then the results are looked at.
submit completed "${two_nodes[@]}"
submit warned "${two_nodes[@]}"
await_work warned
scancel --batch --signal=USR1 "${job[warned]}"  # as --signal does before the time limit
submit requeued "${two_nodes[@]}"
await_work requeued
scontrol requeue "${job[requeued]}"
submit killed "${two_nodes[@]}"
await_work killed
kill -KILL "$(root_rank killed)"
submit hung "${one_node[@]}" --nodelist n1
await_work hung
kill -STOP "$(pgrep -f "mpirun.*--output hung")"
kill -KILL "$(root_rank hung)"
scancel --batch --signal=USR1 "${job[hung]}"
submit cancelled "${two_nodes[@]}"
await_work cancelled
scancel "${job[cancelled]}"
await 60 has_ended cancelled
[[ ! -d cancelled ]] || failed "scancel" "the job was done before it was cancelled"
submit cancelled "${one_node[@]}"

check completed "mpirun over two nodes" 1
check warned "a warning of the time limit" 2
check requeued "scontrol requeue" 2
check killed "a rank killed" 2
check cancelled "scancel, and a new submission on one node" 1

submit lost_node "${two_nodes[@]}"
await_work lost_node
scontrol update NodeName=n2 State=DOWN Reason=lost
scontrol update NodeName=n2 State=RESUME

# Over two nodes PMIx does not work where both are one host.
LRC_LAUNCHER=srun submit by_srun "${one_node[@]}"
LRC_LAUNCHER=srun submit srun_warned "${one_node[@]}"
await_work srun_warned
scancel --batch --signal=USR1 "${job[srun_warned]}"
LRC_LAUNCHER=srun submit srun_killed "${one_node[@]}"
await_work srun_killed
kill -KILL "$(root_rank srun_killed)"
submit_array
check lost_node "a node lost" 2
check by_srun "srun" 1
check srun_warned "srun, a warning of the time limit" 2
check srun_killed "srun, a rank killed" 2
for task in 1 2; do check array-$task "an array's task $task, requeued by itself" $task; done

check hung "an mpirun that hangs" 2

# Slurm's own warning, half a minute after the start at the latest. Until then a rank is held, or the job would be done.
LRC_MAX_REQUEUES=1 submit own_limit "${two_nodes[@]}" -- --time-limit 1
submit slurm_limit "${two_nodes[@]}" --time 1
await_work slurm_limit
kill -STOP "$(root_rank slurm_limit)"
await 60 log_says slurm_limit "Slurm warns"
scontrol update JobId="${job[slurm_limit]}" TimeLimit=10
kill -CONT "$(root_rank slurm_limit)"
check_refused own_limit "--time-limit, and the requeues are used up" "interrupted after 1 requeues" 2
submit own_limit "${two_nodes[@]}"
check own_limit "a new submission after that" 1
check slurm_limit "Slurm's time limit" 2

# What is killed before it has committed anything gets a second chance, and no third.
cat >doomed.sh <<<'#!/bin/sh
mkdir -p doomed.checkpoint && echo RESUMABLE >doomed.checkpoint/state && kill -KILL $$'
chmod +x doomed.sh
LRC_CALIBRATE=$cluster/doomed.sh submit doomed "${one_node[@]}"
check_refused doomed "killed without getting on" "killed twice" 2

lonely_mpi >lonely.sh
chmod +x lonely.sh
LRC_LAUNCHER=srun LRC_SRUN_MPI=none LRC_CALIBRATE=$cluster/lonely.sh submit mismatched "${one_node[@]}"
check_refused mismatched "srun with an MPI that does not match" "MPI sees only itself" 1
submit nonsense "${two_nodes[@]}" -- --method nonsense
check_refused nonsense "bad options" "--method" 1

echo "$failures failures, $SECONDS s"
[[ $failures -eq 0 ]]
