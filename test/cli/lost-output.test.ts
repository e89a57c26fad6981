/** Standard streams that lie on a full disk, or that nobody reads any more. */

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdirSync, openSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { errorCodes } from '../../src/core/errors.ts';
import { type CliSite, main, makeDirectory, makeSite, writeJson } from '../support/cli.ts';

let site: CliSite;
let full: number;
beforeAll(() => {
  const dir = makeDirectory();
  site = makeSite({ panel: { use: 'generic', accounts: [{ path: join(dir, 'home/*') }] } }, dir);
  mkdirSync(join(dir, 'home/anna'), { recursive: true });
  // A pattern that fits nothing is noted, so a run says something to both.
  writeJson(join(site.config, 'addins.d/nightly.json'), {
    name: 'nightly',
    provider: { use: 's3-tar' },
    store: { use: 'local', path: site.store },
    accounts: { include: ['*'], exclude: ['nobody*'] },
    encryption: 'none',
  });
  full = openSync('/dev/full', 'w');
});
afterAll(() => {
  closeSync(full);
  site.remove();
});

type Sink = 'full' | 'pipe' | 'gone';

/** `gone` is a pipe whose reader has left before the first word. */
function start(args: readonly string[], stdout: Sink, stderr: Sink): ChildProcess {
  const [out, err] = [stdout, stderr].map((sink) => (sink === 'full' ? full : 'pipe'));
  const stdio = ['ignore', out!, err!] as const;
  const child = spawn(process.execPath, [main, '--config', site.config, ...args], { stdio: [...stdio] });
  if (stdout === 'gone') child.stdout?.destroy();
  if (stderr === 'gone') child.stderr?.destroy();
  return child;
}

async function endOf(child: ChildProcess): Promise<{ status: unknown; stderr: string }> {
  const [[status], stderr] = await Promise.all([
    once(child, 'exit'),
    child.stderr === null || child.stderr.destroyed ? '' : text(child.stderr),
  ]);
  return { status, stderr };
}

const snapshots = (): number =>
  readdirSync(site.dir, { recursive: true }).filter((name) => String(name).endsWith('.manifest')).length;

describe('output that cannot be written', () => {
  it.each<[string, Sink, Sink]>([
    ['standard output on a full disk', 'full', 'pipe'],
    ['standard output without a reader', 'gone', 'pipe'],
    ['standard error on a full disk', 'pipe', 'full'],
    ['neither with a reader', 'gone', 'gone'],
  ])('stops no backup: %s', async (_, stdout, stderr) => {
    const before = snapshots();
    const end = await endOf(start(['backup'], stdout, stderr));

    expect(end.status).toBe(errorCodes.OUTPUT_UNWRITABLE.exit);
    expect(snapshots()).toBe(before + 1);
    if (stderr === 'pipe')
      expect(end.stderr).toMatch(
        /could not be written: (ENOSPC\nhint: Make room|EPIPE\nhint: Its reader left)/,
      );
  });

  it('keeps the status of an error', async () => {
    const { status } = await endOf(start(['backup', '--account', 'nobody'], 'full', 'full'));

    expect(status).toBe(errorCodes.ACCOUNT_NOT_FOUND.exit);
  });

  it('ends what only shows something where nobody reads it, and without a word', async () => {
    expect(await endOf(start(['accounts'], 'gone', 'pipe'))).toEqual({ status: 141, stderr: '' });
  });
});
