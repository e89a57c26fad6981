import { generateKeyPairSync, sign } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import {
  encodeName,
  type ManifestName,
  manifestKey,
  parseManifestKey,
} from '../../../src/core/archive/keys.ts';
import { decodeManifest, encodeManifest, type Manifest } from '../../../src/core/archive/manifest.ts';
import type { Signer } from '../../../src/core/archive/seal.ts';
import { snapshotDigest } from '../../../src/core/archive/snapshot-digest.ts';

const name: ManifestName = {
  server: '11111111-1111-4111-8111-111111111111',
  owner: '_system',
  sequence: 7,
  atMs: Date.UTC(2026, 10, 21, 3, 15, 0),
  level: 'full',
  state: 'partial',
  id: '0123456789ab',
  revision: 0,
};

const ref = { name: 'lab', version: '1.0.0', contract: 1 };
const manifest = {
  header: {
    ...{ format: 1, features: [], kind: 'snapshot', store: 'store', owner: name.owner, server: name.server },
    ...{ id: name.id, objectId: name.id, sequence: 7, addin: { id: 'a', name: 'nightly' }, lineage: 'b' },
    ...{ revision: 0, replaces: null, level: name.level, state: name.state, parents: [], previous: null },
    ...{ startedAt: '2026-11-21T03:15:00.000Z', committedAt: '2026-11-21T03:16:00.000Z', digest: 'd' },
    tools: { holdfast: '1.0.0', store: ref, provider: ref, panel: ref },
    ...{ objects: [], references: [] },
  },
  body: {
    account: { site: 'site1\u2028\n"', domain: null, aliases: [], uid: null, gid: null },
    ...{ exclusions: {}, unconfiguredEngines: [] },
    ...{ components: [], warnings: [], warningCounts: {}, contentRoot: null, index: null },
    counts: { entries: 0, files: 0, directories: 0, links: 0, bytes: 0, tarBytes: 0, storedBytes: 0 },
  },
} as unknown as Manifest;
const { privateKey, publicKey } = generateKeyPairSync('ed25519');
const signer: Signer = {
  publicKey: Buffer.from(publicKey.export({ format: 'jwk' }).x!, 'base64url').toString('hex'),
  sign: (bytes) => sign(null, bytes, privateKey),
};
const sealed = encodeManifest(manifest, signer);

describe('a manifest', () => {
  it('has three lines whatever its text holds, and comes back whole', () => {
    expect(sealed.toString().split('\n')).toHaveLength(4);
    expect(decodeManifest(sealed, 'key')).toEqual({ ...manifest, signedBy: signer.publicKey });
  });

  it('is refused where any byte differs, or one is missing or added', () => {
    for (let at = 0; at < sealed.length; at++) {
      const bytes = Buffer.from(sealed);
      bytes[at] = bytes[at]! ^ 1;
      expect(() => decodeManifest(bytes, 'key'), `byte ${at}`).toThrow('manifest key is damaged');
    }
    for (const bytes of [
      sealed.subarray(0, -1),
      sealed.subarray(1),
      Buffer.concat([sealed, Buffer.from('\n')]),
      Buffer.alloc(0),
    ]) {
      expect(() => decodeManifest(bytes, 'key')).toThrow('manifest key is damaged');
    }
  });

  it.each([{ format: 2 }, { features: ['tapes'] }, { kind: 'bundle' }])(
    'that needs a newer release is told from a damaged one: %j',
    (change) => {
      const header = { ...manifest.header, ...change } as Manifest['header'];
      const newer = encodeManifest({ ...manifest, header }, signer);

      expect(() => decodeManifest(newer, 'key')).toThrow('needs a newer release');
    },
  );
});

describe('the digest of a snapshot', () => {
  const digest = (header: object, body: object = {}): string =>
    snapshotDigest({ ...manifest.header, ...header } as Manifest['header'], { ...manifest.body, ...body });

  it('changes with what a snapshot is, and not with where its objects lie', () => {
    expect(digest({ sequence: 8 })).not.toBe(digest({}));
    expect(digest({}, { contentRoot: 'aa' })).not.toBe(digest({}));
    expect(digest({ objects: [{ number: 1 }], revision: 3, digest: 'x' })).toBe(digest({}));
  });
});

describe('a manifest key', () => {
  it.each([
    name,
    { ...name, revision: 12, state: 'complete', level: 'incremental', sequence: 99_999_999 } as const,
  ])('says all that a listing needs', (one) => {
    expect(parseManifestKey(manifestKey(one))).toEqual(one);
  });

  it('sorts by sequence as text', () => {
    const keys = [9, 10, 99_999_999].map((sequence) => manifestKey({ ...name, sequence }));

    expect([...keys].sort()).toEqual(keys);
  });

  it.each([
    'manifests/x',
    `data/${name.server}/x`,
    `${manifestKey(name)}.tmp`,
    manifestKey(name).replace('full', 'half'),
    `x/${manifestKey(name)}`,
    manifestKey(name).replace('/00000007-', '/123456789-'),
    manifestKey(name).replace('/00000007-', '/9007199254740993-'),
    manifestKey(name).replace('.manifest', '-r01.manifest'),
    manifestKey(name).replace('.manifest', '-r123456.manifest'),
  ])('is not taken from %s', (key) => {
    expect(parseManifestKey(key)).toBeNull();
  });

  it.each([
    { sequence: 100_000_000 },
    { sequence: 2 ** 53 },
    { sequence: -1 },
    { sequence: 1.5 },
    { sequence: Number.NaN },
    { revision: 100_000 },
  ])('is not made of %o', (numbers) => {
    expect(() => manifestKey({ ...name, ...numbers })).toThrow(TypeError);
  });
});

describe('a name in a key', () => {
  it.each([
    ['exa_db-1.x', 'exa_db-1.x'],
    ['..', '%2E%2E'],
    ['.', '%2E'],
    ['a/b\0c', 'a%2Fb%00c'],
    ['ü %', '%C3%BC%20%25'],
  ])('%s cannot leave its directory: %s', (from, to) => {
    expect(encodeName(from)).toBe(to);
  });
});
