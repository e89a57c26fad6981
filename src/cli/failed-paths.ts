/** Paths that something is wrong with, for people: those with the same words together, and of many only the first. */

import type { AddinConfiguration } from '../core/config/load-configuration.ts';
import { printable } from '../core/printable.ts';
import { plural } from './format.ts';
import type { Output } from './output.ts';

export interface FailedPath {
  readonly path: string;
  readonly message: string;
}

/** Paths that stand below what has become of them. */
const shownPaths = 10;

/**
 * @param told what has been shown with its paths already and gets a single line; this adds to it. Left out: nothing was
 * @returns lines; what belongs to one above it begins with two blanks
 */
export function failedLines(failed: readonly FailedPath[], told: Set<string> = new Set()): string[] {
  const lines: string[] = [];
  for (const [message, paths] of byMessage(failed)) {
    const [first] = paths;
    if (paths.length === 1) {
      lines.push(`${first}: ${message}`);
      continue;
    }
    lines.push(`${plural(paths.length, 'path')}: ${message}`);
    if (told.has(message)) continue;
    told.add(message);
    lines.push(...paths.slice(0, shownPaths).map((path) => `  ${path}`));
    if (paths.length > shownPaths) lines.push(`  and ${paths.length - shownPaths} more, which --json names`);
  }
  return lines;
}

function byMessage(failed: readonly FailedPath[]): Map<string, string[]> {
  const found = new Map<string, string[]>();
  for (const { path, message } of failed) {
    const paths = found.get(message) ?? [];
    paths.push(printable(path, 4096));
    found.set(message, paths);
  }
  return found;
}

/** What a restore could not bring back. */
export function tellFailed(output: Output, failed: readonly FailedPath[]): void {
  for (const line of failedLines(failed)) output.note(line.startsWith(' ') ? line : `failed: ${line}`);
}

/**
 * What to do where a restore could not bring back all.
 *
 * @param again what the same command takes besides
 */
export function wayOut({ copies }: Pick<AddinConfiguration, 'copies'>, again: string): string {
  const names = copies.map(({ name }) => `--copy ${name}`);
  return names.length === 0
    ? 'Where the store has lost something, `holdfast verify --read-data` names it, and `holdfast repair` shows what can be done.'
    : `What the store has lost may be whole in a copy: give the same command with ${again}${names.join(' or ')}.`;
}
