import { describe, expect, it } from 'vitest';
import {
  idleExclusions,
  policyOf,
  type Remembered,
  retentionFor,
  withExclusions,
} from '../../../src/core/config/policy.ts';
import type { PolicyRule } from '../../../src/core/config/policy-schema.ts';
import { noSteering } from '../../../src/core/config/steering.ts';
import type { Account } from '../../../src/core/contracts/panel.ts';
import { levelDue } from '../../../src/core/jobs/backup/level-due.ts';

const account: Account = {
  site: 'site12',
  home: null,
  domain: 'Example.com',
  aliases: ['gold.example'],
  plan: 'Basic',
  state: 'active',
  problem: null,
  owner: null,
  trees: [
    { name: 'shadow', path: '/s', exclude: ['proc'] },
    { name: 'info', path: '/i', exclude: [] },
  ],
  databases: [],
  metadata: {},
};
const days = (policy: readonly PolicyRule[]): number | null =>
  policyOf(account, { policy, steering: noSteering }).fullEveryDays.value;

describe('policyOf', () => {
  it.each<[string, readonly PolicyRule[], number | null]>([
    ['a plan by pattern', [{ plan: 'b*', fullEveryDays: 1 }], 1],
    [
      'a plan by name before one by pattern',
      [
        { plan: 'basic', fullEveryDays: 2 },
        { plan: '*', fullEveryDays: 1 },
      ],
      2,
    ],
    [
      'accounts by pattern before a plan',
      [
        { account: 'site*', fullEveryDays: 3 },
        { plan: 'basic', fullEveryDays: 2 },
      ],
      3,
    ],
    [
      'an account before a pattern',
      [
        { account: 'example.com', fullEveryDays: 4 },
        { account: '*', fullEveryDays: 3 },
      ],
      4,
    ],
    [
      'an account on a plan before the account',
      [
        { account: 'site12', plan: 'basic', fullEveryDays: 5 },
        { account: 'site12', fullEveryDays: 4 },
      ],
      5,
    ],
    [
      'the later of equals',
      [
        { plan: 'basic', fullEveryDays: 1 },
        { plan: 'basic', fullEveryDays: 6 },
      ],
      6,
    ],
    [
      'what another rule is silent about',
      [
        { plan: 'basic', fullEveryDays: 7 },
        { account: 'site12', destination: 'x' },
      ],
      7,
    ],
    ['no rule for an alias', [{ account: 'gold.example', fullEveryDays: 1 }], null],
    [
      'no rule for another plan on the same account',
      [{ account: 'site12', plan: 'gold', fullEveryDays: 1 }],
      null,
    ],
  ])('takes %s', (_, policy, expected) => {
    expect(days(policy)).toBe(expected);
  });

  it('answers for ten thousand accounts and a hundred rules within a second of the processor', () => {
    const policy = Array.from({ length: 100 }, (_, i) => ({ account: `site${i}*`, fullEveryDays: i + 1 }));
    const began = process.cpuUsage();
    for (let i = 0; i < 10_000; i += 1)
      policyOf({ ...account, site: `site${i}` }, { policy, steering: noSteering });

    expect(process.cpuUsage(began).user).toBeLessThan(1_000_000);
  });
});

describe('retentionFor', () => {
  const rules: readonly PolicyRule[] = [
    { plan: 'basic', retention: { keepLast: 2 } },
    { account: 'site12', retention: { keepLast: 6 } },
    { account: 'example.com', plan: 'gold', retention: { keepLast: 8 } },
  ];
  const unknown = { site: 'site9', domain: undefined, plan: undefined };

  it.each<[string, Remembered, ReturnType<typeof retentionFor>]>([
    ['the best rule', account, { keepLast: 6 }],
    ['none', { site: 'site9', domain: null, plan: null }, null],
    ['the rule of its plan', { ...unknown, domain: null, plan: 'basic' }, { keepLast: 2 }],
    ['the best rule there may be', { ...unknown, domain: 'other.test' }, 'unknown'],
    ['a rule by its site, unless a better one may be for it', { ...unknown, site: 'site12' }, 'unknown'],
    ['a rule by its site', { ...unknown, site: 'site12', domain: 'other.test' }, { keepLast: 6 }],
    ['nothing where even its site is not known', { ...unknown, site: undefined }, 'unknown'],
  ])('takes %s', (_, subject, expected) => {
    expect(retentionFor(subject, rules)).toEqual(expected);
  });
});

describe('withExclusions', () => {
  it('adds patterns to their trees and keeps what the panel leaves out', () => {
    const steering = { ...noSteering, exclude: ['shadow/var/cache', '*/tmp'] };
    const { trees } = withExclusions(account, { policy: [], steering });

    expect(trees.map(({ exclude }) => exclude)).toEqual([['proc', 'var/cache', 'tmp'], ['tmp']]);
  });
});

describe('idleExclusions', () => {
  it('names patterns for trees that nobody has', () => {
    const steering = { ...noSteering, exclude: ['shadwo/var/cache', '*/tmp', 'shadow/tmp'] };
    const policy = [{ plan: 'none', exclude: ['inof/work', 'info/work'] }];

    expect(idleExclusions([account], { policy, steering })).toEqual(['shadwo/var/cache', 'inof/work']);
  });
});

describe('levelDue', () => {
  const dayMs = 86_400_000;
  const asked = {
    level: 'auto',
    account,
    fullEveryDays: () => 7,
    world: { now: () => 100 * dayMs },
  } as const;
  const full = (day: number) => [{ level: 'full', atMs: day * dayMs }];

  it('is a full once the last one is old enough', () => {
    expect(levelDue(asked, full(94))).toBe('auto');
    expect(levelDue(asked, full(93.01))).toBe('full');
    expect(levelDue(asked, [])).toBe('full');
  });

  it('is a full although the last one waited half a night for its turn', () => {
    expect(levelDue(asked, full(93.4))).toBe('full');
    expect(levelDue({ ...asked, fullEveryDays: () => 1 }, full(99.4))).toBe('full');
    expect(levelDue({ ...asked, fullEveryDays: () => 1 }, full(99.6))).toBe('auto');
  });

  it('is a full whatever a clock that was ahead has dated', () => {
    expect(levelDue(asked, full(500))).toBe('full');
    expect(levelDue(asked, [...full(500), ...full(99)])).toBe('auto');
  });

  it('is what was asked for by name, and without a policy', () => {
    expect(levelDue({ ...asked, level: 'incremental' }, [])).toBe('incremental');
    expect(levelDue({ ...asked, fullEveryDays: () => null }, [])).toBe('auto');
  });
});
