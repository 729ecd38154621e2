#!/usr/bin/env bash
# slurm/lrc_calibrate.slurm on a real Slurm of two nodes on this host: to completion, interrupted and requeued,
# requeued from outside, cancelled and submitted again, by srun, and with an MPI that does not match.
#
#   tests/slurm/run.sh BIN      BIN: holds lrc_calibrate
#
# Needs root and Debian's slurmctld, slurmd, slurm-client and munge; exit code 77 (skipped) where they are not there.
set -uo pipefail
[[ $# -eq 1 ]] || { echo "usage: tests/slurm/run.sh BIN" >&2; exit 2; }
for program in slurmctld slurmd sbatch munged; do
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
trap 'stop_cluster; rm -rf "$cluster"' EXIT
cd "$cluster" || exit 1
start_cluster || exit 1
failures=0

run() { echo "$project/configs/quickstart.ini" --model "$project/models/demo-llama" --calibration "$project/models/demo-llama/calibration.npy" --threads 1 --iterations 30; }
submit() { sbatch --parsable "${options[@]}" "$project/slurm/lrc_calibrate.slurm" $(run) "$@"; }
state_of() { scontrol show job "$1" -o 2>/dev/null | sed -n 's/.*JobState=\([A-Z]*\).*/\1/p'; }
log_of() { cat "lrc_calibrate-$1.out"; }

# await SECONDS CONDITION...: until the command succeeds.
await() {
  local end=$((SECONDS + $1))
  shift
  until "$@" 2>/dev/null; do
    [[ $SECONDS -lt $end ]] || return 1
    sleep 0.2
  done
}
# Slurm holds a requeued job back for two minutes. Some seconds are enough, until its nodes have forgotten the old start.
nudge() {
  local start
  [[ $(state_of "$1") == PENDING ]] || return
  start=$(date -d "$(scontrol show job "$1" -o | sed -n 's/.* StartTime=\([^ ]*\).*/\1/p')" +%s) || return
  [[ $((start - $(date +%s))) -lt 20 ]] || scontrol update JobId="$1" StartTime=now+5
}
ended() {  # a job on its way to being requeued is FAILED for some seconds, too: but then the script has not said its end
  nudge "$1"
  [[ $(state_of "$1") =~ ^(COMPLETED|TIMEOUT|CANCELLED|NODE_FAIL)$ ]] || log_of "$1" | tail -n 1 | grep -q "ended with exit code"
}
is_at_work() { [[ $(ls "$1.checkpoint/solves" | grep -c h5$) -ge ${2:-1} ]]; }

# check NAME JOB OUTPUT: the job has completed, and the output is that of the undisturbed run.
check() {
  await 120 ended "$2"
  if [[ $(state_of "$2") != COMPLETED ]]; then
    echo "FAILED $1: job $2 is $(state_of "$2"):" && log_of "$2"
    failures=$((failures + 1))
  elif ! diff -r -x lrc_report.json undisturbed "$3"; then
    echo "FAILED $1: the bytes differ" && failures=$((failures + 1))
  else
    echo "passed $1 ($(log_of "$2" | grep -c "start [0-9]") starts)"
  fi
}
expect_starts() {
  [[ $(log_of "$1" | grep -c "start [0-9]") -ge $2 ]] && return
  echo "FAILED: job $1 was to start $2 times:" && log_of "$1"
  failures=$((failures + 1))
}

# shellcheck disable=SC2046
"$LRC_CALIBRATE" --config $(run) --output undisturbed 2>/dev/null || { echo "the undisturbed run failed" >&2; exit 1; }

options=(--nodes 2 --ntasks-per-node 1)
job=$(submit --output completed)
check "mpirun over two nodes" "$job" completed

job=$(submit --output signalled)
await 60 is_at_work signalled
scancel --batch --signal=USR1 "$job"  # what --signal=B:USR1@120 sends before the time limit
check "a warning of the time limit, requeued" "$job" signalled
expect_starts "$job" 2

job=$(submit --output limited --time-limit 4)
check "a time limit that takes several starts" "$job" limited
expect_starts "$job" 2

job=$(submit --output requeued)
await 60 is_at_work requeued
scontrol requeue "$job"
check "scontrol requeue in the middle" "$job" requeued
expect_starts "$job" 2

job=$(submit --output cancelled)
await 60 is_at_work cancelled
scancel "$job"
await 60 ended "$job"
[[ -d cancelled ]] && echo "FAILED: the job was done before it was cancelled" && failures=$((failures + 1))
options=(--nodes 1 --ntasks 2)
job=$(submit --output cancelled)
check "scancel, and a new submission on one node" "$job" cancelled

# Over two nodes PMIx does not work where both are one host.
job=$(LRC_LAUNCHER=srun submit --output srun)
check "srun of two tasks" "$job" srun

# An MPI that knows nothing of srun's PMI: each task believes to be alone.
cat >lonely.sh <<L
#!/bin/sh
mkdir -p $cluster/mpi.\$SLURM_PROCID
exec env -i PATH="\$PATH" OPENBLAS_NUM_THREADS=1 OMPI_MCA_ess_singleton_isolated=1 \\
  OMPI_MCA_orte_tmpdir_base=$cluster/mpi.\$SLURM_PROCID \\
  SLURM_PROCID=\$SLURM_PROCID SLURM_STEP_NUM_TASKS=\$SLURM_STEP_NUM_TASKS $LRC_CALIBRATE "\$@"
L
chmod +x lonely.sh
job=$(LRC_LAUNCHER=srun LRC_SRUN_MPI=none LRC_CALIBRATE=$cluster/lonely.sh submit --output mismatched)
await 60 ended "$job"
if log_of "$job" | grep -q "MPI sees only itself" && [[ $(state_of "$job") == FAILED && ! -d mismatched ]]; then
  echo "passed srun with an MPI that does not match: refused"
else
  echo "FAILED: two lonely ranks were not refused; job $job is $(state_of "$job"):" && log_of "$job"
  failures=$((failures + 1))
fi

job=$(submit --output refused --method nonsense)
await 60 ended "$job"
if [[ $(state_of "$job") == FAILED && $(log_of "$job" | grep -c "start [0-9]") == 1 ]]; then
  echo "passed bad options: failed at once, not requeued"
else
  echo "FAILED: bad options: job $job is $(state_of "$job"):" && log_of "$job"
  failures=$((failures + 1))
fi
echo "$failures failures"
[[ $failures -eq 0 ]]
