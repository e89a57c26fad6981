/** What the numbers were measured on, without which they mean nothing. */

import { cpus, loadavg, release, totalmem } from 'node:os';
import { run } from './measure.ts';

export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly memoryBytes: number;
  readonly kernel: string;
  readonly filesystem: string;
  readonly node: string;
  /** Over the last minute, before anything ran. */
  readonly load: number;
  readonly commit: string;
}

/** A machine as loaded as this has other work to do. */
const busyLoad = 0.5;

export function describeMachine(workDir: string): Machine {
  const [source, type, options] = run(['findmnt', '-no', 'SOURCE,FSTYPE,OPTIONS', '-T', workDir])
    .trim()
    .split(/\s+/);
  return {
    cpu: cpus()[0]?.model ?? 'unknown',
    cores: cpus().length,
    memoryBytes: totalmem(),
    kernel: release(),
    filesystem: `${type} on ${source} (${options})`,
    node: process.version,
    load: loadavg()[0] ?? 0,
    commit: commit(),
  };
}

function commit(): string {
  try {
    const dirty = run(['git', 'status', '--porcelain', '--untracked-files=no']).trim() !== '';
    return run(['git', 'rev-parse', '--short', 'HEAD']).trim() + (dirty ? ', changed' : '');
  } catch {
    return 'unknown';
  }
}

/** Reasons not to trust a run here. */
export function caveatsOf({ load, filesystem, cores }: Machine): string[] {
  const caveats: string[] = [];
  if (load > busyLoad) caveats.push(`the machine is not quiet: load ${load.toFixed(2)}`);
  if (filesystem.startsWith('tmpfs'))
    caveats.push('the work directory is in memory, where sync costs nothing');
  if (cores !== 2) caveats.push(`the targets are for 2 cores, and this machine has ${cores}`);
  return caveats;
}
