# shellcheck shell=bash
# To be sourced, as root: a Slurm cluster of two nodes on this host that lives in the directory `cluster` alone.
: "${cluster:?}"

# Ports below those that the kernel gives away.
free_ports() {  # COUNT
  local port left=$1
  for port in $(shuf -i 20000-30000 -n 100); do
    (: <"/dev/tcp/127.0.0.1/$port") 2>/dev/null && continue
    echo "$port"
    [[ $((left -= 1)) -gt 0 ]] || return
  done
}

# A job has a temporary directory of its own on each node, as if they were two hosts: mpirun's daemons make and remove
# directories of one name there, and in one place for all they now and then take them away from each other.
write_task_prolog() {
  cat >"$cluster/task_prolog" <<P
#!/bin/sh
mkdir -p "$cluster/tmp/\$SLURM_JOB_ID.\$SLURMD_NODENAME"
echo "export TMPDIR=$cluster/tmp/\$SLURM_JOB_ID.\$SLURMD_NODENAME"
P
  chmod +x "$cluster/task_prolog"
}

# cred_expire is also what a requeued job waits for: two minutes by default.
write_configuration() {
  local ports
  mapfile -t ports < <(free_ports 3)
  cat >"$cluster/slurm.conf" <<C
ClusterName=lrc
SlurmctldHost=localhost(127.0.0.1)
SlurmctldPort=${ports[0]}
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket=$cluster/munge.socket,cred_expire=10
StateSaveLocation=$cluster/state
SlurmdSpoolDir=$cluster/spool/%n
SlurmctldPidFile=$cluster/slurmctld.pid
SlurmdPidFile=$cluster/slurmd-%n.pid
SlurmctldLogFile=$cluster/slurmctld.log
SlurmdLogFile=$cluster/slurmd-%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
TaskProlog=$cluster/task_prolog
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
ReturnToService=2
JobRequeue=1
KillWait=10
SchedulerParameters=bf_interval=1,sched_interval=2
SlurmdParameters=config_overrides
NodeName=n1 NodeHostname=localhost NodeAddr=127.0.0.1 Port=${ports[1]} CPUs=8
NodeName=n2 NodeHostname=localhost NodeAddr=127.0.0.1 Port=${ports[2]} CPUs=8
PartitionName=all Nodes=n1,n2 Default=YES MaxTime=INFINITE State=UP
C
  export SLURM_CONF=$cluster/slurm.conf
}

start_munge() {
  head -c 1024 /dev/urandom >"$cluster/munge.key"
  chmod 600 "$cluster/munge.key"
  munged --force --key-file="$cluster/munge.key" --socket="$cluster/munge.socket" --pid-file="$cluster/munged.pid" \
    --log-file="$cluster/munged.log" --seed-file="$cluster/munged.seed" 2>/dev/null
}

start_cluster() {
  mkdir -p "$cluster"/{state,spool}
  write_task_prolog
  write_configuration
  start_munge && slurmctld && slurmd -N n1 && slurmd -N n2
  for _ in $(seq 150); do
    [[ $(sinfo -h -t idle -o %D 2>/dev/null) == 2 ]] && return
    sleep 0.2
  done
  echo "the Slurm cluster does not start:" >&2
  tail -n 5 "$cluster"/*.log >&2
  return 1
}

stop_cluster() {
  local file
  scancel --user=root 2>/dev/null
  for _ in $(seq 100); do
    [[ -n $(squeue -h 2>/dev/null) ]] || break
    sleep 0.2
  done
  for file in "$cluster"/slurm*.pid; do
    [[ -r $file ]] && kill "$(<"$file")" 2>/dev/null
  done
  munged --stop --socket="$cluster/munge.socket" 2>/dev/null
  for _ in $(seq 50); do  # a daemon removes its file when it ends
    compgen -G "$cluster/slurm*.pid" >/dev/null || break
    sleep 0.2
  done
}
