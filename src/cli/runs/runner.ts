/** What runs schedules on this host, as far as can be seen: for `schedule`, `status` and `doctor`. */

import { readFileSync, readlinkSync } from 'node:fs';
import { daemonPid } from '../../core/state/daemon-lock.ts';
import { callsFor, enabledLinks, unitPaths } from './units.ts';

export interface Runner {
  readonly kind: 'daemon' | 'timer' | 'cron' | 'nothing';
  /** Of a daemon. */
  readonly pid: number | null;
}

/** A unit or a line of another configuration does not count. */
export function runnerOf({ stateDir, dir }: { readonly stateDir: string; readonly dir: string }): Runner {
  const pid = daemonPid(stateDir);
  if (pid !== null) return { kind: 'daemon', pid };
  const isEnabled = enabledLinks.some(({ link, unit }) => unit === unitPaths.timer && isLink(link));
  if (isEnabled && names(unitPaths.service, dir)) return { kind: 'timer', pid: null };
  if (names(unitPaths.cron, dir)) return { kind: 'cron', pid: null };
  return { kind: 'nothing', pid: null };
}

function names(path: string, configDir: string): boolean {
  try {
    return callsFor(readFileSync(path, 'utf8'), configDir);
  } catch {
    return false;
  }
}

function isLink(path: string): boolean {
  try {
    return readlinkSync(path) !== '';
  } catch {
    return false;
  }
}
