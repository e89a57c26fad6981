/** Encrypted snapshots: chains, restores, exports, verification and rescue, and that nothing shows without the key. */

import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { s3TarProvider } from '../../../src/addins/s3-tar/index.ts';
import { newKeyPair } from '../../../src/core/age/x25519.ts';
import { manifestKey, parseManifestKey } from '../../../src/core/archive/keys.ts';
import { encodeManifest } from '../../../src/core/archive/manifest.ts';
import { newIdentity } from '../../../src/core/encryption/identity-file.ts';
import { openKeyRing } from '../../../src/core/encryption/key-ring.ts';
import { pairId, recipientText } from '../../../src/core/encryption/key-text.ts';
import { withKeys } from '../../../src/core/encryption/keyed-provider.ts';
import { createEpoch } from '../../../src/core/encryption/owner-keys.ts';
import { errorCodes } from '../../../src/core/errors.ts';
import {
  listSnapshots,
  readAnySnapshot,
  readSnapshot,
  type Snapshot,
} from '../../../src/core/jobs/catalog.ts';
import { verify } from '../../../src/core/jobs/verify.ts';
import { type Lab, openLab, runRescue } from '../../support/backup.ts';
import { cannedEngine, cannedSelector } from '../../support/canned-engine.ts';
import { repairLab } from '../../support/upkeep.ts';

const signal = new AbortController().signal;
const planted = [
  'Planted-Directory',
  'planted_file.txt',
  'PlantedContent',
  'planted_database',
  'lab.example',
  '"site1"',
];

const strangersRecipient = recipientText(newKeyPair().publicKey);

let directory: string;
let lab: Lab;
let tree: string;
let first: Snapshot;
let second: Snapshot;
const engine = cannedEngine({ planted_database: 'INSERT INTO t VALUES ("PlantedContent in a row");\n' });

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'holdfast-encrypted-'));
  tree = join(directory, 'tree');
  mkdirSync(join(tree, 'Planted-Directory'), { recursive: true });
  writeFileSync(join(tree, 'Planted-Directory/planted_file.txt'), 'PlantedContent of a file\n');
  for (let n = 0; n < 300; n++)
    writeFileSync(join(tree, `f${n}`), `PlantedContent ${n}\n`.repeat(500 * (n % 7)));
  lab = await openLab(directory, {
    chain: {},
    encrypted: true,
    pageBytes: 4000,
    now: () => Date.now() + 60_000,
  });
  first = await backUp('full');
  writeFileSync(join(tree, 'new'), 'PlantedContent that is new\n');
  second = await backUp('incremental');
});

afterAll(async () => {
  await lab.close();
  rmSync(directory, { recursive: true, force: true });
});

async function backUp(level: 'full' | 'incremental'): Promise<Snapshot> {
  const options = { level, engines: [engine], databases: [cannedSelector] };
  return (await lab.backUp({ shadow: tree }, options)).snapshot;
}

