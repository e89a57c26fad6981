/**
 * Scopes that live in the panel itself, read and set through `cpcmd`.
 *
 * Only where the panel is there: on a mounted copy nobody could answer. Arguments are an array and output is
 * JSON; nothing passes through a shell.
 */

import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { promisify } from 'node:util';
import type { Scope, ScopeValue } from '../../core/index.ts';
import { HoldfastError } from '../../core/index.ts';
import { printable } from '../../core/printable.ts';
import type { ApiscpSettings } from './settings.ts';

const execute = promisify(execFile);
const usualPlaces = ['/usr/bin/cpcmd', '/usr/local/apnscp/bin/cmd', '/usr/local/apiscp/bin/cmd'];
const timeoutMs = 60_000;
const name = 'backups.automatic-database-exports';

export async function panelScopes({ root, cpcmd }: ApiscpSettings): Promise<readonly Scope[]> {
  const live = resolve(root ?? '/') === '/' ? usualPlaces.find((path) => existsSync(path)) : undefined;
  const program = cpcmd ?? live;
  return program === undefined ? [] : [automaticExports(program)];
}

function automaticExports(program: string): Scope {
  const get = async (): Promise<ScopeValue> => {
    const value = await run(program, ['scope:get', name]);
    if (typeof value === 'boolean') return value;
    throw unreadable(`${name} of the panel is neither true nor false`);
  };
  return {
    name,
    help: 'Whether the panel exports every database by itself each night; with false the exports of the backup job are the only ones, taken together with the files. Kept by the panel.',
    values: 'bool',
    default: true,
    get,
    async set(wanted) {
      const value = wanted ?? true;
      if (typeof value !== 'boolean') {
        throw new HoldfastError('CONFIG_INVALID', `${name} takes true or false, or null for true`, {
          hint: `Run holdfast scope info ${name} to see what is allowed.`,
        });
      }
      if ((await get()) === value) return;
      await run(program, ['scope:set', name, String(value)]);
      if ((await get()) !== value) throw unreadable(`the panel did not set ${name}`);
    },
  };
}

const unreadable = (message: string, cause?: unknown): HoldfastError =>
  new HoldfastError('PANEL_UNREADABLE', message, {
    cause,
    hint: `Run cpcmd scope:get ${name} and see what the panel says.`,
  });

async function run(program: string, args: readonly string[]): Promise<unknown> {
  let stdout: string;
  try {
    ({ stdout } = await execute(program, ['-o', 'json', ...args], { timeout: timeoutMs }));
  } catch (cause) {
    const { code, stderr = '' } = cause as { code?: unknown; stderr?: string };
    const said = printable(stderr.trim(), 300);
    const why = said === '' ? `it ended with ${printable(String(code))}` : said;
    throw unreadable(`cpcmd ${args[0]} failed: ${why}`, cause);
  }
  try {
    return JSON.parse(stdout) as unknown;
  } catch (cause) {
    throw unreadable(`cpcmd ${args[0]} printed no JSON`, cause);
  }
}
