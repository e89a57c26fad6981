import { join } from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { describe, expect, it } from 'vitest';
import { chainProvider } from '../../../src/addins/chain/index.ts';
import { localStore } from '../../../src/addins/local/index.ts';
import { memoryStore, providerChecks } from '../../../src/core/conformance/index.ts';
import type { HistoryItem, Level, RequestedLevel } from '../../../src/core/contracts/provider.ts';
import { runProviderCheck } from '../../support/run-checks.ts';
import { scratchDirectory } from '../local/scratch.ts';

const { signal } = new AbortController();
const nowMs = Date.UTC(2026, 10, 18, 3); // a Wednesday
const dayMs = 86_400_000;

type Past = Level | 'partial full' | 'partial incremental';

/** One a day until yesterday; the first has the id `1`. */
function historyOf(...levels: readonly Past[]): HistoryItem[] {
  return levels.map((level, i) => ({
    sequence: i + 1,
    id: String(i + 1),
    atMs: nowMs - (levels.length - i) * dayMs,
    level: level.replace('partial ', '') as Level,
    state: level.startsWith('partial') ? 'partial' : 'complete',
    manifestKey: '',
  }));
}

async function plan(requested: RequestedLevel, history: readonly HistoryItem[], settings = {}) {
  const provider = await chainProvider.open({
    store: memoryStore(),
    settings: { use: 'chain', ...settings },
  });
  return provider.plan({ owner: 'o', requested, history, nowMs, signal });
}

describe('chain', () => {
  describe('keeps the provider contract: it', () => {
    it.each(providerChecks)('$name', async (check) => {
      using scratch = scratchDirectory();
      await runProviderCheck(check, chainProvider, memoryStore());
      const path = join(scratch.path, 'store');
      await runProviderCheck(check, chainProvider, await localStore.open({ use: 'local', path }));
    });
  });

  it('lets an incremental refer to the newest snapshot, whatever its level', async () => {
    expect(await plan('incremental', historyOf('full', 'incremental', 'differential'))).toMatchObject({
      level: 'incremental',
      parents: ['3'],
    });
  });

  it('lets a differential refer to the last full, whatever came after', async () => {
    expect(
      await plan('differential', historyOf('full', 'full', 'incremental', 'differential')),
    ).toMatchObject({
      level: 'differential',
      parents: ['2'],
    });
  });

  it('names a complete one beside a partial one', async () => {
    expect(await plan('incremental', historyOf('full', 'incremental', 'partial incremental'))).toMatchObject({
      parents: ['3', '2'],
    });
    expect(await plan('differential', historyOf('full', 'incremental', 'partial full'))).toMatchObject({
      parents: ['3', '1'],
    });
    expect(await plan('incremental', historyOf('partial full'))).toMatchObject({ parents: ['1'] });
  });

  it.each(['incremental', 'differential', 'auto'] as const)(
    'makes the first %s a full',
    async (requested) => {
      expect(await plan(requested, [])).toMatchObject({ level: 'full', parents: [] });
    },
  );

  it('makes a differential a full where only incrementals are left', async () => {
    expect(await plan('differential', historyOf('incremental'))).toMatchObject({
      level: 'full',
      reason: 'there is nothing that a differential could refer to',
    });
  });

  it('reads one unchanged file of thirty again, or as many as the settings say', async () => {
    const history = historyOf('full');
    expect(await plan('incremental', history)).toMatchObject({ rereadEvery: 30 });
    expect(await plan('incremental', history, { rereadEvery: 7 })).toMatchObject({ rereadEvery: 7 });
  });

  it('takes the cadence from its settings', async () => {
    const history = historyOf('full', ...Array.from({ length: 90 }, (): Level => 'incremental'));
    expect((await plan('auto', history)).level).toBe('full');
    expect((await plan('auto', history, { cadence: 'forever' })).level).toBe('incremental');
  });

  it('refuses settings it does not know', () => {
    const validate = new Ajv2020({ strict: false }).compile(chainProvider.settingsSchema);
    expect(validate({ use: 'chain' })).toBe(true);
    expect(validate({ use: 'chain', cadence: 'forever', rereadEvery: 1 })).toBe(true);
    expect(validate({ use: 'chain', cadence: 'yearly' })).toBe(false);
    expect(validate({ use: 'chain', rereadEvery: 0 })).toBe(false);
    expect(validate({ use: 'chain', depth: 3 })).toBe(false);
  });
});
