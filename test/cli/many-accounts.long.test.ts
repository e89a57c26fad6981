/**
 * Ten thousand accounts: commands answer at once, and a run over them takes little memory.
 *
 * Processor time is measured, not the clock, and with a margin for a machine that is busy otherwise.
 */

import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { measure } from '../../bench/measure.ts';
import { type CliSite, main, makeDirectory, makeSite, writeJson } from '../support/cli.ts';

const accounts = Number(process.env['HOLDFAST_MANY_ACCOUNTS'] ?? 10_000);
const mostSeconds = 1.5;
const mostMegabytes = 400;

let site: CliSite;
beforeAll(() => {
  const dir = makeDirectory();
  const root = join(dir, 'root');
  const builder = join(import.meta.dirname, '../support/many_accounts.py');
  execFileSync('python3', ['-B', builder, root, String(accounts)]);
  site = makeSite({ panel: { use: 'apiscp', root }, databases: [], concurrency: 2 }, dir);
  writeJson(join(site.config, 'addins.d/nightly.json'), {
    name: 'nightly',
    provider: { use: 'chain' },
    store: { use: 'local', path: site.store },
    encryption: 'none',
  });
}, 300_000);
afterAll(() => site.remove(), 300_000);

/** Without databases of their own the accounts have a warning each. */
const cost = (...args: readonly string[]) => {
  const holdfast = [process.execPath, main, '--config', site.config, '--quiet', ...args];
  const stage = ['sh', '-c', '"$@" || [ $? -eq 100 ]', 'sh', ...holdfast];
  return measure([{ stages: [stage] }], { sync: false });
};

describe(`${accounts} accounts`, () => {
  it.each(['full', 'incremental'])(`are backed up by a %s with at most ${mostMegabytes} MB`, (level) => {
    const { peakBytes } = cost('backup', '--level', level);

    expect(peakBytes / 1e6).toBeLessThan(mostMegabytes);
  });

  it.each(['accounts', 'status', 'status --check', 'scope list'])('%s is answered at once', (words) => {
    const command = words.split(' ');
    cost(...command);

    const { cpuSeconds } = cost(...command);

    expect(cpuSeconds).toBeLessThan(mostSeconds);
  });
});
