/**
 * Manifests that somebody with only the store's credentials has planted among those of an account: sealed, signed by
 * nobody. What they say decides nothing for anybody else.
 */

import { hash } from 'node:crypto';
import {
  cpSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { BackupDocument } from '../../src/cli/documents/backup.ts';
import type { CompactDocument } from '../../src/cli/documents/compact.ts';
import type { MatchDocument } from '../../src/cli/documents/entry.ts';
import type { RepairDocument } from '../../src/cli/documents/repair.ts';
import type { SnapshotsDocument } from '../../src/cli/documents/snapshots.ts';
import type { VerifyDocument } from '../../src/cli/documents/verify.ts';
import { manifestKey } from '../../src/core/archive/keys.ts';
import { decodeManifest, type ObjectRef, type SealedManifest } from '../../src/core/archive/manifest.ts';
import { type CliSite, documentOf, linesOf, makeDirectory, makeSite, writeJson } from '../support/cli.ts';

type Json = Record<string, unknown>;
interface Planted {
  readonly header: Json;
  readonly body: Json;
}

let site: CliSite;
let copy: string;
let panel: Json;
/** Of the account whose place in the store is misused. */
let anna: SealedManifest;
let planted = 0;

beforeAll(async () => {
  const dir = makeDirectory();
  for (const name of ['anna', 'ben']) {
    mkdirSync(join(dir, 'home', name), { recursive: true });
    writeFileSync(join(dir, 'home', name, 'page'), `of ${name}`);
  }
  panel = { use: 'generic', accounts: [{ path: join(dir, 'home/*') }] };
  site = makeSite({ panel }, dir);
  copy = join(dir, 'copy');
  writeJson(join(site.config, 'addins.d/nightly.json'), {
    name: 'nightly',
    provider: { use: 's3-tar' },
    store: { use: 'local', path: site.store },
    copies: [{ name: 'offsite', store: { use: 'local', path: copy } }],
    encryption: 'none',
  });
  expect((await site.holdfast('backup', '--quiet')).status).toBe(0);
  const manifests = readdirSync(join(site.store, 'manifests'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.manifest'))
    .map((name) => `manifests/${name}`);
  anna = manifests
    .map((key) => decodeManifest(readFileSync(join(site.store, key)), key))
    .find(({ body }) => body.account.site === 'anna')!;
  for (const path of ['store', 'copy', 'config/state'])
    cpSync(join(dir, path), join(dir, 'kept', path), { recursive: true });
});
afterAll(() => site.remove());
beforeEach(() => {
  for (const path of ['store', 'copy', 'config/state']) {
    rmSync(join(site.dir, path), { recursive: true });
    cpSync(join(site.dir, 'kept', path), join(site.dir, path), { recursive: true });
  }
});

/** A later snapshot than any of ours. @returns its key */
function plant(change: (manifest: Planted) => Planted): string {
  planted += 1;
  const at = new Date(Date.parse(anna.header.startedAt) + 1000 * planted);
  const id = String(planted).padStart(12, 'f');
  const own = { id, objectId: `${id}${'0'.repeat(20)}`, sequence: 500 + planted, parents: [] };
  const times = { startedAt: at.toISOString(), committedAt: at.toISOString() };
  const { header, body } = change({ header: { ...anna.header, ...own, ...times }, body: { ...anna.body } });
  const { server, owner, level, state } = anna.header;
  const atMs = Math.floor(at.getTime() / 1000) * 1000;
  const key = manifestKey({ server, owner, sequence: own.sequence, atMs, level, state, id, revision: 0 });
  const lines = `${JSON.stringify(header)}\n${JSON.stringify(body)}\n`;
  writeFileSync(
    join(site.store, key),
    `${lines}${JSON.stringify({ sha256: hash('sha256', lines, 'hex') })}\n`,
  );
  return key;
}

/** Above the one of ours that the store has. */
function plantRevision(): void {
  const { header, body } = anna;
  const revision = { ...header, revision: 7, replaces: ownKey(), objects: [], references: [] };
  const lines = `${JSON.stringify(revision)}\n${JSON.stringify(body)}\n`;
  const seal = JSON.stringify({ sha256: hash('sha256', lines, 'hex') });
  writeFileSync(join(site.store, ownKey().replace('.manifest', '-r7.manifest')), `${lines}${seal}\n`);
}

const ownKey = (): string => manifestKey({ ...anna.header, atMs: Date.parse(anna.header.startedAt) });
const segment = (): ObjectRef => anna.header.objects.find(({ kind }) => kind === 'segment')!;
const naming =
  (ref: Json) =>
  ({ header, body }: Planted): Planted => ({
    header: { ...header, references: [{ ...segment(), ...ref }] },
    body,
  });
const withHeader =
  (more: Json) =>
  ({ header, body }: Planted): Planted => ({ header: { ...header, ...more }, body });
const withBody =
  (more: Json) =>
  ({ header, body }: Planted): Planted => ({ header, body: { ...body, ...more } });

describe('a planted manifest', () => {
  it('has repair neither replace what is no object of a snapshot, nor call lost what a copy has whole', async () => {
    const file = readFileSync(join(copy, 'holdfast.json'));
    const before = readFileSync(join(site.store, 'holdfast.json'));
    const foreign = { key: 'holdfast.json', size: file.length, sha256: hash('sha256', file, 'hex') };
    const unreadable = plant(naming(foreign));
    plant(naming({ size: 1 }));
    plantRevision();
    const { key, size } = segment();
    truncateSync(join(site.store, key), size - 3);

    const result = await site.holdfast('repair', '--apply', '--json');

    const { objects, snapshots, untrusted } = documentOf<RepairDocument>('repair', result);
    expect(objects.map((one) => [one.key, one.copy, one.mended])).toEqual([
      [unreadable, null, false],
      [key, 'offsite', true],
    ]);
    expect([snapshots, untrusted, result.status]).toEqual([[], 1, 42]);
    expect(statSync(join(site.store, key)).size).toBe(size);
    expect(readFileSync(join(site.store, 'holdfast.json'))).toEqual(before);
  });

  it('stops no copy of other snapshots, and is not copied', async () => {
    const keys = ['data/', 'data//x', 'data/../x', 'index/ x'].map((key) => plant(naming({ key })));
    plant(naming({ size: 1 }));
    plantRevision();
    rmSync(join(copy, ownKey()));

    const { copies } = documentOf<BackupDocument>('backup', await site.holdfast('backup', '--json'));

    expect(copies).toMatchObject([{ copied: 3, untrusted: 1, lacking: keys.length }]);
    expect(readFileSync(join(copy, ownKey()))).toEqual(readFileSync(join(site.store, ownKey())));
    const { failures } = copies[0]!;
    expect(failures.map(({ snapshot }) => snapshot).sort()).toEqual(keys);
    expect(new Set(failures.map(({ error }) => error.code))).toEqual(new Set(['OBJECT_DAMAGED']));
  });

  it('that is locked to a key nobody has keeps no other from being read', async () => {
    plant(withHeader({ encryption: { epoch: 1, pair: 'zz' }, references: [{ ...segment(), size: 1 }] }));
    const of = (...args: readonly string[]) => site.holdfast(...args);
    const [find, compact, repair, verify] = await Promise.all([
      of('find', 'page', '--json'),
      of('compact', '--json'),
      of('repair', '--json'),
      of('verify', '--json'),
    ]);

    expect(linesOf<MatchDocument>('match', find)).toHaveLength(2);
    expect([find.status, compact.status, repair.status, verify.status]).toEqual([0, 0, 0, 49]);
    expect(find.stderr).toContain('1 snapshot not searched');
    expect(documentOf<CompactDocument>('compact', compact).accounts).toEqual([]);
    expect(documentOf<RepairDocument>('repair', repair)).toMatchObject({ objects: [], untrusted: 1 });
    const { snapshots, histories } = documentOf<VerifyDocument>('verify', verify);
    const problems = snapshots.flatMap((one) => one.problems.map(({ message }) => message));
    expect([problems.length, histories]).toEqual([1, []]);
    expect(problems[0]).toContain('its manifest is not signed');

    const newest = new RegExp(`newest that is whole and trusted is anna-\\w+-${anna.header.id}`);
    const target = join(site.dir, 'target');
    for (const args of [
      ['ls', 'latest'],
      ['restore', 'latest', '--to', target],
    ] as const) {
      const { status, stderr } = await of(...args, '--account', 'anna');
      expect([status, stderr]).toEqual([49, expect.stringMatching(newest)]);
    }
  });

  it('stops no backup of its account by a feature that only it knows of', async () => {
    plant(withHeader({ features: ['zzz'] }));

    const { snapshots, failed } = documentOf<BackupDocument>(
      'backup',
      await site.holdfast('backup', '--json'),
    );

    expect([snapshots.length, failed]).toEqual([2, []]);
  });

  it('is damaged where its body is none, and all others are shown', async () => {
    const index = { ...anna.body.index };
    const keys = [
      withBody({ unconfiguredEngines: 7 }),
      withBody({ account: { ...anna.body.account, domain: { a: 1 } } }),
      withBody({ index: { ...index, offset: 1.5 } }),
      withBody({ index: { ...index, object: -1 } }),
    ].map(plant);

    const result = await site.holdfast('snapshots', '--json');

    expect(result.status).toBe(42);
    const { snapshots, damaged } = documentOf<SnapshotsDocument>('snapshots', result);
    expect(snapshots).toHaveLength(2);
    expect(damaged.map(({ key }) => key).sort()).toEqual(keys);
  });

  it('gives no account the name of another on a machine that knows its signers', async () => {
    plant(withBody({ account: { ...anna.body.account, site: 'ben' } }));
    const config = join(site.dir, 'new-machine');
    mkdirSync(join(config, 'addins.d'), { recursive: true });
    const nobody = { use: 'generic', accounts: [{ path: join(site.dir, 'nowhere/*') }] };
    writeJson(join(config, 'config.json'), {
      isolation: 'off',
      panel: nobody,
      trustedSigners: [anna.signedBy],
    });
    cpSync(join(site.config, 'addins.d'), join(config, 'addins.d'), { recursive: true });
    const target = join(site.dir, `of-ben-${planted}`);

    const { status } = await site.holdfast(
      '--config',
      config,
      'restore',
      'latest',
      '--account',
      'ben',
      '--to',
      target,
    );

    expect(status).toBe(0);
    const page = readdirSync(target, { recursive: true, encoding: 'utf8' }).find((name) =>
      name.endsWith('page'),
    )!;
    expect(readFileSync(join(target, page), 'utf8')).toBe('of ben');
  });
});
