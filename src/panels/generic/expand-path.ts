/**
 * Finds the directories that a path with wildcards names.
 *
 * What stands before the first wildcard is the administrator's word and may be a link. From there on
 * names come from the disk: links are not followed, and a place where somebody else than root could
 * exchange a directory underway is reported instead of trusted. So is a place that cannot be looked at: an
 * account that mounts a file system of its own there has root refused, which must not hide the others.
 */

import { lstatSync, readdirSync, type Stats } from 'node:fs';
import { join } from 'node:path';
import { globToRegExp, isGlob } from '../../core/glob.ts';

export interface FoundDirectory {
  readonly path: string;
  /** The component that fits the last wildcard, else the last one. */
  readonly name: string;
  /** Null where there is no such directory: a rule without wildcards names one that is gone, or none can tell. */
  readonly stat: Stats | null;
  /** Why nobody can tell, or null. */
  readonly unreadable: string | null;
  /** Why it must not be captured, or null. */
  readonly problem: string | null;
}

interface Step {
  readonly path: string;
  readonly name: string;
  /** A wildcard came before: the path below is no longer the administrator's word alone. */
  readonly found: boolean;
  readonly problem: string | null;
  /** It cannot be listed, so what lies below it stays unknown. */
  readonly last?: true;
}

/** Both are null where nothing is there. */
interface Look {
  readonly stat: Stats | null;
  /** Why it cannot be looked at, or null. */
  readonly unreadable: string | null;
}

const byNature = new Intl.Collator('en', { numeric: true });

/** By natural order. @throws a system error where a directory before or at the first wildcard cannot be listed */
export function expandPath(pattern: string): FoundDirectory[] {
  let steps: Step[] = [{ path: '/', name: '', found: false, problem: null }];
  for (const part of pattern.split('/').filter((one) => one !== '' && one !== '.')) {
    steps = steps.flatMap((step) => {
      if (step.last === true) return [step];
      return isGlob(part) ? matching(step, part) : literal(step, part);
    });
  }
  return steps
    .map(({ path, name, problem }) => ({ path, name, problem, ...directoryAt(path) }))
    .sort((a, b) => byNature.compare(a.path, b.path) || (a.path < b.path ? -1 : 1));
}

function literal(step: Step, part: string): Step[] {
  const path = join(step.path, part);
  if (!step.found) return [{ ...step, path, name: part }];
  if (isAbsent(directoryAt(path))) return [];
  return [{ ...step, path, problem: step.problem ?? exchangeable(step.path) }];
}

function matching(step: Step, part: string): Step[] {
  const fits = globToRegExp(part);
  const steps: Step[] = [];
  const listed = names(step);
  if (typeof listed === 'string') return [{ ...step, problem: step.problem ?? listed, last: true }];
  for (const bytes of listed) {
    const name = bytes.toString();
    const hidden = name.startsWith('.') && !part.startsWith('.');
    if (hidden || !fits.test(name)) continue;
    const whole = Buffer.from(name).equals(bytes);
    const path = join(step.path, name);
    if (whole && isAbsent(directoryAt(path))) continue;
    const problem = whole ? (step.found ? exchangeable(step.path) : null) : 'its name is not UTF-8';
    steps.push({ path, name, found: true, problem: step.problem ?? problem });
  }
  return steps;
}

/** Or why an account's directory cannot be listed. */
function names(step: Step): Buffer[] | string {
  try {
    return readdirSync(step.path, 'buffer');
  } catch (error) {
    if (!step.found) throw error;
    const { code } = error as NodeJS.ErrnoException;
    return code === 'ENOENT' || code === 'ENOTDIR' ? [] : unreadable(step.path, error);
  }
}

/** Never throws. Follows no link. */
export function lookAt(path: string): Look {
  try {
    return { stat: lstatSync(path, { throwIfNoEntry: false }) ?? null, unreadable: null };
  } catch (error) {
    return { stat: null, unreadable: unreadable(path, error) };
  }
}

function directoryAt(path: string): Look {
  const look = lookAt(path);
  return look.stat?.isDirectory() ? look : { ...look, stat: null };
}

export const isAbsent = (look: Look): boolean => look.stat === null && look.unreadable === null;

const unreadable = (path: string, error: unknown): string =>
  `${path} cannot be read: ${(error as NodeJS.ErrnoException).code ?? 'unknown'}`;

/** Why entries of a directory could be exchanged by somebody else than root or ourselves, or null. */
export function exchangeable(path: string, look: Look = lookAt(path)): string | null {
  const { stat } = look;
  if (stat === null) return look.unreadable ?? `${path} is missing`;
  const trusted = stat.uid === 0 || stat.uid === process.getuid?.();
  return trusted && (stat.mode & 0o022) === 0 ? null : `others than root can write ${path}`;
}
