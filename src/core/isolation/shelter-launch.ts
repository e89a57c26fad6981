/**
 * Starts the process of an addin with what the host gives to protect against it.
 *
 * util-linux does it before a line of JavaScript runs: a mount namespace in which the accounts are covered, a
 * limit on memory, a user of its own without groups, capabilities or the way to new privileges, and an end when
 * Holdfast ends. The script between is constant; every path is an argument of its own.
 */

import { chmodSync, existsSync, mkdirSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Launch } from './addin-process.ts';
import { nodeArguments } from './plain-launch.ts';
import { isReachable, planShelter, type ShelterNeeds } from './shelter-plan.ts';
import { runtimeDirectory } from './store-needs.ts';

/** A directory of its own in the namespace, gone with it. */
export const shelterHome = '/run/holdfast/addin';

const script = `set -eu
umask 022
ulimit -c 0
ulimit -d "$1"
home=$2 user=$3 group=$4 processes=$5
shift 5
[ -z "$processes" ] || prlimit --pid "$$" --nproc="$processes" 2>/dev/null || :
if [ -n "$home" ]; then
  mount -t tmpfs -o "mode=0700,uid=$user,gid=$group,size=64m,nosuid,nodev,noexec" holdfast "$home"
fi
while [ "$1" != run ]; do
  held=$home/.held/$2
  case $1 in
    begin-to-hold) mkdir -m 0700 "$home/.held" ;;
    hold-directory) mkdir "$held"; mount --rbind "$3" "$held" ;;
    hold-file) : >"$held"; mount --bind "$3" "$held" ;;
    copy) cat <"$3" >"$held"; chmod 0400 "$held"; chown "$user:$group" "$held" ;;
    cover) mount -t tmpfs -o mode=0755,size=1m,nosuid,nodev holdfast "$3" ;;
    memory) mount -t tmpfs -o mode=1777,size=64m,nosuid,nodev,noexec holdfast "$3" ;;
    show-directory) mkdir -p "$3"; mount --rbind "$held" "$3" ;;
    show-file) [ -e "$3" ] || { mkdir -p "\${3%/*}"; : >"$3"; }; mount --bind "$held" "$3" ;;
  esac
  shift 3
done
shift
inherited=
for entry in /proc/self/fd/*; do
  number=\${entry##*/}
  [ "$number" -le 3 ] || [ ! -e "$entry" ] || inherited="$inherited $number"
done
exec "$@" "$inherited"`;

const searched = ['/usr/bin', '/bin', '/usr/sbin', '/sbin'];
const safePath = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/** Threads count; each process of an addin has about a dozen, and runs may have several at once. */
const mostProcesses = 1024;
const sharedMemory = '/dev/shm';

/** Absolute path of a program of the system; null where it is not installed. */
export function systemProgram(name: string): string | null {
  return searched.map((directory) => join(directory, name)).find((path) => existsSync(path)) ?? null;
}

export interface Shelter extends ShelterNeeds {
  /** Writable memory of one process: heap, buffers and stacks. */
  readonly memoryMegabytes: number;
  /** It needs the network. */
  readonly network: boolean;
  /** It sees the processes of the system, and what it starts may outlive it. */
  readonly processes: boolean;
  /** Nothing else runs as its user: that one has a limit of processes, and shared memory of its own. */
  readonly bounded: boolean;
  /** Variables that must be there when Node starts; nothing secret. */
  readonly env: Readonly<Record<string, string>>;
}

interface Strength {
  /** Cover directories. */
  readonly namespace: boolean;
  /** See no process but its own; all end with it. Some containers let nobody mount /proc. */
  readonly alone: boolean;
  /** End it with us even where it hangs; old releases of setpriv cannot. */
  readonly deathSignal: boolean;
}

const strengths: readonly Strength[] = [
  { namespace: true, alone: true },
  { namespace: true, alone: false },
  { namespace: false, alone: false },
].flatMap((strength) => [true, false].map((deathSignal) => ({ ...strength, deathSignal })));

