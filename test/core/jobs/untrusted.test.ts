/** Manifests that are edited, swapped, put back, missing, unsigned or a stranger's: what verify and restore make of them. */

import { execFileSync } from 'node:child_process';
import { randomBytes, randomUUID } from 'node:crypto';
import {
  cpSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { decodeManifest, encodeManifest } from '../../../src/core/archive/manifest.ts';
import type { Signer } from '../../../src/core/archive/seal.ts';
import { listSnapshots, type Snapshot } from '../../../src/core/jobs/catalog.ts';
import { type NewEvent, readProtections, writeEvent } from '../../../src/core/jobs/events.ts';
import { findAnySnapshot } from '../../../src/core/jobs/find-snapshot.ts';
import { prune } from '../../../src/core/jobs/prune/prune.ts';
import { openTrust, requireTrusted, standingOf } from '../../../src/core/jobs/trust.ts';
import { verify } from '../../../src/core/jobs/verify.ts';
import { readLastSnapshots } from '../../../src/core/state/lineages.ts';
import { openSigner } from '../../../src/core/state/signing-key.ts';
import { type Lab, openLab } from '../../support/backup.ts';

const { signal } = new AbortController();
const directory = mkdtempSync(join(tmpdir(), 'holdfast-untrusted-'));
const stranger = '99999999-9999-4999-8999-999999999999';
let lab: Lab;
let thief: Signer;
let keys: string[];
let names: string[];

beforeAll(async () => {
  const tree = join(directory, 'tree');
  hostileTree(tree);
  mkdirSync(join(directory, 'info'));
  writeFileSync(join(directory, 'info', 'siteinfo'), 'panel');
  lab = await openLab(directory, { chain: {} });
  const trees = { shadow: tree, info: join(directory, 'info') };
  names = [];
  for (let i = 0; i < 3; i++) names.push((await lab.backUp(trees, { level: 'full' })).snapshot.name);
  keys = (await listSnapshots(lab.store, {}, signal)).map(({ key }) => key);
  thief = await openSigner(join(directory, 'thief'), stranger);
  // The store remembers directories that it made, and is put back behind its back.
  const { server, owner } = (await lab.latest()).header;
  mkdirSync(join(lab.storePath, 'events', server, owner), { recursive: true });
  cpSync(lab.storePath, join(directory, 'kept'), { recursive: true });
});
afterAll(async () => {
  await lab.close();
  rmSync(directory, { recursive: true });
});
beforeEach(() => {
  rmSync(lab.storePath, { recursive: true });
  cpSync(join(directory, 'kept'), lab.storePath, { recursive: true });
});

/** Whatever could give somebody a right. */
function hostileTree(tree: string): void {
  mkdirSync(join(tree, 'bin'), { recursive: true, mode: 0o755 });
  const script = `
cp /bin/true bin/su && chmod 4755 bin/su && setcap cap_setuid+ep bin/su2 2>/dev/null
cp /bin/true bin/capable && setfattr -n security.capability -v 0x0100000280000000000000000000000000000000 bin/capable
cp /bin/true bin/grouped && chmod 2755 bin/grouped
mknod bin/sda b 8 0 && chmod 666 bin/sda && mknod bin/mem c 1 1 && ln bin/mem bin/mem-again
echo x > page && setfattr -n trusted.holdfast.account -v forged page && setfattr -n user.note -v kept page
setfacl -m u:1234:rw page
ln -s /etc/shadow bin/link
mkfifo bin/pipe
mkdir sticky && chmod 7777 sticky
chown -R 0:0 .
chmod 4755 bin/su
chmod 2755 bin/grouped
setfattr -n security.capability -v 0x0100000280000000000000000000000000000000 bin/capable
`;
  execFileSync('/bin/sh', ['-c', script], { cwd: tree });
}

const file = (number: number): string => join(lab.storePath, keys[number - 1]!);
const trust = (more: readonly string[] = []) => openTrust(lab.stateDir, more);

async function verdict(more: readonly string[] = [], whose: string | null = null) {
  const { addin, store, provider, stateDir, state } = lab;
  const server = state.server.uuid;
  const lasts = await readLastSnapshots(stateDir, addin.id);
  const report = await verify({
    store,
    provider,
    snapshots: await listSnapshots(store, {}, signal),
    wholeHistories: true,
    owner: whose,
    remembered: [...lasts].map(([owner, last]) => ({ server, owner, addin: addin.id, last })),
    trust: await trust(more),
    readData: false,
    threads: 1,
    signal,
    onEvent: () => {},
  });
  const problems = report.snapshots.flatMap(({ problems }) => problems.map(({ message }) => message));
  return {
    problems: [...problems, ...report.histories.map(({ message }) => message)],
    exitStatus: report.exitStatus,
  };
}

/** Writes manifest `number` anew, with another site in its body, sealed by whom one likes. */
function forge(number: number, signer: Signer | null): void {
  const { header, body } = decodeManifest(readFileSync(file(number)), keys[number - 1]!);
  const account = { ...body.account, site: 'site1', uid: 0, gid: 0 };
  writeFileSync(file(number), encodeManifest({ header, body: { ...body, account } }, signer));
}

describe('an event', () => {
  const newObjectId = (): string => randomBytes(16).toString('hex');
  const put = async (event: object, signer: Signer | null) => {
    const { server, owner } = (await lab.latest()).header;
    const world = { now: Date.now, newObjectId, signer };
    return writeEvent(lab.provider, { server, owner, ...event } as NewEvent, world, signal);
  };
  const ours = () => openSigner(lab.stateDir, lab.state.server.uuid);
  const protections = async () => {
    const { server, owner } = (await lab.latest()).header;
    const place = { store: lab.store, provider: lab.provider, trust: await trust() };
    return readProtections(place, { server, owner }, signal);
  };
  const hold = { kind: 'hold', snapshot: null, reason: 'a court asked', until: null };

  it('of this server counts, and verify finds nothing wrong with it', async () => {
    await put(hold, await ours());

    expect((await protections()).standing).toHaveLength(1);
    expect(await verdict()).toEqual({ problems: [], exitStatus: 0 });
  });

  it.each(['a stranger', 'nobody'])('that %s signed neither protects, nor ends, nor erases', async (who) => {
    const signer = who === 'nobody' ? null : thief;
    const { id } = await put(hold, await ours());
    await put({ kind: 'release', snapshot: null, ends: [id] }, signer);
    await put({ ...hold, kind: 'pin' }, signer);
    await put({ kind: 'erasure', reason: 'x', snapshots: [{ id: names[0]!.slice(-12) }], keys: [] }, signer);
    const { standing, erasures, distrusted } = await protections();

    expect(standing.map((one) => one.id)).toEqual([id]);
    expect(erasures).toEqual([]);
    expect(distrusted).toHaveLength(3);
    const { problems, exitStatus } = await verdict();
    expect(exitStatus).toBe(49);
    expect(problems).toHaveLength(3);
    for (const one of problems)
      expect(one).toMatch(/^event events\/.+ is not trusted: it is (?:not )?signed/);
  });

  it('of an account without snapshots is looked at like the others', async () => {
    const owner = randomUUID();
    await put({ ...hold, owner }, thief);
    await put({ ...hold, owner }, await ours());

    const { problems, exitStatus } = await verdict();

    expect(problems).toEqual([
      expect.stringMatching(new RegExp(`^event events/.+/${owner}/.+ is not trusted`)),
    ]);
    expect(exitStatus).toBe(49);
    expect((await verdict([], (await lab.latest()).header.owner)).problems).toEqual([]);
  });

  it('of a stranger explains no gap, and one of ours does', async () => {
    const { header } = decodeManifest(readFileSync(file(2)), keys[1]!);
    const { id, lineage, sequence, digest } = header;
    const removed = [{ id, lineage, sequence, digest, key: keys[1]!, reason: 'no rule keeps it' }];
    rmSync(file(2));
    const event = { kind: 'prune', addin: lab.addin, removed };
    await put(event, thief);

    expect((await verdict()).exitStatus).toBe(43);
    expect((await verdict()).problems[0]).toMatch(/and no prune event says why; .+-prune-.+ is not trusted$/);
    await put(event, await ours());
    expect((await verdict()).exitStatus).toBe(49);
  });

  it('of which a byte was altered protects as before, and verify names it', async () => {
    const { id } = await put(hold, await ours());
    const { server, owner } = (await lab.latest()).header;
    const { objects } = await lab.store.list({ prefix: `events/${server}/${owner}/`, signal });
    const path = join(lab.storePath, objects[0]!.key);
    const bytes = readFileSync(path);
    for (let at = 0; at < bytes.length; at += 7) {
      const altered = Buffer.from(bytes);
      altered[at]! ^= 4;
      writeFileSync(path, altered);
      const { standing, unreadable } = await protections();
      expect([...standing.map((one) => one.id), ...unreadable]).toEqual([objects[0]!.key]);
    }
    expect((await verdict()).exitStatus).toBe(42);
    expect((await verdict()).problems).toEqual([`event ${objects[0]!.key} is damaged`]);
    writeFileSync(path, bytes);
    expect((await protections()).standing.map((one) => one.id)).toEqual([id]);
  });
});

describe('a manifest', () => {
  it('of this server is trusted', async () => {
    expect(await verdict()).toEqual({ problems: [], exitStatus: 0 });
    expect(standingOf(await lab.latest(), await trust())).toBe('trusted');
  });

  it('that was edited under a seal of its own, or under the old signature, is damaged', async () => {
    const lines = readFileSync(file(2), 'utf8').split('\n');
    const seal = JSON.parse(lines[2]!) as { sha256: string; key: string; signature: string };
    const edited = lines[1]!.replace('lab.example', 'xab.example');
    const { hash } = await import('node:crypto');
    const sha256 = hash('sha256', `${lines[0]}\n${edited}\n`, 'hex');
    for (const forged of [seal, { ...seal, sha256 }]) {
      writeFileSync(file(2), `${lines[0]}\n${edited}\n${JSON.stringify(forged)}\n`);
      expect((await verdict()).exitStatus).toBe(42);
      expect((await verdict()).problems.join()).toMatch(/is damaged: its (?:seal|signature) does not match/);
    }
  });

  it('that was swapped with another is damaged', async () => {
    const [one, two] = [readFileSync(file(1)), readFileSync(file(2))];
    writeFileSync(file(1), two);
    writeFileSync(file(2), one);

    expect((await verdict()).exitStatus).toBe(42);
    expect((await verdict()).problems.join()).toContain('belongs to another snapshot');
  });

  it('that is put under a revision it does not have is damaged', async () => {
    const key = keys[2]!.replace('.manifest', '-r7.manifest');
    writeFileSync(join(lab.storePath, key), readFileSync(file(3)));

    expect((await verdict()).exitStatus).toBe(42);
  });

  it("that is damaged, or a stranger's, above one of ours hides nothing", async () => {
    const { header, body } = decodeManifest(readFileSync(file(3)), keys[2]!);
    const revision = (number: number): string => keys[2]!.replace('.manifest', `-r${number}.manifest`);
    const put = (number: number, bytes: Buffer | string): void =>
      writeFileSync(join(lab.storePath, revision(number)), bytes);
    const seventh = { ...header, revision: 7, replaces: keys[2]! };
    put(7, encodeManifest({ header: seventh, body: { ...body, components: [] } }, thief));
    put(8, encodeManifest({ header: { ...seventh, revision: 8 }, body }, null));
    put(9, 'garbage');
    // And another's that only has the id of ours.
    writeFileSync(join(lab.storePath, keys[2]!.replace('00000003', '00000009')), 'garbage');
    const listed = await listSnapshots(lab.store, {}, signal);
    for (const wanted of [names[2]!, header.id]) {
      const found = await findAnySnapshot(lab.provider, listed, wanted, signal, { trust: await trust() });

      expect(found).toMatchObject({ key: keys[2], header: { revision: 0 } });
      expect(found.passedOver?.map(({ key, code }) => [key, code])).toEqual([
        [revision(9), 'OBJECT_DAMAGED'],
        [revision(8), 'SNAPSHOT_UNTRUSTED'],
        [revision(7), 'SNAPSHOT_UNTRUSTED'],
      ]);
    }
    const { problems, exitStatus } = await verdict();
    expect(exitStatus).toBe(42);
    expect(problems).toHaveLength(4);
  });

  it.each([1, 2])('number %i that is missing is missed', async (number) => {
    rmSync(file(number));

    expect((await verdict()).exitStatus).toBe(43);
    expect((await verdict()).problems).toEqual([
      `snapshot ${number} of its sequence is missing, and no prune event says why`,
    ]);
  });

  it.each([[[3]], [[2, 3]], [[1, 2, 3]]])(
    'is missed where an older store is put back: without %j',
    async (gone) => {
      for (const number of gone) rmSync(file(number));

      expect(await verdict()).toEqual({
        problems: [
          expect.stringContaining('snapshot 3, the last that this server made of the account, is missing'),
        ],
        exitStatus: 43,
      });
    },
  );

  it('of a stranger, or of nobody, is not trusted, and so much is said', async () => {
    forge(1, thief);
    forge(2, null);

    expect(await verdict()).toEqual({
      problems: [
        `snapshot ${names[0]} is not trusted: its manifest is signed with ${thief.publicKey}, which is not trusted here`,
        `snapshot ${names[1]} is not trusted: its manifest is not signed`,
      ],
      exitStatus: 49,
    });
    expect((await verdict([thief.publicKey])).problems).toHaveLength(1);
    // A key may be trusted for its own server alone.
    const { uuid } = lab.state.server;
    expect((await verdict([`${uuid}:${thief.publicKey}`])).problems).toHaveLength(1);
    const elsewhere = await verdict([
      `${uuid.replace(/^./, (digit) => (digit === '0' ? '1' : '0'))}:${thief.publicKey}`,
    ]);
    expect(elsewhere.problems[0]).toMatch(
      /is signed with [0-9a-f]{64}, which is not trusted here for this server$/,
    );
    expect(elsewhere.exitStatus).toBe(49);
  });

  it('that nobody vouches for is refused with the way out', async () => {
    forge(3, thief);
    const snapshot = await lab.latest();

    expect(() => requireTrusted(snapshot, { keys: new Set() })).toThrow(
      expect.objectContaining({
        code: 'SNAPSHOT_UNTRUSTED',
        hint: expect.stringContaining('trustedSigners'),
      }),
    );
    expect(() => requireTrusted(snapshot, { keys: new Set([thief.publicKey]) })).not.toThrow();
  });

  it('of a stranger is no parent: the next snapshot refers to the last that is trusted', async () => {
    forge(3, thief);
    const { snapshot } = await lab.backUp({ shadow: join(directory, 'tree') }, { level: 'incremental' });

    expect(snapshot.header.parents).toEqual([names[1]!.slice(-12)]);
    expect(snapshot.header.sequence).toBe(4);
    expect(standingOf(snapshot, await trust())).toBe('trusted');
  });
});

describe('names that somebody has planted', () => {
  const planted = ['99999999', '9007199254740993', '9'.repeat(22)];

  it('decide nothing about the next snapshot, and verify names those that are none of ours', async () => {
    const { server, owner } = (await lab.latest()).header;
    const place = `manifests/${server}/${owner}`;
    const nameOf = (sequence: string): string =>
      `${place}/${sequence}-20261121T031500Z-full-complete-dddddddddddd.manifest`;
    for (const sequence of planted) writeFileSync(join(lab.storePath, nameOf(sequence)), '');
    const key = `keys/${server}/${owner}/00001-0-00000000.age`;
    mkdirSync(join(lab.storePath, 'keys', server, owner), { recursive: true });
    writeFileSync(join(lab.storePath, key), 'no key');
    const before = (await listSnapshots(lab.store, {}, signal)).length;

    // This server remembers more than the store that was put back has.
    const remembered = (await readLastSnapshots(lab.stateDir, lab.addin.id)).get(owner)!;
    const plain = { level: 'full', allowPlaintext: true } as const;
    const { snapshot } = await lab.backUp({ shadow: join(directory, 'tree') }, plain);

    const last = decodeManifest(readFileSync(file(3)), keys[2]!).header;
    const { sequence, digest: previous } = remembered;
    expect(snapshot.header).toMatchObject({ sequence: sequence + 1, previous, lineage: last.lineage });
    expect(previous).not.toBe(last.digest);
    const { problems, exitStatus } = await verdict();
    expect(exitStatus).not.toBe(0);
    for (const sequence of planted.slice(1))
      expect(problems).toContain(`${nameOf(sequence)} is not the name of a manifest`);
    expect(problems).toContain(`${key} is no key object, whatever its name says`);
    expect(await listSnapshots(lab.store, {}, signal)).toHaveLength(before + 1);
  });
});

describe('prune', () => {
  it("lets no snapshot of ours go because of a stranger's, and removes none of his", async () => {
    forge(2, thief);
    forge(3, null);
    // A revision of ours under a stranger's name, long ago.
    const { header, body } = decodeManifest(readFileSync(file(1)), keys[0]!);
    const revised = join(lab.storePath, keys[0]!.replace('.manifest', '-r1.manifest'));
    writeFileSync(revised, encodeManifest({ header: { ...header, revision: 1 }, body }, thief));
    utimesSync(revised, 1, 1);
    const { store, provider, addin, stateDir, state } = lab;
    const report = await prune({
      ...{ store, provider, addin, stateDir, owners: null, apply: true, signal },
      server: state.server.uuid,
      retention: { keepLast: 1, maxRemoveShare: 1 },
      world: { now: Date.now, newObjectId: () => 'e'.repeat(32) },
      trust: await trust(),
      onEvent: () => {},
    });

    expect(report.untrusted).toBe(3);
    expect(report.removed.count).toBe(0);
    for (const key of keys) expect(existsSync(join(lab.storePath, key))).toBe(true);
  });
});

describe('a restricted restore', () => {
  const own = { uid: 4321, gid: 4322 };
  const from = async (snapshot: Snapshot) => {
    const target = mkdtempSync(join(directory, 'to-'));
    const report = await lab.restore(target, { snapshot, restriction: own });
    return { target, report };
  };

  it('gives a hostile snapshot no right beyond those of the account', async () => {
    forge(3, null);
    const { target, report } = await from(await lab.latest());
    const found = execFileSync('find', [target, '-mindepth', '2', '-printf', '%P %y %m %U:%G\n'])
      .toString()
      .trim()
      .split('\n');

    expect(found).toContain('shadow/bin/su f 755 4321:4322');
    expect(found).toContain('shadow/bin/grouped f 755 4321:4322');
    expect(found).toContain('shadow/sticky d 777 4321:4322');
    expect(found.filter((line) => !/ [0-7]{1,3} 4321:4322$/.test(line))).toEqual([]);
    expect(found.filter((line) => / [bc] /.test(line))).toEqual([]);
    expect(existsSync(join(target, 'info'))).toBe(false);
    expect(lstatSync(join(target, 'shadow/bin/link')).isSymbolicLink()).toBe(true);
    const xattrs = execFileSync('getfattr', ['-R', '-h', '-d', '-m', '-', target]).toString();
    expect(xattrs).toContain('user.note="kept"');
    expect(xattrs).not.toMatch(/trusted\.|security\./);
    expect(report.warningCounts).toEqual({ 'left-out': 4 });
    expect(report.exitStatus).toBe(100);
  });

  it('can be gone on with, and changes nothing of a whole restore', async () => {
    const { target } = await from(await lab.latest());
    const again = await lab.restore(target, { restriction: own, resume: true });
    expect(again.kept).toBeGreaterThan(3);

    const whole = join(directory, 'whole');
    await lab.restore(whole);
    expect(lstatSync(join(whole, 'shadow/bin/su')).mode & 0o7777).toBe(0o4755);
    expect(readFileSync(join(whole, 'info/siteinfo'), 'utf8')).toBe('panel');
  });
});
