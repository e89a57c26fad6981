import { describe, expect, it } from 'vitest';
import { assertAbilities } from '../../../src/core/addins/needed-abilities.ts';
import { memoryStore } from '../../../src/core/conformance/index.ts';
import { judgeManifest } from '../../../src/core/packages/check-manifest.ts';
import { manifestOf } from '../../support/addin-packages.ts';

const host = '>=0.1.0 <1';

/** Reasons, `ok` for what is not refused. */
function judge(holdfast: unknown): readonly string[] {
  const judged = judgeManifest(holdfast, '0.1.0');
  if ('refusal' in judged) return [judged.refusal.reason];
  return judged.found.map(({ verdict }) => ('found' in verdict ? 'ok' : verdict.refusal.reason));
}

const messageOf = (addin: unknown): string => {
  const judged = judgeManifest({ host, addins: [addin] }, '0.1.0');
  const verdict = 'found' in judged ? judged.found[0]?.verdict : judged;
  return verdict !== undefined && 'refusal' in verdict ? verdict.refusal.message : 'ok';
};

const open = { type: 'object', properties: {} };

describe('a manifest', () => {
  it.each(['store', 'provider', 'notifier', 'scope'] as const)('may contribute a %s', (kind) => {
    expect(judge({ host, addins: [manifestOf(kind, 'one')] })).toEqual(['ok']);
  });

  it.each([
    ['no object', 'text', 'bad-manifest'],
    ['no range', { host: 'soon', addins: [] }, 'bad-manifest'],
    ['another host', { host: '>=2', addins: [manifestOf('store', 'one')] }, 'host-version'],
    ['no list', { host, addins: {} }, 'bad-manifest'],
    ['nothing listed', { host, addins: [] }, 'bad-manifest'],
    ['an unknown property', { host, addins: [manifestOf('store', 'one')], extra: 1 }, 'bad-manifest'],
  ])('is refused as a whole: %s', (_, holdfast, reason) => {
    expect(judge(holdfast)).toEqual([reason]);
  });

  it.each([
    ['unknown kind', manifestOf('store', 'one', { kind: 'codec' }), 'unknown-kind'],
    ['no kind', manifestOf('store', 'one', { kind: undefined }), 'unknown-kind'],
    ['contract too new', manifestOf('store', 'one', { contract: 2, extra: true }), 'contract-too-new'],
    ['no contract', manifestOf('store', 'one', { contract: undefined }), 'bad-manifest'],
    ['no capabilities', manifestOf('store', 'one', { capabilities: undefined }), 'capability-missing'],
    [
      'no full',
      manifestOf('provider', 'one', { capabilities: { levels: ['incremental'] } }),
      'capability-missing',
    ],
    [
      'unknown capability',
      manifestOf('store', 'one', { capabilities: { teleport: true } }),
      'capability-missing',
    ],
    ['a name nobody can write', manifestOf('store', 'One/..'), 'bad-manifest'],
    ['an entry upwards', manifestOf('store', 'one', { entry: '../x.js' }), 'bad-manifest'],
    ['unknown permission', manifestOf('store', 'one', { permissions: { root: true } }), 'bad-manifest'],
    ['no schema', manifestOf('store', 'one', { settings: { type: 'objekt' } }), 'bad-settings-schema'],
    [
      'a schema that does not compile',
      manifestOf('store', 'one', { settings: { ...open, $ref: 'x.json' } }),
      'bad-settings-schema',
    ],
    [
      'a schema without use',
      manifestOf('store', 'one', { settings: { ...open, additionalProperties: false } }),
      'bad-settings-schema',
    ],
  ])('is refused for one addin alone: %s', (_, addin, reason) => {
    const good = manifestOf('notifier', 'other');

    expect(judge({ host, addins: [addin, good] })).toEqual([reason, 'ok']);
  });

  it('says what is wrong in words', () => {
    expect(messageOf(manifestOf('store', 'one', { contract: 2 }))).toBe(
      'it needs contract 2 of a store, and this Holdfast has 1',
    );
    expect(messageOf(manifestOf('store', 'one', { settings: { type: 'objekt' } }))).toMatch(
      /^the schema of its settings is not valid: schema\/type /,
    );
  });
});

describe('what a provider needs of its store', () => {
  const provider = (...needs: ('objectLock' | 'conditionalCreate')[]) => ({
    name: 'vault',
    capabilities: { levels: ['full'], needs } as const,
  });

  it('is looked at when the store is open', () => {
    const store = memoryStore();

    expect(() => assertAbilities(store, provider())).not.toThrow();
    expect(() => assertAbilities(store, provider('objectLock'))).toThrow(
      'the provider vault needs objectLock, which the store memory does not offer',
    );
  });
});
