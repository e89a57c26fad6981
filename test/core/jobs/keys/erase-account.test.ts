/** Erasure of an account over synthetic snapshots in memory, and what prune makes of it. */

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { s3TarProvider } from '../../../../src/addins/s3-tar/index.ts';
import { newKeyPair } from '../../../../src/core/age/x25519.ts';
import { parseOwnerKeyKey } from '../../../../src/core/archive/keys.ts';
import { memoryStore } from '../../../../src/core/conformance/memory-store.ts';
import type { ListRequest, Store } from '../../../../src/core/contracts/store.ts';
import { identityText, recipientText } from '../../../../src/core/encryption/key-text.ts';
import { createEpoch } from '../../../../src/core/encryption/owner-keys.ts';
import { HoldfastError } from '../../../../src/core/errors.ts';
import { listSnapshots, readSnapshot } from '../../../../src/core/jobs/catalog.ts';
import { Erasures } from '../../../../src/core/jobs/erasures.ts';
import { readProtections } from '../../../../src/core/jobs/events.ts';
import {
  type EraseReport,
  type EraseRequest,
  eraseAccount,
} from '../../../../src/core/jobs/keys/erase-account.ts';
import { encryptAnew } from '../../../../src/core/jobs/keys/rotate-keys.ts';
import { pin } from '../../../../src/core/jobs/pin.ts';
import { erasureCheck } from '../../../../src/core/jobs/prune/erased.ts';
import { prune } from '../../../../src/core/jobs/prune/prune.ts';
import type { ReadManifest } from '../../../../src/core/jobs/prune/read-group.ts';
import type { PruneReport } from '../../../../src/core/jobs/prune/types.ts';
import { readEpoch, rememberEpoch } from '../../../../src/core/state/owner-epochs.ts';
import {
  addin,
  keysIn,
  ownerUuid,
  put,
  putSnapshot,
  server,
  signal,
} from '../../../support/synthetic-snapshots.ts';

const day = 24 * 3_600_000;
const start = Date.UTC(2026, 10, 21, 3, 15);
const stateDir = mkdtempSync(join(tmpdir(), 'holdfast-erase-'));
afterAll(() => rmSync(stateDir, { recursive: true }));

const admin = newKeyPair();
const identity = { secret: identityText(admin.privateKey), recipient: recipientText(admin.publicKey) };
const owner = ownerUuid(1);
const storeId = '33333333-3333-4333-8333-333333333333';
const count = 8;

let nowMs: number;
let store: Store;
let ids = 0;
const world = { now: () => nowMs, newObjectId: () => String(++ids).padStart(12, '0').padEnd(32, '0') };
const providerOf = (on: Store) => s3TarProvider.open({ store: on, settings: { use: 's3-tar' } });

async function erase(more: Partial<EraseRequest> = {}): Promise<EraseReport> {
  const on = more.store ?? store;
  return eraseAccount({
    store: on,
    provider: await providerOf(on),
    storeId,
    stateDir,
    servers: [server],
    owner,
    reason: 'asked for',
    apply: true,
    world,
    signal,
    ...more,
  });
}

async function pruned(): Promise<PruneReport> {
  return prune({
    ...{ store, provider: await providerOf(store), server, addin, owners: null, stateDir, world, signal },
    ...{ retention: null, apply: true, onEvent: () => {} },
  });
}

const target = async (i: number) => {
  const listed = await listSnapshots(store, { server, owner }, signal);
  const provider = await providerOf(store);
  return {
    store,
    provider,
    target: { snapshot: await readSnapshot(provider, listed[i]!, signal) },
    world,
    signal,
  };
};

/** Refuses to remove keys, as credentials that may only add, or an object lock. */
const keeping = (): Store => ({
  ...store,
  remove: (request) =>
    request.key.startsWith('keys/')
      ? Promise.reject(new HoldfastError('STORE_DENIED', 'locked'))
      : store.remove(request),
});

/** Shows keys only to who asks for hidden ones, as where somebody put markers over them; or nobody, for lack of rights. */
const hiding = (mayLook: boolean): Store => ({
  ...store,
  list: async (request) => {
    if (request.hidden === true) {
      if (!mayLook) throw new HoldfastError('STORE_DENIED', 'no right to list versions');
      return store.list(request);
    }
    const page = await store.list(request);
    return { ...page, objects: page.objects.filter(({ key }) => !key.startsWith('keys/')) };
  },
});