function filesBelow(path: string): string[] {
  return readdirSync(path, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
}

describe('an encrypted chain', () => {
  it('refers to what the full holds, and restores whole', async () => {
    expect(first.header).toMatchObject({ level: 'full', features: ['age'], encryption: { epoch: 1 } });
    expect(second.header).toMatchObject({ level: 'incremental', parents: [first.header.id] });
    expect(second.header.references.length).toBeGreaterThan(0);
    for (const { key, epoch } of [...second.header.objects, ...second.header.references]) {
      expect(key).toMatch(/\.age$/);
      expect(epoch).toBe(1);
    }
    const target = join(directory, 'restored');
    await lab.restore(target);
    execFileSync('diff', ['-r', tree, join(target, 'shadow')]);
    const sql = readFileSync(join(target, 'databases/canned/planted_database.sql'), 'utf8');
    expect(sql).toContain('PlantedContent in a row');
  });

  it('verifies with the identity, every byte', async () => {
    const report = await lab.verify(true);
    expect(report.snapshots.flatMap(({ problems }) => problems)).toEqual([]);
    expect(report.snapshots.map(({ locked }) => locked)).toEqual([false, false]);
  });

  it('verifies as well beside a snapshot that another key opens, which it names', async () => {
    const [place, stranger] = [{ server: first.header.server, owner: first.header.owner }, newKeyPair()];
    const keys = await createEpoch(lab.provider, { ...place, epoch: 1 }, [strangersRecipient], signal);
    const encryption = { epoch: 1, pair: pairId(keys.publicKey) };
    const header = { ...first.header, id: 'abcdefabcdef', sequence: 1, encryption };
    const name = parseManifestKey(first.key)!;
    const key = manifestKey({ ...name, id: header.id, sequence: 1 });
    writeFileSync(
      join(lab.storePath, key),
      encodeManifest({ header, body: first.body }, null, stranger.publicKey),
    );
    const snapshots = await listSnapshots(lab.store, {}, signal);
    const { store, provider } = lab;
    const request = { store, provider, snapshots, readData: true, threads: 1, signal, onEvent: () => {} };

    const report = await verify(request);
    const alone = verify({ ...request, snapshots: snapshots.filter((one) => one.key === key) });

    const wrong = report.snapshots.filter(({ problems }) => problems.length > 0);
    expect(wrong.map((one) => one.key)).toEqual([key]);
    expect(report.snapshots).toHaveLength(3);
    expect(report.exitStatus).toBe(errorCodes.IDENTITY_WRONG.exit);
    await expect(alone).rejects.toMatchObject({ code: 'IDENTITY_WRONG' });
    rmSync(join(lab.storePath, key));
    rmSync(join(lab.storePath, keys.key));
  });

  it('is read by rescue.py, which takes nothing without the identity', async () => {
    const target = join(directory, 'rescued');
    expect(await lab.rescue('restore', second.name, '--to', target)).toMatchObject({
      status: 0,
      problems: [],
    });
    execFileSync('diff', ['-r', tree, join(target, 'shadow')]);
    const checked = await lab.rescue('verify', 'latest', '--account', 'lab.example');
    expect(checked).toMatchObject({ status: 0, problems: [] });
    const refused = await runRescue(lab.storePath, ['restore', second.header.id, '--to', `${target}-not`]);
    expect(refused).toMatchObject({
      status: 2,
      stderr: expect.stringContaining('is encrypted: give --identity FILE'),
    });
    const listed = await runRescue(lab.storePath, ['list']);
    expect(listed).toMatchObject({ status: 0, stdout: expect.stringContaining(first.header.owner) });
  });

  it('is made of files that age opens', () => {
    const key = readdirSync(join(lab.storePath, 'keys'), { recursive: true, encoding: 'utf8' }).find((name) =>
      name.endsWith('.age'),
    )!;
    const own = execFileSync('age', [
      '-d',
      '-i',
      join(directory, 'identity'),
      join(lab.storePath, 'keys', key),
    ]);
    const ownIdentity = join(directory, 'own');
    writeFileSync(ownIdentity, own, { mode: 0o600 });
    const segments: Buffer[] = [];
    for (const { key: object, kind } of first.header.objects) {
      const opened = execFileSync('age', ['-d', '-i', ownIdentity, join(lab.storePath, object)], {
        maxBuffer: 1 << 28,
      });
      const plain = execFileSync('zstd', ['-dc'], { input: opened, maxBuffer: 1 << 28 });
      if (kind === 'segment') segments.push(plain);
      if (kind === 'export') expect(plain.includes('PlantedContent in a row')).toBe(true);
    }
    expect(Buffer.concat(segments).includes('planted_file.txt')).toBe(true);
    const body = readFileSync(join(lab.storePath, first.key), 'utf8').split('\n')[1]!;
    const opened = execFileSync('age', ['-d', '-i', ownIdentity], { input: Buffer.from(body, 'base64') });
    expect(JSON.parse(opened.toString())).toEqual(first.body);
  });

  it('is read by the commands of RESTORE.md, a full of all its segments', () => {
    const { server, owner } = first.header;
    const keys = join(lab.storePath, 'keys', server, owner);
    const page = readFileSync(join(lab.storePath, 'RESTORE.md'), 'utf8');
    const block = page.slice(page.indexOf("key=$(age -d -i '/root/admin.key'"));
    const commands = block
      .slice(0, block.indexOf('```'))
      .replace(/^opened "\$store.*\n/m, '')
      .replace('/path/to/the/store/keys/SERVER/OWNER/KEYFILE', join(keys, readdirSync(keys)[0]!))
      .replace('/root/admin.key', join(directory, 'identity'))
      .replace('NAME.manifest', join(lab.storePath, first.key));
    const [store, id] = join(lab.storePath, first.header.objects[0]!.key).split(/\/(?=[^/]+$)/);
    const target = join(directory, 'by-hand');
    mkdirSync(target);
    const values = `set -eo pipefail; store='${store}'; id='${id!.split('-')[0]}'; cd '${target}'`;
    const body = execFileSync('bash', ['-c', `${values}\n${commands}`]);

    expect(JSON.parse(body.toString())).toEqual(first.body);
    expect(readFileSync(join(target, 'shadow/f299'))).toEqual(readFileSync(join(tree, 'f299')));
    expect(readdirSync(join(target, 'shadow'))).toHaveLength(301);
  });
});

describe('without the identity', () => {
  it('the store shows no name, no path, no content and no hash of them, in no encoding', () => {
    const hashes = first.body.components.flatMap((one) => (one.type === 'database' ? [one.sha256!] : []));
    const texts = [...planted, ...hashes, first.body.contentRoot!];
    const words = texts.flatMap((text) => {
      const bytes = Buffer.from(text);
      const base64 = [0, 1, 2].map((shift) => {
        const encoded = Buffer.concat([Buffer.alloc(shift), bytes]).toString('base64');
        return encoded.slice(shift === 0 ? 0 : 4, -4);
      });
      const raw = /^[0-9a-f]{64}$/.test(text) ? [Buffer.from(text, 'hex').toString('latin1')] : [];
      return [text, bytes.toString('hex'), ...base64, ...raw];
    });
    // The same in every store, and of examples.
    const files = filesBelow(lab.storePath).filter((path) => !/(?:RESTORE\.md|rescue\.py)$/.test(path));
    expect(files.length).toBeGreaterThan(8);
    for (const file of files) {
      const content = `${file.slice(lab.storePath.length)}\n${readFileSync(file, 'latin1')}`;
      for (const word of words) {
        const found = content.includes(word);
        if (found) expect(`${word} in ${file}`).toBe('nowhere');
      }
    }
  });

  it('headers are read, bodies are not', async () => {
    const { addin, ...rest } = lab;
    const provider = await s3TarProvider.open({ store: rest.store, settings: { use: 's3-tar' } });
    const [listed] = await listSnapshots(rest.store, {}, signal);
    const any = await readAnySnapshot(provider, listed!, signal);
    expect(any).toMatchObject({ body: null, header: { id: first.header.id } });
    expect(any.name).toBe(first.name.replace('site1', first.header.owner));
    await expect(readSnapshot(provider, listed!, signal)).rejects.toMatchObject({ code: 'IDENTITY_MISSING' });
    expect(addin.encryption).not.toBe('none');
  });

  it('verify still finds a damaged byte, and says what it could not check', async () => {
    const provider = await s3TarProvider.open({ store: lab.store, settings: { use: 's3-tar' } });
    const snapshots = await listSnapshots(lab.store, {}, signal);
    const request = {
      provider,
      store: lab.store,
      snapshots,
      readData: true,
      threads: 1,
      signal,
      onEvent: () => {},
    };
    const sound = await verify(request);
    expect(sound).toMatchObject({ exitStatus: 0, snapshots: [{ locked: true }, { locked: true }] });
    const path = join(lab.storePath, first.header.objects[0]!.key);
    const bytes = readFileSync(path);
    bytes[bytes.length >> 1]! ^= 1;
    writeFileSync(path, bytes);
    const damaged = await verify(request);
    bytes[bytes.length >> 1]! ^= 1;
    writeFileSync(path, bytes);
    expect(damaged.exitStatus).toBe(42);
  });

  it('verify says that a key is damaged, and checks what it can', async () => {
    const [key, object] = [filesBelow(join(lab.storePath, 'keys'))[0]!, first.header.objects[0]!.key];
    const kept = [key, join(lab.storePath, object)].map((path) => ({ path, bytes: readFileSync(path) }));
    for (const { path } of kept) writeFileSync(path, 'nonsense');

    // Not the laboratory's, which remembers the key.
    const { store, provider: plain } = lab;
    const keys = openKeyRing({ store, provider: plain, identities: [await newIdentity()], signal });
    const snapshots = await listSnapshots(store, {}, signal);
    const request = { store, snapshots, readData: false, threads: 1, signal, onEvent: () => {} };
    const report = await verify({ ...request, provider: withKeys(plain, { keys }) });

    for (const { path, bytes } of kept) writeFileSync(path, bytes);
    const [full, incremental] = report.snapshots.map(({ problems }) => problems.map((one) => one.object));
    expect(full).toEqual([object, first.key]);
    expect(incremental).toContain(second.key);
    expect(report.exitStatus).toBe(errorCodes.OBJECT_DAMAGED.exit);
  });

  it('verify says that a key is missing', async () => {
    const directoryOfKeys = join(lab.storePath, 'keys');
    const key = filesBelow(directoryOfKeys)[0]!;
    const bytes = readFileSync(key);
    rmSync(key);
    const report = await lab.verify(false);
    writeFileSync(key, bytes, { mode: statSync(lab.storePath).mode & 0o600 });
    expect(report.exitStatus).toBe(43);
  });

  it('repair takes no manifest from a copy for want of a key', async () => {
    const [key] = filesBelow(join(lab.storePath, 'keys'));
    const bytes = readFileSync(key!);
    rmSync(key!);
    const { store, provider: plain } = lab;
    const keys = openKeyRing({ store, provider: plain, identities: [await newIdentity()], signal });
    const copies = [{ name: 'offsite', store, provider: plain }];
    const report = await repairLab(lab, { provider: withKeys(plain, { keys }), copies });
    writeFileSync(key!, bytes, { mode: 0o600 });

    expect(report.exitStatus).toBe(errorCodes.OBJECT_MISSING.exit);
    const problem = expect.stringContaining('the key of epoch 1 is missing');
    const expected = { copy: null, mended: false, problem };
    expect(report.objects).toEqual(
      [first, second].map((one) => ({ key: one.key, owner: one.header.owner, ...expected })),
    );
  });
});
