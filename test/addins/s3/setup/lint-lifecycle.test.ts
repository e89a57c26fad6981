import { describe, expect, it } from 'vitest';
import { archiveClasses } from '../../../../src/addins/s3/settings.ts';
import { type LifecycleRule, readRule } from '../../../../src/addins/s3/setup/lifecycle.ts';
import { type LintOptions, lintLifecycle } from '../../../../src/addins/s3/setup/lint-lifecycle.ts';

const options: LintOptions = { prefix: 'fleet/', tags: {}, keepDays: 30, archiveClasses };

const rule = (id: string, prefix: string, rest: Partial<LifecycleRule> = {}): LifecycleRule => ({
  id,
  enabled: true,
  prefix,
  tags: {},
  bySize: false,
  expiresAfterDays: null,
  abortAfterDays: null,
  movesTo: [],
  ...rest,
});
const abort = rule('abort', '', { abortAfterDays: 7 });

/** `kind state rules`, without the good rule that every bucket here has. */
const lint = (rules: readonly LifecycleRule[], changed: Partial<LintOptions> = {}): string[] =>
  lintLifecycle([abort, ...rules], { ...options, ...changed }).map(
    ({ kind, state, rules: ids }) => `${kind} ${state} ${ids.join('+')}`,
  );

describe('lintLifecycle', () => {
  it('finds nothing wrong with a rule that aborts uploads', () => {
    expect(lint([])).toEqual([]);
  });

  it('finds nothing wrong with rules for other things in the bucket', () => {
    expect(
      lint([
        rule('logs', 'logs/', { expiresAfterDays: 1, movesTo: ['GLACIER'] }),
        rule('fleet2', 'fleet2/', { expiresAfterDays: 1 }),
        rule('runs', 'fleet/runs/', { expiresAfterDays: 90 }),
      ]),
    ).toEqual([]);
  });

  it('misses a rule that aborts uploads of every class that is put in parts', () => {
    const without = (rules: readonly LifecycleRule[]) =>
      lintLifecycle(rules, options).map(({ kind }) => kind);

    expect(without([])).toEqual(['no-abort-rule']);
    expect(without([rule('data', 'fleet/data/', { abortAfterDays: 7 })])).toEqual(['no-abort-rule']);
    expect(without([{ ...abort, enabled: false }])).toEqual(['no-abort-rule']);
    expect(without([{ ...abort, tags: { team: 'a' } }])).toEqual(['no-abort-rule']);
    expect(without([rule('ours', 'fleet/', { abortAfterDays: 7 })])).toEqual([]);
  });

  it('warns of a rule that aborts uploads still under way', () => {
    expect(lint([rule('hasty', 'fleet/', { abortAfterDays: 1 })])).toEqual(['hasty-abort warning hasty']);
  });

  it('finds data expired before retention lets go of it, and listed all the same', () => {
    expect(lint([rule('data', 'fleet/data/', { expiresAfterDays: 29 })])).toEqual([
      'expires-data error data',
      'data-before-manifests error data',
    ]);
  });

  it('finds a rule for a part of the keys, such as one server or the beginning of a name', () => {
    expect(lint([rule('one', 'fleet/data/9f0c/', { expiresAfterDays: 3 })])).toContain(
      'expires-data error one',
    );
    expect(lint([rule('two', 'fl', { expiresAfterDays: 3 })])).toContain('expires-data error two');
    expect(lint([rule('three', 'fleet/ma', { expiresAfterDays: 3 })])).toContain(
      'expires-manifests error three',
    );
  });

  it('finds manifests that go before their data', () => {
    const found = lint([
      rule('manifests', 'fleet/manifests/', { expiresAfterDays: 40 }),
      rule('data', 'fleet/data/', { expiresAfterDays: 60 }),
    ]);

    expect(found).toContain('manifests-before-data error manifests+data');
    expect(found).toContain('expires-manifests warning manifests');
    expect(found).toContain('expires-data warning data');
  });

  it('takes any expiry of data and manifests for wrong where retention has no end', () => {
    const rules = [rule('all', 'fleet/', { expiresAfterDays: 9000 })];

    expect(lint(rules, { keepDays: null })).toContain('expires-data error all');
    expect(lint(rules)).toContain('expires-data warning all');
  });

  it('finds keys and the store file expired, whenever that is', () => {
    const found = lint([rule('all', '', { expiresAfterDays: 9000 })]);

    expect(found).toContain('expires-keys error all');
    expect(found).toContain('expires-store-files error all');
    expect(found).toContain('expires-events warning all');
    expect(lint([rule('file', 'fleet/holdfast.json', { expiresAfterDays: 400 })])).toEqual([
      'expires-store-files error file',
    ]);
  });

  it('says which of two overlapping rules wins', () => {
    const rules = [
      rule('long', 'fleet/', { expiresAfterDays: 400 }),
      rule('short', 'fleet/data/', { expiresAfterDays: 90 }),
    ];
    const found = lintLifecycle([abort, ...rules], options).find(({ kind }) => kind === 'overlap');

    expect(found?.detail).toBe(
      'rules long and short both expire fleet/data/; the shorter one wins, so objects there go after 90 days (short), not after 400 days (long)',
    );
    expect(lint([rules[0]!, rule('same', 'fleet/data/', { expiresAfterDays: 400 })]).join()).not.toContain(
      'overlap',
    );
  });

  it('finds archive classes where commands read at once, and notes them where restores must wait', () => {
    expect(lint([rule('cold', 'fleet/', { movesTo: ['STANDARD_IA', 'DEEP_ARCHIVE'] })])).toEqual([
      'archived error cold',
      'archived-data note cold',
    ]);
    expect(lint([rule('cold', 'fleet/data/', { movesTo: ['GLACIER'] })])).toEqual([
      'archived-data note cold',
    ]);
    expect(lint([rule('warm', 'fleet/', { movesTo: ['STANDARD_IA', 'GLACIER_IR'] })])).toEqual([]);
  });

  it('leaves out rules that are off or for tags that no object of ours has', () => {
    const harmful = rule('x', 'fleet/', { expiresAfterDays: 1, movesTo: ['GLACIER'] });

    expect(lint([{ ...harmful, enabled: false }])).toEqual([]);
    expect(lint([{ ...harmful, tags: { team: 'b' } }], { tags: { team: 'a' } })).toEqual([]);
    expect(lint([{ ...harmful, tags: { team: 'a' } }], { tags: { team: 'a' } })).not.toEqual([]);
    expect(lint([{ ...harmful, bySize: true }])).not.toEqual([]);
  });

  it('needs no prefix to look at a bucket of its own', () => {
    expect(lint([rule('all', 'manifests/', { movesTo: ['GLACIER'] })], { prefix: '' })).toEqual([
      'archived error all',
    ]);
  });
});

describe('readRule', () => {
  it('finds the prefix and the tags wherever a service puts them', () => {
    const tag = { Key: 'a', Value: 'b' };
    const status = { Status: 'Enabled', Expiration: { Days: 3 } } as const;

    for (const where of [
      { Filter: { And: { Prefix: 'p/', Tags: [tag] } } },
      { Filter: { Prefix: 'p/', Tag: tag } },
      { Prefix: 'p/', Filter: { Tag: tag } },
    ]) {
      expect(readRule({ ...status, ...where }, 0)).toMatchObject({
        id: 'number 1',
        enabled: true,
        prefix: 'p/',
        tags: { a: 'b' },
        expiresAfterDays: 3,
      });
    }
  });

  it('takes an expiry by date for one that may come at once', () => {
    const Expiration = { Date: new Date(0) };

    expect(readRule({ Status: 'Enabled', Expiration, Filter: {} }, 0)).toMatchObject({
      prefix: '',
      expiresAfterDays: 0,
    });
    const Marker = { ExpiredObjectDeleteMarker: true };
    expect(readRule({ Status: 'Enabled', Expiration: Marker, Filter: {} }, 0).expiresAfterDays).toBe(null);
  });
});