beforeEach(async () => {
  nowMs = start + count * day;
  store = memoryStore({ now: () => nowMs });
  for (let i = 0; i < count; i++) {
    for (const one of [owner, ownerUuid(2)])
      await putSnapshot(store, { owner: one, sequence: i + 1, atMs: start + i * day });
  }
  const provider = await providerOf(store);
  const place = { server, owner, epoch: 1 };
  const { publicKey } = await createEpoch(provider, place, [identity.recipient], signal);
  await createEpoch(provider, { ...place, owner: ownerUuid(2) }, [identity.recipient], signal);
  const recipients = [identity.recipient];
  await rememberEpoch(stateDir, storeId, owner, { epoch: 1, publicKey, recipients });
});

describe('eraseAccount', () => {
  it('destroys the keys of this account alone, and the state forgets them', async () => {
    const report = await erase();

    expect(report).toMatchObject({ holds: [], keys: 1, left: [], closed: 0, plain: count });
    expect(await keysIn(store, `keys/${server}/${owner}/`)).toEqual([]);
    expect(await keysIn(store, `keys/${server}/${ownerUuid(2)}/`)).toHaveLength(1);
    expect(await readEpoch(stateDir, storeId, owner)).toBe(null);
  });

  it('lets prune take away all of it but what is held, whatever share that is and whatever is pinned', async () => {
    await pin(await target(2), { kind: 'pin', reason: 'nice one', untilMs: null });
    await erase();
    const kept = await putSnapshot(store, { owner, sequence: count + 1, atMs: nowMs });
    nowMs += 3 * day;

    const report = await pruned();

    expect(report.refusals).toEqual([]);
    const mine = report.snapshots.filter((one) => one.owner === owner);
    expect(mine.map(({ keep }) => keep)).toEqual([...Array(count).fill(false), true]);
    expect(mine[2]?.reasons).toEqual(['erased 2026-11-29T03:15:00.000Z: asked for']);
    expect(await keysIn(store, `manifests/${server}/${owner}/`)).toEqual([kept.key]);
    expect(await keysIn(store, `data/${server}/${owner}/`)).toHaveLength(1);
    expect(await keysIn(store, `manifests/${server}/${ownerUuid(2)}/`)).toHaveLength(count);
  });

  it('is forbidden by a hold on a single snapshot, and by an event that may be one', async () => {
    await pin(await target(3), { kind: 'hold', reason: 'case 7' });
    const before = await keysIn(store);

    const report = await erase();

    expect(report.holds).toEqual([expect.stringMatching(/^legal hold: case 7 \(snapshot [0-9a-f]{12}\)$/)]);
    expect(await keysIn(store)).toEqual(before);
    const other = ownerUuid(2);
    await put(store, `events/${server}/${other}/20261121T000000Z-hold-0123456789ab.json`, 'damaged');
    expect((await erase({ owner: other })).holds).toHaveLength(1);
  });

  it('names what the store refuses to remove, and goes on with it later', async () => {
    const [key] = await keysIn(store, `keys/${server}/${owner}/`);

    expect(await erase({ store: keeping() })).toMatchObject({ keys: 1, left: [key] });
    expect(await erase()).toMatchObject({ keys: 1, left: [] });
  });

  it('fails, and changes nothing, where the store does not say whether a version of a key is left', async () => {
    const before = await keysIn(store);

    await expect(erase({ store: hiding(false) })).rejects.toMatchObject({ code: 'STORE_DENIED' });
    expect(await keysIn(store)).toEqual(before);
  });

  it('destroys what comes there while it is at it, and names what is still elsewhere', async () => {
    const late = `keys/${server}/${owner}/00001-1-0123abcd.age`;
    const copy = memoryStore({ now: () => nowMs });
    let came = false;
    const listing: Store = {
      ...copy,
      list: async (request) => {
        const page = await copy.list(request);
        // Another machine's copy run, between the look and the end.
        if (request.prefix.startsWith('keys/') && !came) await put(copy, late, 'a key');
        came ||= request.prefix.startsWith('keys/');
        return page;
      },
    };
    const snapshot = { id: '0123456789ab', lineage: 'a'.repeat(32), sequence: 1, digest: '' };
    const elsewhere = [{ server, snapshots: [snapshot], keys: [late.replace('-1-', '-0-')] }];

    expect(await erase({ store: listing, servers: [], elsewhere })).toMatchObject({
      keys: 0,
      left: [],
      servers: [],
    });

    expect(await keysIn(copy, 'keys/')).toEqual([]);
    const place = { store: copy, provider: await providerOf(copy), signal };
    expect(await new Erasures(place).named(server, owner)).toEqual(new Set([snapshot.id]));
    expect(await new Erasures(place).destroyed(server, owner)).toHaveProperty('size', 1);
  });

  it('is not kept off by a damaged manifest', async () => {
    const [first] = await keysIn(store, `manifests/${server}/${owner}/`);
    await store.remove({ key: first!, signal });
    await put(store, first!, 'damaged');

    expect(await erase()).toMatchObject({ keys: 1, left: [] });
  });
});

