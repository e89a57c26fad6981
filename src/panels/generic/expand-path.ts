/**
 * Finds the directories that a path with wildcards names.
 *
 * What stands before the first wildcard is the administrator's word and may be a link. From there on
 * names come from the disk: links are not followed, and a place where somebody else than root could
 * exchange a directory underway is reported instead of trusted.
 */

import { lstatSync, readdirSync, type Stats } from 'node:fs';
import { join } from 'node:path';
import { globToRegExp, isGlob } from '../../core/glob.ts';

export interface FoundDirectory {
  readonly path: string;
  /** The component that fits the last wildcard, else the last one. */
  readonly name: string;
  /** Null where there is no such directory: a rule without wildcards names one that is gone. */
  readonly stat: Stats | null;
  /** Why it must not be captured, or null. */
  readonly problem: string | null;
}

interface Step {
  readonly path: string;
  readonly name: string;
  /** A wildcard came before: the path below is no longer the administrator's word alone. */
  readonly found: boolean;
  readonly problem: string | null;
}

const byNature = new Intl.Collator('en', { numeric: true });

/** By natural order. @throws a system error where a directory before or at the first wildcard cannot be listed */
export function expandPath(pattern: string): FoundDirectory[] {
  let steps: Step[] = [{ path: '/', name: '', found: false, problem: null }];
  for (const part of pattern.split('/').filter((one) => one !== '' && one !== '.')) {
    steps = steps.flatMap((step) => (isGlob(part) ? matching(step, part) : literal(step, part)));
  }
  return steps
    .map(({ path, name, problem }) => ({ path, name, problem, stat: directoryStat(path) }))
    .sort((a, b) => byNature.compare(a.path, b.path) || (a.path < b.path ? -1 : 1));
}

function literal(step: Step, part: string): Step[] {
  const path = join(step.path, part);
  if (!step.found) return [{ ...step, path, name: part }];
  if (directoryStat(path) === null) return [];
  return [{ ...step, path, problem: step.problem ?? exchangeable(step.path) }];
}

function matching(step: Step, part: string): Step[] {
  const fits = globToRegExp(part);
  const steps: Step[] = [];
  for (const bytes of names(step)) {
    const name = bytes.toString();
    const hidden = name.startsWith('.') && !part.startsWith('.');
    if (hidden || !fits.test(name)) continue;
    const whole = Buffer.from(name).equals(bytes);
    const path = join(step.path, name);
    if (whole && directoryStat(path) === null) continue;
    const problem = whole ? (step.found ? exchangeable(step.path) : null) : 'its name is not UTF-8';
    steps.push({ path, name, found: true, problem: step.problem ?? problem });
  }
  return steps;
}

function names(step: Step): Buffer[] {
  try {
    return readdirSync(step.path, 'buffer');
  } catch (error) {
    if (!step.found) throw error;
    return [];
  }
}

function directoryStat(path: string): Stats | null {
  const stat = lstatSync(path, { throwIfNoEntry: false });
  return stat?.isDirectory() ? stat : null;
}

/** Why entries of a directory could be exchanged by somebody else than root or ourselves, or null. */
export function exchangeable(path: string): string | null {
  const stat = lstatSync(path);
  const trusted = stat.uid === 0 || stat.uid === process.getuid?.();
  return trusted && (stat.mode & 0o022) === 0 ? null : `others than root can write ${path}`;
}
