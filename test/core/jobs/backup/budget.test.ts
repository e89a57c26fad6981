import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { AccountBudget } from '../../../../src/core/config/operations-schema.ts';
import { errorCodes, HoldfastError } from '../../../../src/core/errors.ts';
import type { AccountSteps } from '../../../../src/core/jobs/backup/account-steps.ts';
import { type Lab, openLab } from '../../../support/backup.ts';
import { cannedEngine, cannedSelector } from '../../../support/canned-engine.ts';

const dir = mkdtempSync(join(tmpdir(), 'holdfast-budget-'));
const tree = join(dir, 'tree');
const databases = { engines: [cannedEngine({ canned_shop: 'SELECT 1\n' })], databases: [cannedSelector] };
let lab: Lab;

const stepsOf = (budget: AccountBudget | null, change: Partial<AccountSteps> = {}): AccountSteps => ({
  budget,
  before: async () => {},
  after: async () => {},
  ended: async () => {},
  ...change,
});

beforeAll(async () => {
  mkdirSync(tree);
  for (let i = 0; i < 200; i++) writeFileSync(join(tree, String(i)), Buffer.alloc(20_000, `${i} `));
  lab = await openLab(dir, { chain: {} });
});
afterAll(async () => {
  await lab.close();
  rmSync(dir, { recursive: true, force: true });
});

describe('an account over its budget', () => {
  it.each([
    ['inodes', { inodes: 100 }, 'more than 100 inodes'],
    ['bytes', { bytes: 100_000 }, 'more than 100000 bytes'],
    ['minutes', { minutes: 0.00001 }, 'longer than 0.00001 minutes'],
  ])('of %s keeps its databases and says why', async (_, budget, why) => {
    const { snapshot, exitStatus } = await lab.backUp(
      { files: tree },
      { ...databases, level: 'full', steps: stepsOf(budget) },
    );
    const [files, shop] = snapshot.body.components;

    expect(exitStatus).toBe(errorCodes.SNAPSHOT_PARTIAL.exit);
    expect(files).toMatchObject({ name: 'files', state: 'failed', error: { code: 'BUDGET_EXCEEDED' } });
    expect(files?.error?.message).toContain(why);
    expect(shop).toMatchObject({ state: 'complete' });
    expect(snapshot.body.index).toBeNull();
    expect(snapshot.header.objects.map(({ kind }) => kind)).not.toContain('segment');
    expect((await lab.verify(true)).exitStatus).toBe(0);
  });

  it('is captured whole by the next run that may', async () => {
    const { snapshot, exitStatus } = await lab.backUp(
      { files: tree },
      { ...databases, steps: stepsOf({ inodes: 1000, minutes: 10 }) },
    );
    const to = join(dir, 'restored');
    await lab.restore(to);

    expect(exitStatus).toBe(0);
    expect(snapshot.body.counts.entries).toBe(201);
    expect((await lab.verify(true)).exitStatus).toBe(0);
  });
});

describe('steps of an account', () => {
  it('come in their order, and one that rejects costs the account alone', async () => {
    const seen: string[] = [];
    const steps = stepsOf(null, {
      before: async (step) => {
        seen.push(`before ${step}`);
        if (step === 'upload') throw new HoldfastError('HOOK_FAILED', 'no');
      },
      after: async (step) => {
        seen.push(`after ${step}`);
      },
      ended: async ({ error }) => {
        seen.push(`ended ${error?.code}`);
      },
    });
    const { exitStatus } = await lab.run({ files: tree }, { ...databases, steps });

    expect(exitStatus).toBe(errorCodes.HOOK_FAILED.exit);
    expect(seen).toEqual([
      'before account',
      'before export',
      'after export',
      'before upload',
      'ended HOOK_FAILED',
    ]);
  });
});
