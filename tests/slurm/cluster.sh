# shellcheck shell=bash
# To be sourced: a Slurm cluster of two nodes on this host, as root, in the directory $cluster; stopped by stop_cluster.

cluster_ports() {  # three free ports
  python3 - 2>/dev/null <<'P' || echo 17010 17011 17012
import socket
sockets = [socket.socket() for _ in range(3)]
for s in sockets: s.bind(("127.0.0.1", 0))
print(*(s.getsockname()[1] for s in sockets))
P
}

start_cluster() {
  local ports controller node1 node2
  read -r controller node1 node2 < <(cluster_ports)
  mkdir -p "$cluster"/{state,spool} /run/munge
  cat >"$cluster/slurm.conf" <<C
ClusterName=lrc
SlurmctldHost=localhost(127.0.0.1)
SlurmctldPort=$controller
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
StateSaveLocation=$cluster/state
SlurmdSpoolDir=$cluster/spool/%n
SlurmctldPidFile=$cluster/slurmctld.pid
SlurmdPidFile=$cluster/slurmd-%n.pid
SlurmctldLogFile=$cluster/slurmctld.log
SlurmdLogFile=$cluster/slurmd-%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
ReturnToService=2
JobRequeue=1
MpiDefault=none
KillWait=10
SchedulerParameters=bf_interval=1,sched_interval=2
NodeName=n1 NodeHostname=localhost NodeAddr=127.0.0.1 Port=$node1 CPUs=2 RealMemory=2000
NodeName=n2 NodeHostname=localhost NodeAddr=127.0.0.1 Port=$node2 CPUs=2 RealMemory=2000
PartitionName=all Nodes=n1,n2 Default=YES MaxTime=INFINITE State=UP OverSubscribe=NO
C
  export SLURM_CONF=$cluster/slurm.conf
  [[ -s /etc/munge/munge.key ]] || mungekey --create
  chown -R munge:munge /run/munge /etc/munge /var/log/munge /var/lib/munge
  if ! munge -n >/dev/null 2>&1; then
    setpriv --reuid=munge --regid=munge --clear-groups /usr/sbin/munged --force && own_munged=yes
  fi
  slurmctld
  slurmd -N n1
  slurmd -N n2
  for _ in $(seq 100); do
    [[ $(sinfo -h -t idle -o %D 2>/dev/null) == 2 ]] && return
    sleep 0.2
  done
  echo "the Slurm cluster does not start; see $cluster/*.log" >&2
  tail -n 5 "$cluster"/*.log >&2
  return 1
}

stop_cluster() {
  scancel --user=root 2>/dev/null
  scontrol shutdown 2>/dev/null
  sleep 1
  local file
  for file in "$cluster"/*.pid; do
    [[ -r $file ]] && kill -9 "$(<"$file")" 2>/dev/null
  done
  [[ ${own_munged:-no} == yes ]] && pkill -x munged
  return 0
}
