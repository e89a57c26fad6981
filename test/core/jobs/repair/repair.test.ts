/** Repair on real chains with planted damage: what comes back, what is marked, and that the rest restores. */

import { execFileSync } from 'node:child_process';
import { randomBytes, randomUUID } from 'node:crypto';
import {
  chownSync,
  cpSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { localStore } from '../../../../src/addins/local/index.ts';
import { s3TarProvider } from '../../../../src/addins/s3-tar/index.ts';
import { newKeyPair } from '../../../../src/core/age/x25519.ts';
import { encodeManifest, type ObjectRef } from '../../../../src/core/archive/manifest.ts';
import type { Identity } from '../../../../src/core/encryption/identities.ts';
import { openKeyRing } from '../../../../src/core/encryption/key-ring.ts';
import { identityText, recipientText } from '../../../../src/core/encryption/key-text.ts';
import { withKeys } from '../../../../src/core/encryption/keyed-provider.ts';
import { errorCodes, HoldfastError } from '../../../../src/core/errors.ts';
import { listSnapshots, readSnapshot, type Snapshot } from '../../../../src/core/jobs/catalog.ts';
import type { RepairRequest } from '../../../../src/core/jobs/repair/types.ts';
import { openTrust } from '../../../../src/core/jobs/trust.ts';
import { compareTrees } from '../../../support/compare-trees.ts';
import { ageStore, pruneLab, repairLab } from '../../../support/upkeep.ts';
import { type ChainLab, openChainLab } from '../chain/chain-lab.ts';

const signal = new AbortController().signal;
let chain: ChainLab;

beforeEach(async () => {
  chain = await openChainLab({ pageBytes: 1000 }, '/dev/shm');
  for (let i = 0; i < 30; i++) chain.write(`d${i % 5}/file-${i}`, randomBytes(3000));
});
afterEach(() => chain[Symbol.asyncDispose]());

function newIdentity(): Identity {
  const { privateKey, publicKey } = newKeyPair();
  return { secret: identityText(privateKey), recipient: recipientText(publicKey) };
}

const stored = (key: string): string => join(chain.lab.storePath, key);

const flip = (key: string, at = 100): void => {
  const bytes = readFileSync(stored(key));
  bytes[at]! ^= 1;
  writeFileSync(stored(key), bytes);
};

/** As many bytes as surely belong to a file: one bit may lie where none has anything. */
function spoil(key: string): void {
  for (let at = 30_000; at < 34_000; at += 100) flip(key, at);
}

/** Each thread that took part wrote one. */
const largestSegment = ({ header }: Pick<Snapshot, 'header'>): ObjectRef =>
  header.objects.filter(({ kind }) => kind === 'segment').sort((a, b) => b.size - a.size)[0]!;

/** A copy of the store as it is now. */
async function copyNow(): Promise<RepairRequest['copies'][number]> {
  const path = copyPath();
  cpSync(chain.lab.storePath, path, { recursive: true });
  const store = await localStore.open({ use: 'local', path });
  return {
    name: 'offsite',
    store,
    provider: await s3TarProvider.open({ store, settings: { use: 's3-tar' } }),
  };
}

const copyPath = (): string => join(chain.directory, 'copy');

/** Over what a copy made by `cp` has, which calls itself the main store. */
function writeStoreFile(path: string, change: { readonly store: string; readonly origins: string[] }): void {
  const file = join(path, 'holdfast.json');
  writeFileSync(file, JSON.stringify({ ...JSON.parse(readFileSync(file, 'utf8')), ...change }));
}

const everyFile = (): string[] =>
  readdirSync(chain.lab.storePath, { recursive: true, withFileTypes: true })
    .filter((one) => one.isFile())
    .map((one) => `${one.parentPath}/${one.name} ${statSync(join(one.parentPath, one.name)).size}`)
    .sort();

describe('repair', () => {
  it('finds nothing to do in a whole store', async () => {
    await chain.full();
    const told: unknown[] = [];
    const report = await repairLab(chain.lab, { onEvent: (event) => void told.push(event) });
    expect(report).toMatchObject({ objects: [], snapshots: [], exitStatus: 0 });
    expect(told.at(-1)).toEqual({ type: 'account', share: 1 });
  });

  it('takes damaged and missing objects from a copy, and only with apply', async () => {
    const full = await chain.full();
    chain.write('d0/new', randomBytes(9000));
    const next = await chain.incremental();
    const copies = [await copyNow()];
    const [segment] = full.header.objects.filter(({ kind }) => kind === 'segment');
    const [index] = next.header.objects.filter(({ kind }) => kind === 'index');
    flip(segment!.key);
    rmSync(stored(index!.key));
    flip(full.key);

    const before = everyFile();
    const dry = await repairLab(chain.lab, { copies, apply: false });
    expect(dry.objects.every(({ copy, mended }) => copy === 'offsite' && !mended)).toBe(true);
    expect(everyFile()).toEqual(before);
    const { objects, exitStatus } = await repairLab(chain.lab, { copies });
    expect(objects.map(({ key }) => key).sort()).toEqual([full.key, index!.key, segment!.key].sort());
    expect(objects.every(({ mended }) => mended)).toBe(true);
    expect(exitStatus).toBe(0);
    expect((await chain.lab.verify(true)).exitStatus).toBe(0);
    await chain.expectRestorable();
    for (const { store } of copies) await store.close();
  });

  it('mends a copy from the main store without keys, and leaves its snapshots alone where that has it not', async () => {
    await chain[Symbol.asyncDispose]();
    chain = await openChainLab({ pageBytes: 1000, encrypted: true }, '/dev/shm');
    chain.write('d0/old', randomBytes(9000));
    const full = await chain.full();
    chain.write('d0/new', randomBytes(9000));
    const next = await chain.incremental();
    const copy = await copyNow();
    const [segment] = full.header.objects.filter(({ kind }) => kind === 'segment');
    const [index] = next.header.objects.filter(({ kind }) => kind === 'index');
    const file = { store: randomUUID(), origins: [chain.lab.state.storeId(chain.lab.addin.name)!] };
    writeStoreFile(copyPath(), file);
    for (const { key } of [segment!, index!, next]) truncateSync(join(copyPath(), key), 40);
    const main = { name: 'main', store: chain.lab.store, provider: chain.lab.provider };
    const request = {
      store: copy.store,
      provider: copy.provider,
      copies: [main],
      isCopy: true,
      signer: null,
    };

    const before = everyFile();
    expect((await repairLab(chain.lab, { ...request, apply: false })).exitStatus).toBe(0);
    const { objects, snapshots, exitStatus } = await repairLab(chain.lab, request);
    expect(objects.map(({ key }) => key).sort()).toEqual([next.key, index!.key, segment!.key].sort());
    expect(objects.every((one) => one.mended && one.copy === 'main')).toBe(true);
    expect([snapshots, exitStatus]).toEqual([[], 0]);
    expect(everyFile(), 'nothing of the main store changed').toEqual(before);
    for (const { key } of [segment!, index!, next])
      expect(readFileSync(join(copyPath(), key))).toEqual(readFileSync(stored(key)));

    rmSync(stored(segment!.key));
    rmSync(join(copyPath(), segment!.key));
    expect(await repairLab(chain.lab, request)).toMatchObject({
      objects: [{ key: segment!.key, copy: null, mended: false }],
      snapshots: [],
      exitStatus: errorCodes.OBJECT_MISSING.exit,
    });
    writeStoreFile(copyPath(), { ...file, origins: [randomUUID()] });
    expect(await repairLab(chain.lab, request)).toMatchObject({
      unasked: [{ copy: 'main', message: expect.stringContaining('the copy was not made of the store') }],
      exitStatus: errorCodes.STORE_UNAVAILABLE.exit,
    });
    await copy.store.close();
  });

  it('fetches without an identity, or with a wrong one, what hashes tell of, and says what it could not open', async () => {
    await chain[Symbol.asyncDispose]();
    chain = await openChainLab({ pageBytes: 1000, encrypted: true }, '/dev/shm');
    chain.write('d0/old', randomBytes(9000));
    const full = await chain.full();
    const copies = [await copyNow()];
    const [segment] = full.header.objects.filter(({ kind }) => kind === 'segment');
    rmSync(stored(segment!.key));
    const locked = { provider: withKeys(chain.lab.provider, { keys: null }), signer: null };

    // Marking would want the keys.
    const alone = await repairLab(chain.lab, locked);
    expect(alone).toMatchObject({ unread: 1, snapshots: [], exitStatus: errorCodes.OBJECT_MISSING.exit });
    const report = await repairLab(chain.lab, { ...locked, copies });
    expect(report).toMatchObject({ objects: [{ mended: true }], unread: 1, exitStatus: 0 });
    expect((await chain.lab.verify(true)).exitStatus).toBe(0);

    rmSync(stored(segment!.key));
    const { lab } = chain;
    const keys = openKeyRing({ ...lab, identities: [newIdentity()], signal });
    const wrong = await repairLab(lab, { provider: withKeys(lab.provider, { keys }), copies });
    expect(wrong).toMatchObject({
      objects: [
        { problem: expect.stringContaining('no identity given opens the key of epoch 1'), copy: null },
        { key: segment!.key, mended: true },
      ],
      ...{ unread: 1, exitStatus: errorCodes.IDENTITY_WRONG.exit },
    });
    for (const { store } of copies) await store.close();
  });

  it('takes the lost key of an account from a copy, and that of a copy from the main store', async () => {
    await chain[Symbol.asyncDispose]();
    chain = await openChainLab({ pageBytes: 1000, encrypted: true }, '/dev/shm');
    chain.write('d0/old', randomBytes(9000));
    const full = await chain.full();
    const copy = await copyNow();
    const request = { copies: [copy] };
    const [key] = readdirSync(stored('keys'), { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.age'))
      .map((name) => `keys/${name}`);
    const [segment] = full.header.objects.filter(({ kind }) => kind === 'segment');
    rmSync(stored(key!));
    rmSync(stored(segment!.key));

    const dry = await repairLab(chain.lab, { ...request, apply: false });
    expect(
      dry.objects.map((one) => one.key),
      'what the closed one names is shown as well',
    ).toEqual([key, segment!.key]);
    expect(dry).toMatchObject({ snapshots: [], exitStatus: 0 });
    expect(await repairLab(chain.lab)).toMatchObject({
      objects: [{ key: full.key, problem: expect.stringContaining('the key of epoch 1 is missing') }],
      exitStatus: errorCodes.OBJECT_MISSING.exit,
    });
    const done = await repairLab(chain.lab, request);
    expect(done.objects.every(({ mended }) => mended)).toBe(true);
    expect(done.exitStatus).toBe(0);
    await chain.expectRestorable();

    const main = { name: 'main', store: chain.lab.store, provider: chain.lab.provider };
    const ofCopy = { store: copy.store, provider: copy.provider, copies: [main], isCopy: true, signer: null };
    writeFileSync(join(copyPath(), key!), 'garbage');
    expect(await repairLab(chain.lab, ofCopy)).toMatchObject({
      objects: [{ key, copy: 'main', mended: true }],
      exitStatus: 0,
    });
    expect(readFileSync(join(copyPath(), key!))).toEqual(readFileSync(stored(key!)));
    await copy.store.close();
  });

  it('leaves what is damaged where it is until it has what comes in its place', async () => {
    const full = await chain.full();
    const copies = [await copyNow()];
    const segment = full.header.objects.find(({ kind }) => kind === 'segment')!;
    const { provider } = chain.lab;
    const put = async (): Promise<never> => {
      throw new HoldfastError('STORE_UNAVAILABLE', 'the store went away');
    };
    const broken = { ...withKeys(provider, { keys: provider.keys ?? null }), put };
    for (const key of [segment.key, full.key]) {
      flip(key);
      const before = everyFile();
      const repaired = repairLab(chain.lab, { copies, provider: broken });
      await expect(repaired).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
      expect(everyFile()).toEqual(before);
    }
    expect((await repairLab(chain.lab, { copies })).exitStatus).toBe(0);
    expect((await chain.lab.verify(true)).exitStatus).toBe(0);
    for (const { store } of copies) await store.close();
  });

  it('marks what no copy has, so that the rest restores and the loss has a name', async () => {
    await chain.full();
    chain.write('d0/lost', randomBytes(9000));
    const next = await chain.incremental();
    const segment = next.header.objects.find(({ kind }) => kind === 'segment')!;
    rmSync(stored(segment.key));

    const dry = await repairLab(chain.lab, { apply: false });
    expect(dry.snapshots).toMatchObject([{ name: next.name, paths: ['shadow/d0/lost'], published: false }]);
    const report = await repairLab(chain.lab);
    expect(report.snapshots).toMatchObject([{ name: next.name, lostPaths: 1, published: true }]);
    const marked = await chain.lab.latest();
    expect(marked.header).toMatchObject({ revision: 1, state: 'partial', digest: next.header.digest });
    expect(marked.body.lost).toEqual({ count: 1, paths: ['shadow/d0/lost'] });
    expect(marked.body.components).toMatchObject([{ state: 'failed', error: { code: 'OBJECT_DAMAGED' } }]);
    const rest = join(chain.directory, 'rest');
    const { failures } = await chain.lab.restore(rest, { snapshot: marked });
    expect(failures.map(({ path }) => path)).toEqual(['shadow/d0/lost']);
    rmSync(chain.at('d0/lost'));
    rmSync(join(rest, 'shadow/d0/lost'), { force: true });
    execFileSync('touch', ['-r', chain.at('d0'), join(rest, 'shadow/d0')]);
    expect((await compareTrees(chain.tree, join(rest, 'shadow'))).differences).toEqual([]);
    expect(await repairLab(chain.lab)).toMatchObject({ objects: [], snapshots: [], exitStatus: 0 });
    // The next backup does not refer to what is lost.
    chain.write('d0/lost', randomBytes(10));
    await chain.incremental();
    await chain.expectRestorable();
  });

  it('marks lost files of several names, and the next backup stores them anew', async () => {
    linkSync(chain.at('d0/file-0'), chain.at('d1/other-name'));
    const full = await chain.full();
    for (const { key, kind } of full.header.objects) if (kind === 'segment') rmSync(stored(key));
    const { snapshots } = await repairLab(chain.lab);
    expect(snapshots).toMatchObject([{ lostPaths: 31, published: true }]);

    const next = await chain.incremental();
    expect(next.header).toMatchObject({ level: 'incremental', state: 'complete' });
    await chain.expectRestorable();
    expect((await chain.lab.verify(true)).exitStatus).toBe(0);
  });

  it('marks nothing while a copy cannot be asked, and takes back what was marked where a copy has it', async () => {
    await chain.full();
    chain.write('d0/lost', randomBytes(9000));
    const next = await chain.incremental();
    const copy = await copyNow();
    rmSync(stored(next.header.objects.find(({ kind }) => kind === 'segment')!.key));
    const path = join(chain.directory, 'not-mounted');
    const store = await localStore.open({ use: 'local', path });
    const provider = await s3TarProvider.open({ store, settings: { use: 's3-tar' } });
    const gone = { copies: [{ name: 'offsite', store, provider }] };
    const damaged = join(chain.directory, 'damaged');
    mkdirSync(damaged);
    writeFileSync(join(damaged, 'holdfast.json'), '{ "format": 1');
    const broken = {
      copies: [{ ...gone.copies[0]!, store: await localStore.open({ use: 'local', path: damaged }) }],
    };
    for (const unasked of [gone, broken, { unopened: [{ copy: 'offsite', message: 'no secret' }] }]) {
      const report = await repairLab(chain.lab, unasked);
      expect(report).toMatchObject({ snapshots: [], unasked: [{ copy: 'offsite' }] });
      expect(report.exitStatus).toBe(errorCodes.STORE_UNAVAILABLE.exit);
    }
    const wrong = await repairLab(chain.lab, { copies: [{ ...copy, remembered: 'another' }] });
    expect(wrong).toMatchObject({
      snapshots: [],
      objects: [{ copy: 'offsite', mended: true }],
      exitStatus: 0,
    });

    rmSync(stored(wrong.objects[0]!.key));
    expect((await repairLab(chain.lab)).snapshots).toMatchObject([{ name: next.name, published: true }]);
    const marked = await chain.lab.latest();
    expect(marked.header).toMatchObject({ revision: 1, state: 'partial', lost: true });
    await chain.incremental();
    ageStore(chain.lab);
    await pruneLab(chain.lab, { retention: null });
    expect(statSync(stored(next.key)).isFile()).toBe(true);
    // Also where it is only the copy that knows.
    rmSync(stored(next.key));
    const copies = [copy];
    const dry = await repairLab(chain.lab, { copies, apply: false });
    expect(dry.snapshots).toMatchObject([{ name: next.name, broughtBack: true, published: false }]);
    const { snapshots, objects } = await repairLab(chain.lab, { copies });
    expect(snapshots).toMatchObject([{ broughtBack: true, published: true }]);
    expect(objects).toMatchObject([{ problem: 'it is missing', copy: 'offsite', mended: true }]);

    const listed = (await listSnapshots(chain.lab.store, {}, signal)).find(
      ({ id }) => id === next.header.id,
    )!;
    const back = await readSnapshot(chain.lab.provider, listed, signal);
    expect(back).toMatchObject({
      header: { ...next.header, revision: 2, replaces: marked.key },
      body: next.body,
    });
    expect((await chain.lab.verify(true)).exitStatus).toBe(0);
    await chain.expectRestorable(back);
    expect((await repairLab(chain.lab, { copies })).snapshots).toEqual([]);
    for (const one of [store, copy.store]) await one.close();
  });

  it('leaves a snapshot of which somebody else has just written a revision', async () => {
    const full = await chain.full();
    for (const { key, kind } of full.header.objects) if (kind === 'segment') rmSync(stored(key));
    const other = full.key.replace('.manifest', '-r1.manifest');
    // Compact leaves the state as it is, so that its key is another one.
    const { encryption: _, ...header } = full.header;
    const written = encodeManifest({ header: { ...header, revision: 1 }, body: full.body }, null);
    const provider = withKeys(chain.lab.provider, { keys: chain.lab.provider.keys ?? null });
    const put: typeof provider.put = async (request) => {
      if (request.kind === 'manifest') writeFileSync(stored(other), written);
      return chain.lab.provider.put(request);
    };
    const { snapshots } = await repairLab(chain.lab, { provider: { ...provider, put } });
    expect(snapshots).toMatchObject([{ published: false }]);
    const { objects } = await chain.lab.store.list({ prefix: 'manifests/', signal });
    expect(objects.map(({ key }) => key).sort()).toEqual([full.key, other].sort());
  });

  it('marks a snapshot also where somebody has planted its next revisions', async () => {
    const full = await chain.full();
    for (const { key, kind } of full.header.objects) if (kind === 'segment') rmSync(stored(key));
    const { encryption: _, ...header } = full.header;
    const planted = encodeManifest({ header: { ...header, revision: 1 }, body: full.body }, null);
    writeFileSync(stored(full.key.replace('.manifest', '-r1.manifest')), planted);
    writeFileSync(stored(full.key.replace('complete', 'partial').replace('.manifest', '-r2.manifest')), 'x');
    const trust = await openTrust(chain.lab.stateDir, []);

    expect((await repairLab(chain.lab, { trust })).snapshots).toMatchObject([{ published: true }]);
    const marked = await chain.lab.latest();
    expect(marked.header).toMatchObject({ revision: 3, replaces: full.key, lost: true });
    expect((await repairLab(chain.lab, { trust })).snapshots).toEqual([]);
  });

  it('marks only the paths in a damaged part of a segment', async () => {
    const full = await chain.full();
    const { key } = largestSegment(full);
    spoil(key);
    const { snapshots } = await repairLab(chain.lab);
    expect(snapshots[0]!.lostPaths).toBeGreaterThan(0);
    expect(snapshots[0]!.published).toBe(true);
    expect((await repairLab(chain.lab)).snapshots).toEqual([]);
  });

  it('leaves verify nothing to tell of damage that is marked, until there is more', async () => {
    // More than one frame for each thread, of which another one stays whole.
    for (let i = 1; i < 5; i++) {
      rmSync(chain.at(`d${i}`), { recursive: true });
      chain.write(`e${i}`, randomBytes(2_400_000));
    }
    const { key, size } = largestSegment(await chain.full());
    spoil(key);
    const [marked] = (await repairLab(chain.lab, { apply: false })).snapshots;
    for (const path of marked!.paths) rmSync(chain.at(path.replace('shadow/', '')));
    // It has all that it needs of the damaged segment.
    await chain.incremental();
    expect((await chain.lab.verify(true)).exitStatus).toBe(errorCodes.OBJECT_DAMAGED.exit);
    expect((await repairLab(chain.lab)).snapshots).toHaveLength(1);

    expect(await chain.lab.verify(true)).toMatchObject({
      exitStatus: 0,
      snapshots: [
        { lost: marked!.lostPaths, problems: [] },
        { locked: false, problems: [] },
      ],
    });
    for (let at = size - 100_000; at < size - 50_000; at += 5000) flip(key, at);
    const { exitStatus, snapshots } = await chain.lab.verify(true);
    expect(exitStatus).toBe(errorCodes.OBJECT_DAMAGED.exit);
    for (const { problems } of snapshots) expect(problems[0]).toMatchObject({ object: key });
  });

  it('takes back nothing that is damaged still, also where data is not read', async () => {
    const full = await chain.full();
    const segment = largestSegment(full);
    const copies = [await copyNow()];
    spoil(segment.key);
    await repairLab(chain.lab);

    const report = await repairLab(chain.lab, { readData: false });
    expect(report).toMatchObject({ objects: [], snapshots: [] });
    expect((await chain.lab.latest()).header).toMatchObject({ revision: 1, lost: true });
    expect(await repairLab(chain.lab, { readData: false, copies })).toMatchObject({
      objects: [{ key: segment.key, copy: 'offsite', mended: true }],
      snapshots: [{ broughtBack: true, published: true }],
    });
    expect((await chain.lab.verify(true)).exitStatus).toBe(0);
    for (const { store } of copies) await store.close();
  });

  // Encrypted, many pages lie in one chunk.
  it.runIf(process.env['LAB_ENCRYPTED'] !== '1')(
    'marks the entries of a page that is lost, and keeps the others',
    async () => {
      await chain.full();
      chain.write('d3/file-3', randomBytes(3000));
      const next = await chain.incremental();
      const [old] = next.header.references.filter(({ kind }) => kind === 'index');
      flip(old!.key, 20);
      const { snapshots } = await repairLab(chain.lab);
      expect(snapshots.map(({ published }) => published)).toContain(true);
      const { failures } = await chain.lab.restore(join(chain.directory, 'ours'));
      expect(failures).toEqual([]);
      expect(readdirSync(join(chain.directory, 'ours/shadow')).length).toBeGreaterThan(2);
    },
  );

  it('makes the lost index of a full again from its segments', async () => {
    mkdirSync(chain.at('odd'));
    writeFileSync(chain.at('odd/\u00e9 = %'), 'text');
    execFileSync('setfattr', ['-n', 'user.a=b%', '-v', '0x00ff', chain.at('odd')]);
    linkSync(chain.at('d0/file-0'), chain.at('odd/other-name'));
    symlinkSync('../nowhere', chain.at('odd/link'));
    execFileSync('mkfifo', [chain.at('odd/fifo')]);
    chain.write('odd/sparse', randomBytes(5000));
    truncateSync(chain.at('odd/sparse'), 5_000_000);
    chain.write('odd/empty', '');
    chain.write(`odd/${'long'.repeat(50)}`, 'x');
    chownSync(chain.at('odd/empty'), 3_000_000, 4);
    const full = await chain.full();
    rmSync(stored(full.header.objects.find(({ kind }) => kind === 'index')!.key));

    const { snapshots } = await repairLab(chain.lab);
    expect(snapshots).toMatchObject([{ name: full.name, rebuilt: true, published: true }]);
    const rebuilt = await chain.lab.latest();
    expect(rebuilt.body.warningCounts).toMatchObject({ 'index-rebuilt': 1 });
    expect(rebuilt.header.state).toBe('complete');
    expect((await chain.lab.verify(true)).exitStatus).toBe(0);
    await chain.expectRestorable();
    await chain.incremental();
    await chain.expectRestorable();
  });
});
