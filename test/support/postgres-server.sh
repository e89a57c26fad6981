#!/usr/bin/env bash
# Runs a PostgreSQL server of its own for tests and the demo, beside any that the machine has.
#
#   postgres-server.sh start DIR PORT [OWNER]   empty server, socket in DIR, 127.0.0.1:PORT, everyone trusted
#   postgres-server.sh stop DIR
#
# DIR must be short (a socket's path has 107 bytes) and is made if absent; what it held is lost. With
# OWNER, a process id, the server stops by itself once that process is gone, however it ended.
# Needs postgresql and postgresql-client. As root the server runs as the user postgres, since it refuses uid 0.
set -euo pipefail

usage() { sed -n '4,5s/^# *//p' "$0" >&2; exit 2; }
action=${1:-} dir=${2:-} port=${3:-} owner=${4:-}
[ -n "$action" ] && [ -n "$dir" ] || usage

bin=$(printf '%s\n' /usr/lib/postgresql/*/bin /usr/pgsql-*/bin | while read -r d; do [ ! -x "$d/initdb" ] || echo "$d"; done | sort -V | tail -n 1)
[ -n "$bin" ] || { echo 'initdb not found: apt-get install postgresql' >&2; exit 5; }
as_server=()
[ "$(id -u)" -ne 0 ] || as_server=(setpriv --reuid=postgres --regid=postgres --init-groups --)

stop() {
  [ ! -f "$dir/data/postmaster.pid" ] || (cd / && "${as_server[@]}" "$bin/pg_ctl" -D "$dir/data" -m immediate -w stop >/dev/null 2>&1) || true
}

case $action in
  stop) stop ;;
  start)
    [ -n "$port" ] || usage
    mkdir -p "$dir"
    stop
    rm -rf "$dir/data"
    if [ "$(id -u)" -eq 0 ]; then chmod 755 "$dir"; chown postgres: "$dir"; fi
    cd "$dir"
    "${as_server[@]}" "$bin/initdb" -D "$dir/data" -U postgres -A trust -E UTF8 --locale=C.UTF-8 --no-sync \
      >"$dir/install.log" 2>&1 || { cat "$dir/install.log" >&2; exit 1; }
    settings="-p $port -k $dir -c listen_addresses=127.0.0.1 -c shared_buffers=64MB -c max_connections=150"
    settings="$settings -c fsync=off -c full_page_writes=off -c synchronous_commit=off"
    "${as_server[@]}" "$bin/pg_ctl" -D "$dir/data" -l "$dir/log" -o "$settings" -w start >/dev/null 2>&1 ||
      { tail -n 30 "$dir/log" >&2; exit 1; }
    if [ -n "$owner" ]; then
      setsid bash -c 'while kill -0 "$1" 2>/dev/null; do sleep 1; done; "$2" stop "$3"; rm -rf "$3"' \
        watch "$owner" "$(realpath "$0")" "$dir" >/dev/null 2>&1 </dev/null &
    fi
    ;;
  *) usage ;;
esac
