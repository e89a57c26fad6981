/** Threads that fail while they load, as where the host gives a process no memory for them, and those that take long. */

import { existsSync, mkdirSync, mkdtempSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  type CliResult,
  type CliSite,
  ended,
  makeDirectory,
  makeSite,
  startHoldfast,
} from '../support/cli.ts';

let site: CliSite;

beforeAll(() => {
  const dir = makeDirectory();
  for (const name of ['one', 'three', 'two']) {
    mkdirSync(join(dir, 'accounts', name), { recursive: true });
    writeFileSync(join(dir, 'accounts', name, 'page'), 'hello');
  }
  site = makeSite({ panel: { use: 'generic', accounts: [{ path: join(dir, 'accounts/*') }] } }, dir);
});

afterAll(() => site.remove());

/** A backup with two cores, each of whose threads runs this code before all else; `file` is a path to write to. */
function backUp(config: string, code: string): { file: string; result: Promise<CliResult> } {
  const directory = mkdtempSync(join(site.dir, 'threads-'));
  const [preload, file] = [join(directory, 'preload.mjs'), join(directory, 'written')];
  writeFileSync(
    preload,
    `import { appendFileSync } from 'node:fs';
    import { syncBuiltinESMExports } from 'node:module';
    import os from 'node:os';
    import { isMainThread } from 'node:worker_threads';
    os.availableParallelism = () => 2;
    syncBuiltinESMExports();
    const write = () => appendFileSync(${JSON.stringify(file)}, 'x');
    if (!isMainThread) { ${code} }`,
  );
  const env = { ...process.env, NODE_OPTIONS: `--import=${preload}` };
  return { file, result: ended(startHoldfast(['--config', config, 'backup'], env)) };
}

describe('a backup whose threads all die', () => {
  it('fails each account and ends', async () => {
    const { file, result } = backUp(site.config, `write(); throw new Error('no thread here');`);
    const { status, stdout, stderr } = await result;

    expect({ status, stderr }).toEqual({ status: 70, stderr: '' });
    expect(stdout.match(/INTERNAL: a capture thread died: no thread here$/gm)).toHaveLength(3);
    // One that loads early, and for each account two and those in their place; none while nothing waits for it.
    expect(statSync(file).size).toBeLessThanOrEqual(10);
  });
});

describe('a process that ends while a thread loads', () => {
  it('waits for it: its end would abort in the middle of that', async () => {
    const busy = 'for (const begin = Date.now(); Date.now() < begin + 500; );';
    const { file, result } = backUp(join(site.dir, 'none'), `${busy} write();`);
    const { status, stderr } = await result;

    expect(status).toBe(3);
    expect(stderr).toMatch(/^holdfast: CONFIG_INVALID: .*none/);
    expect(existsSync(file)).toBe(true);
  });
});