/** The strongest first; empty where the host lacks the programs. */
export function shelterLaunches(shelter: Shelter): readonly Launch[] {
  const [sh, setpriv, unshare] = ['sh', 'setpriv', 'unshare'].map(systemProgram);
  if (sh == null || setpriv == null) return [];
  const programs = { sh, setpriv, unshare: unshare ?? null };
  const prepared = { ...shelter, steps: unshare === null ? [] : steps(shelter) };
  const reachable = isReachable(shelter);
  return strengths
    .filter(({ alone }) => !alone || !shelter.processes)
    .filter(({ namespace }) => (namespace ? unshare !== null : reachable))
    .map((strength) => launch(prepared, strength, programs));
}

function launch(
  shelter: Shelter & { readonly steps: readonly string[] },
  { namespace, alone, deathSignal }: Strength,
  { sh, setpriv, unshare }: { sh: string; setpriv: string; unshare: string | null },
): Launch {
  const { uid, gid, network, memoryMegabytes } = shelter;
  if (namespace) makeHome();
  const words = [
    ...[
      '-c',
      script,
      'holdfast',
      String(memoryMegabytes * 1024),
      namespace ? shelterHome : '',
      String(uid),
      String(gid),
      shelter.bounded ? String(mostProcesses) : '',
    ],
    ...(namespace ? shelter.steps : []),
    ...['run', setpriv, '--reuid', String(uid), '--regid', String(gid), '--clear-groups', '--no-new-privs'],
    ...['--inh-caps=-all', '--bounding-set=-all', ...(deathSignal ? ['--pdeathsig', 'KILL'] : [])],
    ...[process.execPath, ...nodeArguments()],
  ];
  const kind = `${namespace ? 'namespace' : 'user'}${alone ? ', alone' : ''}${deathSignal ? '' : ', ends late'}`;
  const own = namespace ? { [runtimeDirectory]: shelterHome } : {};
  const env = { PATH: safePath, ...own, ...shelter.env };
  if (!namespace || unshare === null) return { kind, command: sh, args: words, env, uid };
  const spaces = ['--mount', '--propagation', 'private', ...(network ? [] : ['--net'])];
  if (!alone) return { kind, command: unshare, args: [...spaces, '--', sh, ...words], env, uid };
  // The first process of such a space has a parent that waits for it, which has to end with us as well.
  const args = [...spaces, '--pid', '--mount-proc', '--kill-child=KILL', '--', sh, ...words];
  if (!deathSignal) return { kind, command: unshare, args, env, uid };
  return { kind, command: setpriv, args: ['--pdeathsig', 'KILL', unshare, ...args], env, uid };
}

/** Whoever lives there has to get there, whatever the umask is. */
function makeHome(): void {
  mkdirSync(shelterHome, { recursive: true });
  for (const path of [dirname(shelterHome), shelterHome])
    if ((statSync(path).mode & 0o777) !== 0o755) chmodSync(path, 0o755);
}

function steps(shelter: Shelter): string[] {
  const { covers, shown, copied } = planShelter(shelter);
  const held = [
    ...shown.map(({ kind, ...view }) => ({ ...view, take: `hold-${kind}`, show: `show-${kind}` })),
    ...copied.map((view) => ({ ...view, take: 'copy', show: 'show-file' })),
  ];
  const needed = [...shelter.directories, ...shelter.files].some((path) => path.startsWith(sharedMemory));
  const own = shelter.bounded && !needed && existsSync(sharedMemory);
  return [
    ...(own ? ['memory', '-', sharedMemory] : []),
    ...(held.length > 0 ? ['begin-to-hold', '-', '-'] : []),
    ...held.flatMap(({ from, take }, index) => [take, String(index), from]),
    ...covers.flatMap((path) => ['cover', '-', path]),
    ...held.flatMap(({ path, show }, index) => [show, String(index), path]),
  ];
}
