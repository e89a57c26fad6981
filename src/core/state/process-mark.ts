/**
 * Which process wrote a file of the state, so that others can tell whether it still runs.
 *
 * Recognised by number, start and boot: numbers are used again.
 */

import { readFileSync } from 'node:fs';

export interface ProcessMark {
  readonly pid: number;
  /** In clock ticks since boot, as the kernel tells. */
  readonly processStart: string;
  readonly bootId: string;
}

export const ownMark = (): ProcessMark => ({
  pid: process.pid,
  processStart: processStart(process.pid) ?? '',
  bootId: bootId(),
});

export const isAlive = ({ bootId: boot, pid, processStart: start }: ProcessMark): boolean =>
  boot === bootId() && processStart(pid) === start;

const bootId = (): string => readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();

/** Null where there is no such process, or only what is left of it. */
function processStart(pid: number): string | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    // The name in parentheses may hold anything; start time is the 20th field after it.
    const [state, ...fields] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    // One that was killed and that nobody has waited for is none.
    return state === 'Z' || state === 'X' ? null : (fields[18] ?? null);
  } catch {
    return null;
  }
}
