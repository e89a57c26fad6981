import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import { describe, expect, it } from 'vitest';
import { BackUpPrinter } from '../../../src/cli/backup-printer.ts';
import { Output } from '../../../src/cli/output.ts';
import { RunLog } from '../../../src/cli/runs/run-log.ts';
import { HoldfastError } from '../../../src/core/errors.ts';
import type { AccountOutcome } from '../../../src/core/jobs/backup/back-up.ts';

const changed = Array.from({ length: 30 }, (_, i) => ({
  code: 'changed',
  component: 'home',
  path: `a%0A${i}`,
  pathEncoding: 'percent',
  message: 'changed while it was read',
}));
const warnings = [
  ...changed,
  { code: 'view-broken', component: 'mariadb/shop', message: 'v cannot be opened' },
];
const at = '2026-01-01T00:00:00.000Z';
const outcome = {
  account: { site: 'anna', domain: null },
  error: null,
  snapshot: {
    name: 'anna-1',
    header: {
      state: 'complete',
      addin: { name: 'nightly' },
      parents: [],
      objects: [],
      startedAt: at,
      committedAt: at,
    },
    body: {
      account: { site: 'anna', domain: null },
      counts: { bytes: 0 },
      components: [],
      unconfiguredEngines: [],
      warnings,
      warningCounts: { changed: 2000, 'view-broken': 1 },
    },
  },
} as unknown as AccountOutcome;

it('what a copy failed with is printed with its hint', async () => {
  const stdout = new PassThrough();
  const output = new Output({ stdout, stderr: new PassThrough() }, { json: false, quiet: false });
  const progress = { show: () => {}, close: () => {} };
  const printer = new BackUpPrinter({ output, progress, now: () => 0, total: 1 });
  const error = new HoldfastError('OBJECT_DAMAGED', 'it is damaged', { hint: 'Look at it.' });
  const counts = { copied: 0, objects: 0, bytes: 0, untrusted: 0, lacking: 1, deniedEvents: 0 };
  const report = { name: 'far', ...counts, failures: [{ snapshot: 'anna-1', error }], error };
  printer.copyEvent({ type: 'ended', report });
  output.flush();
  stdout.end();

  expect(await text(stdout)).toContain('  anna-1: OBJECT_DAMAGED: it is damaged\n    hint: Look at it.\n');
});

describe('warnings of a backup', () => {
  it('are printed with the place that they are about, some of each code and how many more there are', async () => {
    const stdout = new PassThrough();
    const output = new Output({ stdout, stderr: new PassThrough() }, { json: false, quiet: false });
    const progress = { show: () => {}, close: () => {} };
    const printer = new BackUpPrinter({ output, progress, now: () => 0, total: 1 });
    printer.event({ type: 'ended', outcome });
    output.flush();
    stdout.end();
    const lines = (await text(stdout)).split('\n').filter((line) => line.startsWith('  warning: '));

    expect(lines).toHaveLength(7);
    expect(lines[0]).toBe('  warning: changed: home/a%0A0: changed while it was read');
    expect(lines[5]).toBe('  warning: changed: and 1,995 more');
    expect(lines[6]).toBe('  warning: view-broken: mariadb/shop: v cannot be opened');
  });

  it('are all in the log of the run, since an encrypted snapshot tells nobody without an identity', async () => {
    const stateDir = mkdtempSync(join(tmpdir(), 'holdfast-log-'));
    try {
      const log = await RunLog.open(stateDir, { id: 'a'.repeat(12), startedAtMs: 0, now: () => 0 });
      log.account(outcome);
      const [name] = readdirSync(join(stateDir, 'run-history'));
      const lines = readFileSync(join(stateDir, 'run-history', name!), 'utf8')
        .trimEnd()
        .split('\n');
      const last = JSON.parse(lines.at(-2)!) as unknown;

      expect(lines).toHaveLength(warnings.length + 1);
      expect(last).toMatchObject({
        site: 'anna',
        code: 'view-broken',
        place: 'mariadb/shop',
        msg: 'v cannot be opened',
      });
    } finally {
      rmSync(stateDir, { recursive: true });
    }
  });
});
