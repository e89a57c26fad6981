/** Snapshots that this server did not sign, through the command line: refused, restricted, or trusted on purpose. */

import { execFileSync } from 'node:child_process';
import {
  chownSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { DoctorDocument } from '../../src/cli/documents/doctor.ts';
import type { RestoreDocument } from '../../src/cli/documents/restore.ts';
import type { VerifyDocument } from '../../src/cli/documents/verify.ts';
import {
  decodeManifest,
  encodeManifest,
  type ManifestBody,
  type ManifestHeader,
} from '../../src/core/archive/manifest.ts';
import { type CliSite, documentOf, makeDirectory, makeSite, treeIn, writeJson } from '../support/cli.ts';

let site: CliSite;
let panel: { use: string; root?: string; accounts: object[] };
let key: string;
let targets = 0;

beforeAll(async () => {
  const dir = makeDirectory();
  const tree = join(dir, 'home/anna');
  mkdirSync(tree, { recursive: true });
  writeFileSync(join(tree, 'page'), 'hello');
  writeFileSync(join(tree, 'tool'), '#!/bin/sh\n');
  execFileSync('chown', ['-R', '1501:1502', tree]);
  chownSync(join(tree, 'tool'), 0, 0);
  execFileSync('chmod', ['4755', join(tree, 'tool')]);
  panel = { use: 'generic', accounts: [{ path: join(dir, 'home/*') }] };
  site = makeSite({ panel }, dir);
  expect((await site.holdfast('backup', '--quiet')).status).toBe(0);
  const { checks } = documentOf<DoctorDocument>('doctor', await site.holdfast('doctor', '--json'));
  key = checks.find(({ name }) => name === 'signing key')!.detail;
  // As on a new machine: nothing but the store and the configuration.
  renameSync(site.state, join(dir, 'lost'));
});
afterAll(() => site.remove());

const restore = async (...options: readonly string[]) => {
  const target = join(site.dir, `target-${++targets}`);
  const result = await site.holdfast('restore', 'latest', '--account', 'anna', '--to', target, ...options);
  return { target, ...result };
};

describe('a snapshot that this machine did not sign', () => {
  it('is shown by status, and is no good one', async () => {
    const { status, stdout } = await site.holdfast('status');

    expect(status).toBe(100);
    expect(stdout).toMatch(/^anna +- +1 +complete, untrusted +/m);
  });

  it('is not restored without a word, and the key is named', async () => {
    const { status, stderr, target } = await restore();

    expect(status).toBe(49);
    expect(stderr).toContain(`is signed with ${key}, which is not trusted here`);
    const [server] = readdirSync(join(site.store, 'manifests'));
    expect(stderr).toContain(`in "trustedSigners" of config.json, as "${server}:${key}"`);
    expect(existsSync(target)).toBe(false);
    const all = await site.holdfast('restore', 'latest', '--all', '--to', join(site.dir, 'all'));
    expect(all.status).toBe(49);
    expect(readdirSync(join(site.dir, 'all'))).toEqual([]);
    expect((await site.holdfast('restore', 'latest', '--account', 'anna', '--in-place')).status).toBe(49);
  });

  it('comes back restricted where that is said, as the user that is named', async () => {
    const { status, target, stdout } = await restore('--restricted', '--owner', '1601:1602', '--json');

    expect(status).toBe(0);
    expect(documentOf<RestoreDocument>('restore', { stdout }).entries).toBe(3);
    const tree = join(target, treeIn(target));
    for (const name of ['page', 'tool']) {
      expect(statSync(join(tree, name))).toMatchObject({ uid: 1601, gid: 1602 });
    }
    expect(statSync(join(tree, 'tool')).mode & 0o7777).toBe(0o755);
    const to = join(site.dir, 'all-restricted');
    const all = await site.holdfast(
      ...['restore', 'latest', '--all', '--to', to, '--restricted', '--owner', '1601:1602'],
    );
    expect(all.status).toBe(0);
    expect(statSync(join(to, 'anna/files/tool'))).toMatchObject({ uid: 1601, gid: 1602, mode: 0o100755 });
  });

  it('belongs to the live account where nobody is named', async () => {
    const { status, target } = await restore('--restricted');

    expect(status).toBe(0);
    expect(statSync(join(target, treeIn(target), 'tool'))).toMatchObject({ uid: 1501, gid: 1502 });
  });

  it.each([
    [['--restricted', '--owner', '0:0'], 'is no owner'],
    [['--restricted', '--owner', '1601:0'], 'is no owner'],
    [['--owner', '1601:1602'], '--owner belongs to --restricted'],
  ])('needs an owner that is no root: %j', async (options, message) => {
    const { status, stderr, target } = await restore(...options);

    expect(status).toBe(2);
    expect(stderr).toContain(message);
    expect(existsSync(target)).toBe(false);
  });

  it('is told by verify, and whole once its signer is trusted', async () => {
    const before = await site.holdfast('verify', '--json');
    expect(before.status).toBe(49);
    expect(documentOf<VerifyDocument>('verify', before).snapshots[0]!.problems[0]!.message).toContain(key);

    writeJson(join(site.config, 'config.json'), { panel, trustedSigners: [key] });
    expect((await site.holdfast('verify')).status).toBe(0);
    const { status, target } = await restore();
    expect(status).toBe(0);
    expect(statSync(join(target, treeIn(target), 'tool')).mode & 0o7777).toBe(0o4755);

    // Whoever may write puts a revision above it.
    const { key: manifest } = documentOf<VerifyDocument>('verify', before).snapshots[0]!;
    const above = join(site.store, manifest.replace('.manifest', '-r1.manifest'));
    writeFileSync(above, 'garbage');
    const again = await restore('--json');
    expect(again.status).toBe(100);
    expect(again.stderr).toContain('an earlier revision of anna-');
    expect(statSync(join(again.target, treeIn(again.target), 'tool')).size).toBe(10);
    for (const which of [[], ['latest', '--account', 'anna']]) {
      expect((await site.holdfast('verify', ...which)).status).toBe(42);
    }
    rmSync(above);
    writeJson(join(site.config, 'config.json'), { panel });
  });
});

describe('a newest snapshot that somebody else has put there', () => {
  it.each<[string, number, (header: ManifestHeader, body: ManifestBody) => Uint8Array]>([
    ['unsigned', 49, (header, body) => encodeManifest({ header, body }, null)],
    ['damaged', 42, () => Buffer.from('')],
  ])('is refused with the name of the one to take instead: %s', async (_, expected, forged) => {
    const folder = join(site.store, 'manifests');
    const names = readdirSync(folder, { recursive: true, encoding: 'utf8' });
    const ours = names.find((name) => readFrom(join(folder, name)).includes('"site":"anna"'))!;
    const { header, body } = decodeManifest(readFileSync(join(folder, ours)), ours);
    const at = '29990101T000000Z';
    const planted = join(folder, dirname(ours), `00000099-${at}-full-complete-dddddddddddd.manifest`);
    const lie = { ...header, id: 'dddddddddddd', sequence: 99, startedAt: '2999-01-01T00:00:00.000Z' };
    writeFileSync(planted, forged({ ...lie, committedAt: lie.startedAt }, body!));
    writeJson(join(site.config, 'config.json'), { panel, trustedSigners: [`${header.server}:${key}`] });
    const { status, stderr } = await restore();
    rmSync(planted);
    const again = await restore();
    writeJson(join(site.config, 'config.json'), { panel });

    expect(status).toBe(expected);
    expect(stderr).toMatch(new RegExp(`; the newest that is whole and trusted is anna-\\S+-${header.id}\n`));
    expect(stderr).toMatch(new RegExp(`hint: Name anna-\\S+-${header.id} instead\\.`));
    expect(again.status).toBe(0);
  });
});

const readFrom = (path: string): string => (statSync(path).isFile() ? readFileSync(path, 'utf8') : '');

describe('a store that was put back to an older state', () => {
  it('is told by verify and by a restore of the latest', async () => {
    rmSync(site.state, { recursive: true, force: true });
    renameSync(join(site.dir, 'lost'), site.state);
    await site.holdfast('backup', '--quiet');
    const folder = join(site.store, 'manifests');
    const newest = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter(
      (name) => /\/00000002-/.test(name) && readFileSync(join(folder, name), 'utf8').includes('"anna"'),
    );
    expect(newest).toHaveLength(1);
    rmSync(join(folder, newest[0]!));

    const { status, stdout } = await site.holdfast('verify');
    expect(status).toBe(43);
    expect(stdout).toContain('an older state of the store may have been put back');
    const restored = await restore();
    expect(restored.status).toBe(100);
    expect(restored.stderr).toContain('this server made number 2, which is not in the store');
  });
});
