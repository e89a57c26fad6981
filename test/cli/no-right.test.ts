/** Somebody who may not read the state, e.g. a user of monitoring over the state of root. */

import { spawn } from 'node:child_process';
import { chmodSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { errorCodes } from '../../src/core/errors.ts';
import {
  type CliResult,
  type CliSite,
  ended,
  main,
  makeDirectory,
  makeSite,
  writeJson,
} from '../support/cli.ts';

let site: CliSite;
beforeAll(() => {
  const dir = makeDirectory();
  mkdirSync(join(dir, 'home/anna'), { recursive: true });
  site = makeSite({ panel: { use: 'generic', accounts: [{ path: join(dir, 'home/*') }] } }, dir);
  mkdirSync(site.state);
  mkdirSync(join(site.state, 'imports'), { mode: 0 });
  for (const name of ['schedule.json', 'paused.json']) {
    writeJson(join(site.state, name), {});
    chmodSync(join(site.state, name), 0);
  }
});
afterAll(() => site.remove());

/** Without the rights that make modes mean nothing to root. */
function withoutRights(...args: readonly string[]): Promise<CliResult> {
  const line = [process.execPath, main, '--config', site.config, ...args];
  const without = ['--bounding-set=-all', '--inh-caps=-all', '--'];
  return ended(spawn('setpriv', [...without, ...line], { stdio: ['ignore', 'pipe', 'pipe'] }));
}

describe('a file of the state that may not be read', () => {
  it.each([
    [['schedule'], 'schedule.json'],
    [['db', 'export', '--all', '--to', '/nonexistent/dumps'], 'imports'],
  ])('is named by %j, and is no defect', async (args, name) => {
    const { status, stderr } = await withoutRights(...args);

    expect(status).toBe(errorCodes.PREREQUISITE_MISSING.exit);
    expect(stderr).toMatch(
      /^holdfast: PREREQUISITE_MISSING: a file may not be read or written: EACCES: .*\nhint: Run Holdfast as root/,
    );
    expect(stderr).toContain(join(site.state, name));
  });

  it('is told to monitoring in one line', async () => {
    const { status, stdout } = await withoutRights('status', '--check');

    expect(status).toBe(3);
    expect(stdout).toMatch(/^HOLDFAST UNKNOWN - PREREQUISITE_MISSING: a file may not be read .*\n$/);
  });
});
