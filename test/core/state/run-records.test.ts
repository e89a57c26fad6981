import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { forgetRuns } from '../../../src/core/state/run-history.ts';
import { beginRun, claimTelling, knownRuns, rememberTold } from '../../../src/core/state/run-records.ts';

let stateDir: string;
beforeEach(() => {
  stateDir = mkdtempSync(join(tmpdir(), 'holdfast-runs-'));
});
afterEach(() => {
  rmSync(stateDir, { recursive: true, force: true });
});

const run = (digit: string, accounts = 10, addin = 'nightly', whole = true) => {
  const about = { id: digit.repeat(12), addin, startedAtMs: Number(digit) * 1000 };
  return beginRun(stateDir, { ...about, accounts, whole });
};
const states = async () => (await knownRuns(stateDir)).map(({ id, state }) => `${id[0]} ${state}`);

/** As if another process had begun the run. */
function change(digit: string, part: Readonly<Record<string, unknown>>): void {
  const path = join(stateDir, 'runs', `${digit.repeat(12)}.json`);
  writeFileSync(path, JSON.stringify({ ...JSON.parse(readFileSync(path, 'utf8')), ...part }));
}

describe('a run', () => {
  it('is running while its process lives, and leaves nothing when it ends', async () => {
    const handle = await run('1');
    await handle.done(null, 4000);
    await handle.done('RUN_FAILED', 7000);
    await handle.done('INTERRUPTED', 10_000);
    await handle.done(null, 13_000);

    expect(await knownRuns(stateDir)).toEqual([
      {
        id: '1'.repeat(12),
        addin: 'nightly',
        startedAtMs: 1000,
        scheduled: false,
        accounts: 10,
        done: 3,
        failed: 1,
        state: 'running',
        silent: false,
      },
    ]);
    await handle.end();
    expect(readdirSync(join(stateDir, 'runs'))).toEqual([]);
  });

  it.each([
    ['its process is gone', { pid: 2 ** 22 + 1 }],
    ['its number belongs to another process now', { processStart: '1' }],
    ['the machine has been started again', { bootId: 'another' }],
    ['a signal stopped it', { stopped: true }],
  ])('is interrupted where %s', async (_, part) => {
    await run('1');
    change('1', part);

    expect(await states()).toEqual(['1 interrupted']);
  });

  it('says so itself where a signal stopped it', async () => {
    await (await run('1')).interrupted();
    expect(await states()).toEqual(['1 interrupted']);
    expect((await knownRuns(stateDir))[0]?.silent).toBe(false);
  });

  it('that was killed is told of by the first that asks, and by nobody after that has reached somebody', async () => {
    await run('1');
    change('1', { bootId: 'another' });
    const id = '1'.repeat(12);

    const claims = await Promise.all([1, 2, 3].map(() => claimTelling(stateDir, id, 0)));

    expect((await knownRuns(stateDir))[0]?.silent).toBe(true);
    expect(claims.filter((won) => won)).toHaveLength(1);
    const later = [await claimTelling(stateDir, id, 599_000), await claimTelling(stateDir, id, 601_000)];
    await rememberTold(stateDir, id);

    expect([...later, await claimTelling(stateDir, id, 9e9)]).toEqual([false, true, false]);
    await (await run('2')).end();
    expect(readdirSync(join(stateDir, 'runs'))).toEqual([]);
  });
});

describe('a run that ends', () => {
  it('clears those of its configuration that it has caught up with', async () => {
    for (const [digit, accounts, addin, whole] of [
      ['1', 10, 'nightly', false],
      ['2', 400, 'nightly', true],
      ['3', 1, 'weekly', true],
      ['4', 30, 'nightly', false],
    ] as const) {
      await (await run(digit, accounts, addin, whole)).interrupted();
    }
    await run('5');
    await (await run('6', 20, 'nightly', false)).end();
    const some = await states();
    await (await run('7', 3)).end();

    expect(some).toEqual(['2 interrupted', '3 interrupted', '4 interrupted', '5 running']);
    expect(await states()).toEqual(['3 interrupted', '5 running']);
  });

  it('clears, after the days for which runs are kept, those that nothing caught up with', async () => {
    for (const digit of ['1', '2', '3']) await run(digit);
    for (const digit of ['1', '2']) change(digit, { bootId: 'another' });
    await claimTelling(stateDir, '1'.repeat(12), 0);
    await forgetRuns(stateDir, 1, 86_400_000 + 1500);

    expect(await states()).toEqual(['2 interrupted', '3 running']);
    expect(readdirSync(join(stateDir, 'runs'))).toHaveLength(2);
  });
});

describe('the directory', () => {
  it('may hold what is no run, and may be absent', async () => {
    expect(await states()).toEqual([]);
    await run('1');
    writeFileSync(join(stateDir, 'runs', `${'2'.repeat(12)}.json`), '{"id":');
    writeFileSync(join(stateDir, 'runs', `${'3'.repeat(12)}.json`), '{}');
    writeFileSync(join(stateDir, 'runs', 'other'), '');

    expect(await states()).toEqual(['1 running']);
  });
});
