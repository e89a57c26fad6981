/**
 * The panel's own command, `cpcmd`. Only where the panel is there: on a mounted copy nobody could answer. Arguments are
 * an array and output is JSON; nothing passes through a shell.
 */

import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { promisify } from 'node:util';
import { HoldfastError } from '../../core/index.ts';
import { printable } from '../../core/printable.ts';
import type { ApiscpSettings } from './settings.ts';

const execute = promisify(execFile);
const usualPlaces = ['/usr/bin/cpcmd', '/usr/local/apnscp/bin/cmd', '/usr/local/apiscp/bin/cmd'];
const timeoutMs = 60_000;

/** Its path; undefined where there is none to ask. */
export function findCpcmd({ root, cpcmd }: Pick<ApiscpSettings, 'root' | 'cpcmd'>): string | undefined {
  const live = resolve(root ?? '/') === '/' ? usualPlaces.find((path) => existsSync(path)) : undefined;
  return cpcmd ?? live;
}

/** @throws PANEL_UNREADABLE it failed, or printed no JSON; `what` names the question */
export async function runCpcmd(program: string, args: readonly string[], what = args[0]): Promise<unknown> {
  let stdout: string;
  try {
    ({ stdout } = await execute(program, ['-o', 'json', ...args], { timeout: timeoutMs }));
  } catch (cause) {
    const { code, stderr = '' } = cause as { code?: unknown; stderr?: string };
    const said = printable(stderr.trim(), 300);
    const why = said === '' ? `it ended with ${printable(String(code))}` : said;
    throw unreadable(`cpcmd ${what} failed: ${why}`, args, cause);
  }
  try {
    return JSON.parse(stdout) as unknown;
  } catch (cause) {
    throw unreadable(`cpcmd ${what} printed no JSON`, args, cause);
  }
}

export const unreadable = (message: string, args: readonly string[], cause?: unknown): HoldfastError =>
  new HoldfastError('PANEL_UNREADABLE', message, {
    cause,
    hint: `Run cpcmd ${printable(args.join(' '), 300)} and see what the panel says.`,
  });

/**
 * How many dumps of a database the panel keeps, as the account has set it; null where it has not, or nobody can tell.
 * Never rejects: dumps are then kept as the configuration says.
 */
export async function keptByPanel(program: string, site: string, database: string): Promise<number | null> {
  const args = ['-d', site, 'mysql:get-backup-config', database];
  const answer = await runCpcmd(program, args, args[2]).catch(() => null);
  const hold = (answer as { hold?: unknown } | null)?.hold;
  const kept = typeof hold === 'string' && /^\d+$/.test(hold) ? Number(hold) : hold;
  return typeof kept === 'number' && Number.isInteger(kept) && kept > 0 ? kept : null;
}
