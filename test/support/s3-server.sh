#!/usr/bin/env bash
# A real S3 service for tests: Ceph RADOS Gateway with one monitor and one OSD, in memory, on 127.0.0.1,
# everything under DIR. No systemd, no mgr, no cephx.
#
#   s3-server.sh run DIR       start, print "ready ENDPOINT", then serve until stdin closes or TERM; leaves nothing
#   s3-server.sh down DIR      take the gateway away, keep the data
#   s3-server.sh up DIR        bring the gateway back on the same port
#   s3-server.sh admin DIR ... radosgw-admin
#
# `run` holds its caller's pipe on stdin: when the caller dies, by whatever signal, the pipe closes and
# the daemons go with it. Environment: S3_ACCESS_KEY, S3_SECRET_KEY, S3_LIFECYCLE_DAY (seconds that a
# day of lifecycle rules has; a real day where unset: looking for work every second or two costs a tenth of a core),
# S3_STORE (memstore, or bluestore: a sparse file below DIR, for what does not fit into memory).
set -euo pipefail

command=${1:?run, down, up or admin}
dir=${2:?a directory}
conf=$dir/ceph.conf
export CEPH_CONF=$conf PATH=$PATH:/usr/sbin:/sbin
patience=60

fail() {
  echo "s3-server: $1" >&2
  tail -n 20 "$dir"/*.log >&2 2>/dev/null || true
  exit 1
}

# A pid counts only while the process still names our configuration: pids are used again.
is_ours() {
  local pid
  pid=$(cat "$dir/$1.pid" 2>/dev/null) && tr '\0' ' ' <"/proc/$pid/cmdline" 2>/dev/null | grep -qF -- "$conf"
}

kill_daemon() { # daemon: and wait until it is gone
  local pid
  if is_ours "$1"; then
    pid=$(cat "$dir/$1.pid")
    kill -KILL "$pid" 2>/dev/null || true
    while is_ours "$1"; do sleep 0.02; done
  fi
  rm -f "$dir/$1.pid"
}

answers() { curl -fsS --noproxy '*' -m 5 -o /dev/null "http://127.0.0.1:$(cat "$dir/port")/"; }

# A killed gateway leaves watches behind, for which the next one waits half a minute; a terminated one
# closes its port at once and then takes up to ten seconds to go. So it goes by itself, unwatched.
retire_gateway() {
  is_ours gateway || return 0
  kill -TERM "$(cat "$dir/gateway.pid")"
  for _ in $(seq 500); do
    answers 2>/dev/null || break
    sleep 0.02
  done
  mv "$dir/gateway.pid" "$dir/retired-$(cat "$dir/gateway.pid").pid"
}

# The caller and its pipes may be gone already. Nothing is worth a graceful end: all data goes too.
end_all() {
  trap '' TERM INT HUP PIPE
  exec >/dev/null 2>&1
  for pid_file in "$dir"/*.pid; do kill_daemon "$(basename "$pid_file" .pid)"; done
  rm -rf "$dir"
}

launch() { # daemon command...: without our stdin, so that it cannot hold the caller's pipe
  local daemon=$1
  shift
  setsid "$@" >"$dir/$daemon.log" 2>&1 </dev/null &
  echo $! >"$dir/$daemon.pid"
  # Until it is the daemon and no longer a copy of this shell, which is_ours would not know.
  until is_ours "$daemon" || ! kill -0 $! 2>/dev/null; do sleep 0.01; done
}

await() { # daemon command...: until the command succeeds; a daemon that dies fails at once
  local daemon=$1 deadline=$((SECONDS + patience))
  shift
  until "$@" >/dev/null 2>&1; do
    is_ours "$daemon" || fail "$daemon died"
    [ $SECONDS -lt $deadline ] || fail "$daemon was not ready within $patience s"
    sleep 0.05
  done
}

# Two ports nobody listens on; taken one after the other from a random start.
free_port() {
  local port=$1
  while (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; do port=$((port + 1)); done
  echo "$port"
}

# Without tcp_nodelay nearly every small answer waits 40 ms.
gateway() {
  launch gateway radosgw -c "$conf" -n client.rgw -f \
    --rgw_frontends "beast endpoint=127.0.0.1:$(cat "$dir/port") tcp_nodelay=1"
  await gateway answers
}

configure() { # monitor's port
  cat >"$conf" <<CONF
[global]
fsid = $fsid
mon_host = v2:127.0.0.1:$1/0
ms_bind_msgr1 = false
ms_bind_ipv6 = false
public_addr = 127.0.0.1
cluster_addr = 127.0.0.1
auth_cluster_required = none
auth_service_required = none
auth_client_required = none
# Secure mode needs cephx.
ms_mon_cluster_mode = crc
ms_mon_service_mode = crc
ms_mon_client_mode = crc
ms_cluster_mode = crc
ms_service_mode = crc
ms_client_mode = crc
keyring = $dir/none
run_dir = $dir
crash_dir = $dir
# A socket's path is limited to 107 bytes.
admin_socket =
log_to_stderr = true
err_to_stderr = true
log_file =
mon_cluster_log_file =
mon_cluster_log_to_file = false
debug_default = 0
osd_pool_default_size = 1
osd_pool_default_min_size = 1
osd_pool_default_pg_num = 1
osd_pool_default_pgp_num = 1
osd_pool_default_pg_autoscale_mode = off
mon_allow_pool_size_one = true
# The gateway's first start makes a dozen pools, one map change each.
paxos_propose_interval = 0.02
paxos_min_wait = 0.01
mon_data_avail_crit = 1
mon_data_avail_warn = 2
[mon]
mon_data = $dir/mon
mon_initial_members = a
[osd]
osd_data = $dir/osd
osd_objectstore = ${S3_STORE:-memstore}
memstore_device_bytes = 6Gi
bluestore_block_size = 32Gi
bluestore_fsck_quick_fix_on_mount = false
osd_memory_target = 1Gi
osd_class_update_on_start = false
osd_numa_auto_affinity = false
osd_op_num_shards = 2
[client]
rgw_lc_debug_interval = ${S3_LIFECYCLE_DAY:--1}
rgw_lc_lock_max_time = 10
rgw_gc_obj_min_wait = 5
rgw_gc_processor_period = 5
rgw_dynamic_resharding = false
rgw_override_bucket_index_max_shards = 1
rgw_enable_usage_log = false
rgw_enable_ops_log = false
rgw_thread_pool_size = 128
CONF
}

run() {
  for tool in ceph-mon ceph-osd radosgw radosgw-admin ceph monmaptool curl; do
    command -v $tool >/dev/null || fail "$tool is missing: apt-get install --no-install-recommends radosgw ceph-mon ceph-osd curl"
  done
  trap end_all EXIT
  trap 'exit 1' TERM INT HUP
  mkdir -p "$dir/mon" "$dir/osd"
  local osd_id monitor
  fsid=$(cat /proc/sys/kernel/random/uuid)
  osd_id=$(cat /proc/sys/kernel/random/uuid)
  free_port $((20000 + RANDOM % 10000)) >"$dir/port"
  monitor=$(free_port $((31000 + RANDOM % 1500)))
  configure "$monitor"

  {
    monmaptool --create --clobber --fsid "$fsid" --addv a "[v2:127.0.0.1:$monitor/0]" "$dir/monmap"
    ceph-mon -i a --mkfs --monmap "$dir/monmap"
  } >"$dir/setup.log" 2>&1 || fail 'the monitor could not be set up'
  launch mon ceph-mon -c "$conf" -i a -f
  await mon ceph --connect-timeout 5 mon stat
  { ceph osd new "$osd_id" 0 && ceph-osd -i 0 --mkfs --osd-uuid "$osd_id"; } >>"$dir/setup.log" 2>&1 ||
    fail 'the OSD could not be set up'
  launch osd ceph-osd -c "$conf" -i 0 -f
  await osd sh -c "ceph osd stat | grep -q '1 up'"
  # Before the gateway: both make the default zone, and at the same time they could race.
  timeout $patience radosgw-admin user create --uid=tester --display-name=tester \
    --access-key="${S3_ACCESS_KEY:?}" --secret-key="${S3_SECRET_KEY:?}" >>"$dir/setup.log" 2>&1 ||
    fail 'the user could not be made'
  gateway
  echo "ready http://127.0.0.1:$(cat "$dir/port")"
  # Until the caller is gone.
  cat >/dev/null || true
}

case $command in
  run) run ;;
  down) retire_gateway ;;
  up) is_ours gateway || gateway ;;
  admin) shift 2; exec radosgw-admin -c "$conf" "$@" ;;
  *) fail "unknown command $command" ;;
esac
