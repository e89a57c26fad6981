/** Threads that end while they load, as where the host gives a process no memory for them. */

import { mkdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type CliSite, ended, makeDirectory, makeSite, startHoldfast } from '../support/cli.ts';

let site: CliSite;

beforeAll(() => {
  const dir = makeDirectory();
  for (const name of ['one', 'three', 'two']) {
    mkdirSync(join(dir, 'accounts', name), { recursive: true });
    writeFileSync(join(dir, 'accounts', name, 'page'), 'hello');
  }
  site = makeSite({ panel: { use: 'generic', accounts: [{ path: join(dir, 'accounts/*') }] } }, dir);
  writeFileSync(
    join(dir, 'dies.mjs'),
    `import { appendFileSync } from 'node:fs';
    import { isMainThread } from 'node:worker_threads';
    if (!isMainThread) {
      appendFileSync(${JSON.stringify(join(dir, 'deaths'))}, 'x');
      throw new Error('no thread here');
    }`,
  );
});

afterAll(() => site.remove());

describe('a backup whose threads all die', () => {
  it('fails each account and ends', async () => {
    const NODE_OPTIONS = `--import=${join(site.dir, 'dies.mjs')}`;
    const { status, stdout, stderr } = await ended(
      startHoldfast(['--config', site.config, 'backup'], { ...process.env, NODE_OPTIONS }),
    );

    expect({ status, stderr }).toEqual({ status: 70, stderr: '' });
    expect(stdout.match(/INTERNAL: a capture thread died: no thread here$/gm)).toHaveLength(3);
    // One that loads early, and for each account two and those in their place; none while nothing waits for it.
    expect(statSync(join(site.dir, 'deaths')).size).toBeLessThanOrEqual(10);
  });
});
