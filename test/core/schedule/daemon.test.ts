/** A daemon whose state lies on a file system of its own that becomes full. */

import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { Daemon } from '../../../src/core/schedule/daemon.ts';
import { readAlarmRecord, writeAlarmRecord } from '../../../src/core/state/alarm-record.ts';
import { type MountedFilesystem, mountFilesystem } from '../../support/filesystems.ts';

let mounted: MountedFilesystem;
beforeAll(() => {
  mounted = mountFilesystem('tmpfs', { mebibytes: 1 });
});
afterAll(() => mounted.unmount());

function fill(): void {
  try {
    writeFileSync(join(mounted.path, 'fill'), Buffer.alloc(2 ** 21));
  } catch {
    // It is full.
  }
}
const empty = (): void => rmSync(join(mounted.path, 'fill'));

const schedule = [{ level: 'full', cron: '0 3 * * *' }] as const;
const timing = { timeZone: 'UTC', window: null, randomDelayMinutes: 0 } as const;

it('begins nothing on a full disk, outlives it, and makes good what was missed', async () => {
  const happened: string[] = [];
  const stop = new AbortController();
  let nowMs = Date.parse('2026-01-05T12:00Z');
  let looks = 0;
  const daemon = new Daemon({
    stateDir: mounted.path,
    seed: 'server',
    now: () => nowMs,
    signal: stop.signal,
    scheduled: async () => {
      looks += 1;
      if (looks === 2) fill();
      if (looks === 3) nowMs += 86_400_000;
      if (looks === 6 || looks === 9) empty();
      if (looks === 12) stop.abort();
      return [{ name: 'nightly', schedule, ...timing }];
    },
    run: async () => {
      happened.push('run');
      fill();
    },
    onTrouble: ({ code }) => happened.push(code),
    everyMs: 1,
  });
  await daemon.serve({ once: false });
  const { states } = JSON.parse(readFileSync(join(mounted.path, 'schedule.json'), 'utf8'));

  const [trouble, , , run, ...rest] = happened;
  expect([trouble, run]).toEqual(['STATE_UNWRITABLE', 'run']);
  expect(new Set(rest)).toEqual(new Set([trouble]));
  expect(states).toEqual({ 'nightly full 0 3 * * *': { doneThroughMs: nowMs, begun: null } });
});

it('notes on a full disk, too, when alarms were told', async () => {
  const [first, second] = [1, 22].map((ms) => ({ lookedAtMs: ms, toldAtMs: null, troubleToldAtMs: ms }));
  await writeAlarmRecord(mounted.path, second!);
  fill();
  await writeAlarmRecord(mounted.path, first!);

  expect(await readAlarmRecord(mounted.path)).toEqual(first);
});