describe('an erasure', () => {
  it('is believed only once the keys are gone: not while they are hidden, nor where nobody can tell', async () => {
    const [key] = await keysIn(store, `keys/${server}/${owner}/`);
    const { epoch, pair } = parseOwnerKeyKey(key!)!;
    await erase({ store: keeping() });
    const [listed] = await listSnapshots(store, { server, owner }, signal);
    const { id } = listed!;
    const header = { server, owner, id, encryption: { epoch, pair } };
    const believed = async (on: Store) => {
      const place = { store: on, provider: await providerOf(on), signal };
      const erasures = new Erasures(place);
      const snapshots = [{ snapshot: { header } }] as unknown as readonly ReadManifest[];
      const protections = await readProtections(place, { server, owner }, signal);
      const check = await erasureCheck(place, { server, owner }, protections, snapshots);
      return [(await erasures.of(header)) !== null, (await erasures.ids(server, owner)).has(id), check(id)];
    };

    for (const on of [store, hiding(true), hiding(false)]) {
      expect(await believed(on)).toEqual([false, false, false]);
    }
    await store.remove({ key: key!, signal });
    expect(await believed(store)).toEqual([true, true, true]);
  });
});

describe('encryptAnew', () => {
  it('has nothing to do with a key that was made for the recipients already, which no earlier identity opens', async () => {
    const [earlier, other] = [newKeyPair(), newKeyPair()];
    const identities = [
      { secret: identityText(earlier.privateKey), recipient: recipientText(earlier.publicKey) },
    ];
    const request = {
      ...{ store, provider: await providerOf(store), storeId, stateDir, server, owners: [owner], signal },
      ...{ identities, recipients: [identity.recipient] },
    };

    expect(await encryptAnew(request)).toMatchObject([{ action: 'up-to-date', removed: 0, message: null }]);
    const changed = { ...request, recipients: [recipientText(other.publicKey)] };
    expect(await encryptAnew(changed)).toMatchObject([{ action: 'left' }]);
  });

  it('says which earlier revisions the store keeps', async () => {
    const fresh = newKeyPair();
    const on = keeping();
    const request = {
      ...{ store: on, provider: await providerOf(on), storeId, stateDir, server, owners: [owner], signal },
      ...{ identities: [identity], recipients: [recipientText(fresh.publicKey)] },
    };

    expect(await encryptAnew(request)).toMatchObject([{ action: 'encrypted-anew', removed: 0, kept: 1 }]);
    expect(await keysIn(store, `keys/${server}/${owner}/`)).toHaveLength(2);
  });

  it('counts one as kept where the store does not say whether a version of it is left', async () => {
    const blind = hiding(false);
    const { list } = store;
    const on = {
      ...blind,
      list: (request: ListRequest) => (request.hidden ? blind : { list }).list(request),
    };
    const request = {
      ...{ store: on, provider: await providerOf(on), storeId, stateDir, server, owners: [owner], signal },
      ...{ identities: [identity], recipients: [identity.recipient] },
    };

    expect(await encryptAnew(request)).toMatchObject([{ action: 'encrypted-anew', removed: 0, kept: 1 }]);
  });
});
