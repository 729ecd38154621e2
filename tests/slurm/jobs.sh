# shellcheck shell=bash
# To be sourced: jobs of slurm/lrc_calibrate.slurm, each known by the name of its output directory. Their numbers are in
# `job`, `failures` counts.
: "${project:?}" "${cluster:?}"

declare -A job
work=("$project/configs/quickstart.ini" --model "$project/models/demo-llama"
  --calibration "$project/models/demo-llama/calibration.npy" --sequences 64 --paper --iterations 10 --threads 1)

submit() {  # NAME SBATCH_OPTIONS... [-- LRC_OPTIONS...]
  local name=$1 options=()
  shift
  while [[ $# -gt 0 && $1 != -- ]]; do options+=("$1") && shift; done
  job[$name]=$(sbatch --parsable "${options[@]}" "$project/slurm/lrc_calibrate.slurm" "${work[@]}" --output "$name" "${@:2}")
}

# Two tasks; the second, whose number is that of the whole array, is interrupted.
submit_array() {
  submit array-%a --array 1-2 --nodes 1 --ntasks 2
  local whole=${job[array-%a]} task
  job[array-2]=${whole}_2
  await_work array-2
  for task in 1 2; do job[array-$task]=$(squeue -h -r -t all -j "${whole}_$task" -o %A); done
  scancel --batch --signal=USR1 "${whole}_2"
}

log() { cat "lrc_calibrate-${job[$1]}.out" 2>/dev/null; }
log_says() { log "$1" | grep -q -e "$2"; }
starts() { log "$1" | grep -c "start [0-9]"; }
# An array's last task has the number of the array, for which Slurm lists all tasks.
state_of() { scontrol show job "${job[$1]}" -o 2>/dev/null | sed -n "s/^JobId=${job[$1]} .* JobState=\([A-Z]*\).*/\1/p"; }
has_ended() {
  ! is_lost_at_launch "$1" || start_again "$1"
  [[ $(state_of "$1") =~ ^(COMPLETED|TIMEOUT|CANCELLED|NODE_FAIL)$ ]] || has_failed "$1"
}
# A job on its way to be requeued counts as FAILED for some seconds, too: but then the script has said something else.
has_failed() { [[ $(state_of "$1") == FAILED ]] && log "$1" | tail -n 1 | grep -q "not requeued\|submit .* again"; }
# Where both nodes are one host, a daemon of mpirun may be lost before it has started anything of ours: then the start
# does not count.
is_lost_at_launch() {
  [[ $(state_of "$1") == FAILED ]] && log_says "$1" "ORTE daemon has unexpectedly failed\|ORTE has lost communication" &&
    ! log_says "$1" '^\[ '
}
start_again() {
  echo "$1 starts again"
  rm -f "lrc_calibrate-${job[$1]}.out"
  scontrol requeue "${job[$1]}"
}
has_work() {
  ! is_lost_at_launch "$1" || start_again "$1"
  compgen -G "$1.checkpoint/solves/*.h5" >/dev/null
}
root_rank() { sed -n 's/.*"process": \([0-9]*\).*/\1/p' "$1.checkpoint/leases/"*[0-9]; }

await() {  # SECONDS CONDITION...
  local end=$((SECONDS + $1))
  shift
  until "$@"; do
    [[ $SECONDS -lt $end ]] || return 1
    sleep 0.2
  done
}
await_work() {
  await 60 has_work "$1" && return
  echo "$1 does not begin to work:"
  squeue -t all
  tail -n 20 lrc_calibrate-*.out  # all of them: the log of an array task has a number of its own
  start_again "$1"
  await 90 has_work "$1"
}

failed() {  # CASE WHY
  echo "FAILED $1: $2"
  failures=$((failures + 1))
}

# The job has completed in that many starts, and the output is that of the undisturbed run.
check() {  # NAME CASE STARTS
  await 180 has_ended "$1"
  if [[ $(state_of "$1") != COMPLETED || $(starts "$1") -ne $3 ]]; then
    failed "$2" "job ${job[$1]} is $(state_of "$1") after $(starts "$1") starts:"
    log "$1"
  elif ! diff -r -x lrc_report.json undisturbed "$1"; then
    failed "$2" "the bytes differ"
  else
    echo "passed $2 ($(starts "$1") starts)"
  fi
}

# The job has failed with that message, after that many starts and without an output.
check_refused() {  # NAME CASE MESSAGE STARTS
  await 180 has_ended "$1"
  if [[ $(state_of "$1") == FAILED && $(starts "$1") -eq $4 && ! -d $1 ]] && log_says "$1" "$3"; then
    echo "passed $2: refused"
  else
    failed "$2" "not refused; job ${job[$1]} is $(state_of "$1") after $(starts "$1") starts:"
    log "$1"
  fi
}

# An MPI that knows nothing of srun's PMI: each task believes to be alone.
lonely_mpi() {
  cat <<L
#!/bin/sh
mkdir -p $cluster/mpi.\$SLURM_PROCID
exec env -i PATH="\$PATH" OPENBLAS_NUM_THREADS=1 OMPI_MCA_ess_singleton_isolated=1 \\
  OMPI_MCA_orte_tmpdir_base=$cluster/mpi.\$SLURM_PROCID \\
  SLURM_PROCID=\$SLURM_PROCID SLURM_STEP_NUM_TASKS=\$SLURM_STEP_NUM_TASKS $LRC_CALIBRATE "\$@"
L
}
