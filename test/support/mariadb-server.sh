#!/usr/bin/env bash
# Runs a MariaDB server of its own for tests and the demo, beside any that the machine has.
#
#   mariadb-server.sh start DIR PORT [OWNER]   empty server, socket DIR/sock, 127.0.0.1:PORT, root without password
#   mariadb-server.sh stop DIR
#
# DIR must be short (a socket's path has 107 bytes) and is made if absent; what it held is lost. With
# OWNER, a process id, the server stops by itself once that process is gone, however it ended.
# MARIADBD_OPTIONS holds further options of the server, separated by spaces.
# Needs mariadb-server and mariadb-client. As root the server runs as the user mysql.
set -euo pipefail

usage() { sed -n '4,5s/^# *//p' "$0" >&2; exit 2; }
action=${1:-} dir=${2:-} port=${3:-} owner=${4:-}
[ -n "$action" ] && [ -n "$dir" ] || usage

mysqld=$(PATH=$PATH:/usr/sbin:/usr/libexec command -v mariadbd) || { echo 'mariadbd not found: apt-get install mariadb-server' >&2; exit 5; }
as_server=()
[ "$(id -u)" -ne 0 ] || as_server=(setpriv --reuid=mysql --regid=mysql --init-groups --)

running() { # prints the server's pid if it is really ours
  local pid
  pid=$(cat "$dir/pid" 2>/dev/null) || return 1
  tr '\0' '\n' <"/proc/$pid/cmdline" 2>/dev/null | grep -qxF -- "--datadir=$dir/data" || return 1
  echo "$pid"
}

stop() {
  local pid
  pid=$(running) || return 0
  kill -TERM "$pid"
  for _ in $(seq 200); do running >/dev/null || return 0; sleep 0.05; done
  kill -KILL "$pid" 2>/dev/null || true
}

case $action in
  stop) stop ;;
  start)
    [ -n "$port" ] || usage
    mkdir -p "$dir"
    stop
    rm -rf "$dir/data" "$dir/tmp"
    # A place of its own for temporary tables: a server removes what it finds there when it starts.
    mkdir "$dir/data" "$dir/tmp"
    if [ "$(id -u)" -eq 0 ]; then chmod 755 "$dir"; chown mysql: "$dir" "$dir/data" "$dir/tmp"; fi
    "${as_server[@]}" mariadb-install-db --no-defaults --datadir="$dir/data" --basedir=/usr \
      --tmpdir="$dir/tmp" --auth-root-authentication-method=normal --skip-test-db >"$dir/install.log" 2>&1 || { cat "$dir/install.log" >&2; exit 1; }
    "${as_server[@]}" setsid "$mysqld" --no-defaults --datadir="$dir/data" --socket="$dir/sock" --pid-file="$dir/pid" --tmpdir="$dir/tmp" \
      --bind-address=127.0.0.1 --port="$port" --character-set-server=utf8mb4 --event-scheduler=ON --skip-log-bin \
      --innodb-buffer-pool-size=64M --innodb-log-file-size=32M --innodb-flush-log-at-trx-commit=0 \
      --performance-schema=OFF ${MARIADBD_OPTIONS:-} >"$dir/log" 2>&1 </dev/null &
    ready=
    for _ in $(seq 400); do
      if mariadb-admin --no-defaults --user=root --socket="$dir/sock" ping >/dev/null 2>&1; then ready=1; break; fi
      sleep 0.05
    done
    [ -n "$ready" ] || { tail -n 30 "$dir/log" >&2; stop; exit 1; }
    if [ -n "$owner" ]; then
      setsid bash -c 'while kill -0 "$1" 2>/dev/null; do sleep 1; done; "$2" stop "$3"; rm -rf "$3"' \
        watch "$owner" "$(realpath "$0")" "$dir" >/dev/null 2>&1 </dev/null &
    fi
    ;;
  *) usage ;;
esac
