/** Which keys repair takes from a copy, over stores in memory and keys that age opens. */

import { beforeEach, describe, expect, it } from 'vitest';
import { s3TarProvider } from '../../../../src/addins/s3-tar/index.ts';
import { newHeader } from '../../../../src/core/age/header.ts';
import { newKeyPair } from '../../../../src/core/age/x25519.ts';
import type { ManifestHeader, ObjectRef } from '../../../../src/core/archive/manifest.ts';
import { memoryStore } from '../../../../src/core/conformance/memory-store.ts';
import type { Provider } from '../../../../src/core/contracts/provider.ts';
import type { Store } from '../../../../src/core/contracts/store.ts';
import type { Identity } from '../../../../src/core/encryption/identities.ts';
import { openKeyRing } from '../../../../src/core/encryption/key-ring.ts';
import { identityText, pairId, recipientText } from '../../../../src/core/encryption/key-text.ts';
import { withKeys } from '../../../../src/core/encryption/keyed-provider.ts';
import { keyLimitBytes, type OpenedEpoch, reviseEpoch } from '../../../../src/core/encryption/owner-keys.ts';
import { writeEvent } from '../../../../src/core/jobs/events.ts';
import { CopiesAsked } from '../../../../src/core/jobs/repair/copies-asked.ts';
import type { Manifests } from '../../../../src/core/jobs/repair/examine.ts';
import { type FetchedKeys, fetchKeys } from '../../../../src/core/jobs/repair/fetch-keys.ts';
import type { RepairRequest } from '../../../../src/core/jobs/repair/types.ts';
import { bytesOf, collect } from '../../../../src/core/streams.ts';
import { keysIn, ownerUuid, put, server, signal } from '../../../support/synthetic-snapshots.ts';
import { twins } from '../../../support/twin-keys.ts';

const owner = ownerUuid(1);
const world = { now: () => 0, newObjectId: () => '0'.repeat(32) };
const newIdentity = (): Identity => {
  const pair = newKeyPair();
  return { secret: identityText(pair.privateKey), recipient: recipientText(pair.publicKey) };
};
const newEpoch = (): OpenedEpoch => {
  const pair = newKeyPair();
  return { epoch: 1, publicKey: pair.publicKey, pair };
};

interface Place {
  readonly store: Store;
  readonly provider: Provider;
}

let main: Place;
let copy: Place;
let admin: Identity;
let epoch: OpenedEpoch;

const newPlace = async (): Promise<Place> => {
  const store = memoryStore();
  return { store, provider: await s3TarProvider.open({ store, settings: { use: 's3-tar' } }) };
};
const keyOf = (revision: number): string =>
  `keys/${server}/${owner}/00001-${revision}-${pairId(epoch.publicKey)}.age`;
const putKey = ({ provider }: Place, revision: number, { recipient } = admin): Promise<string> => {
  const name = { server, owner, epoch: 1, revision: revision - 1, pair: pairId(epoch.publicKey) };
  return reviseEpoch(provider, name, epoch, [recipient], signal);
};
const bytesIn = ({ store }: Place, key: string): Promise<Buffer> =>
  collect(store.get({ key, signal }), keyLimitBytes);

/** Of one snapshot that is encrypted to the pair, unless told. */
async function fetched(
  more: Partial<RepairRequest> & {
    readonly identity?: Identity | null;
    readonly references?: ManifestHeader['references'];
    readonly body?: null;
    readonly erased?: Manifests['erased'];
  } = {},
): Promise<FetchedKeys & { readonly header: ManifestHeader }> {
  const { identity = admin, body, erased = [], references = [], ...rest } = more;
  const identities = identity === null ? [] : [identity];
  const keys = identity === null ? null : openKeyRing({ ...main, identities, signal });
  const request: RepairRequest = {
    ...{ store: main.store, provider: withKeys(main.provider, { keys }), server, owners: null },
    ...{ copies: [{ name: 'offsite', ...copy }], readData: false, apply: true, stateDir: '/nowhere' },
    ...{ signer: null, world, signal, onEvent: () => {}, ...rest },
  };
  const encryption = references.length > 0 ? {} : { encryption: { epoch: 1, pair: pairId(epoch.publicKey) } };
  const header = { server, owner, ...encryption, objects: [], references } as unknown as ManifestHeader;
  const manifests = {
    sound: [{ snapshot: { header, body }, listed: { key: 'of one' } }],
    erased,
  } as unknown as Manifests;
  const copies = await CopiesAsked.of(request);
  return { ...(await fetchKeys(request, copies, { server, owner }, manifests)), header };
}

beforeEach(async () => {
  main = await newPlace();
  copy = await newPlace();
  admin = newIdentity();
  epoch = newEpoch();
});

describe('a lost key', () => {
  it('comes from the copy, and only with apply', async () => {
    await putKey(copy, 0);

    const dry = await fetched({ apply: false });

    const row = { key: keyOf(0), owner, problem: 'it is missing', copy: 'offsite' };
    expect(dry.objects).toEqual([{ ...row, mended: false }]);
    expect([dry.lackOf(dry.header), await keysIn(main.store)]).toEqual([null, []]);
    expect((await fetched()).objects).toEqual([{ ...row, mended: true }]);
    expect(await bytesIn(main, keyOf(0))).toEqual(await bytesIn(copy, keyOf(0)));
    expect((await fetched()).objects).toEqual([]);
  });

  it('is replaced where what is there is no key object, and named where no copy has it', async () => {
    await put(main.store, keyOf(0), 'garbage');
    const lacking = await fetched();
    expect(lacking.objects).toMatchObject([{ key: keyOf(0), copy: null, mended: false }]);
    expect(lacking.lackOf(lacking.header)).toMatchObject({ ofBody: true, error: { code: 'OBJECT_DAMAGED' } });

    await putKey(copy, 0);

    expect((await fetched()).objects).toMatchObject([{ key: keyOf(0), copy: 'offsite', mended: true }]);
    expect(await keysIn(main.store)).toEqual([keyOf(0)]);
  });

  it('is put beside what may open for somebody else, with whatever name is free', async () => {
    await putKey(main, 0, newIdentity());
    const before = await bytesIn(main, keyOf(0));
    await putKey(copy, 0);

    expect((await fetched()).objects).toMatchObject([{ key: keyOf(1), mended: true }]);
    expect(await bytesIn(main, keyOf(0))).toEqual(before);
  });

  it('comes beside one that was planted under its id and does not open the snapshot', async () => {
    const [genuine, thief] = twins.map((pair) => ({ epoch: 1, publicKey: pair.publicKey, pair }));
    epoch = thief!;
    await putKey(main, 4);
    await copy.store.put({ key: keyOf(4), body: bytesOf(await bytesIn(main, keyOf(4))), signal });
    epoch = genuine!;
    await putKey(copy, 0);

    expect((await fetched({ body: null })).objects).toMatchObject([{ key: keyOf(0), mended: true }]);
    expect(await keysIn(main.store)).toEqual([keyOf(0), keyOf(4)]);
  });

  it('is not taken from what a copy only calls so', async () => {
    await put(copy.store, keyOf(0), 'garbage');
    const thief = newEpoch();
    const name = { server, owner, epoch: 1, revision: 0, pair: pairId(epoch.publicKey) };
    await reviseEpoch(copy.provider, name, thief, [admin.recipient], signal);

    const { objects, lackOf, header } = await fetched();

    expect([objects, await keysIn(main.store)]).toEqual([[], []]);
    expect(lackOf(header)).toMatchObject({ ofBody: true, error: { code: 'OBJECT_MISSING' } });
  });

  it('is not what a copy kept of recipients who were removed, nor whatever else no identity opens', async () => {
    const scrypt = '-> scrypt MDEyMzQ1Njc4OWFiY2RlZg 40\n';
    for (const offer of [
      () => putKey(copy, 0, newIdentity()),
      () => put(copy.store, keyOf(1), `age-encryption.org/v1\n${scrypt}${'A'.repeat(43)}\n--- A\n`),
    ]) {
      await offer();
      const { objects, lackOf, header } = await fetched();

      expect([objects, await keysIn(main.store)]).toEqual([[], []]);
      const message = expect.stringMatching(
        /missing in keys.*copy offsite has one that no identity given opens$/,
      );
      expect(lackOf(header)).toMatchObject({ ofBody: true, error: { code: 'OBJECT_MISSING', message } });
    }
  });

  it('comes to a copy without an identity as whatever is shaped like one, and to no main store', async () => {
    for (const revision of [0, 2]) await putKey(copy, revision);
    await put(copy.store, keyOf(5), 'garbage');

    await expect(fetched({ identity: null })).rejects.toMatchObject({
      code: 'IDENTITY_MISSING',
    });
    expect(await keysIn(main.store)).toEqual([]);

    expect((await fetched({ identity: null, isCopy: true })).objects).toHaveLength(2);
    expect(await keysIn(main.store)).toEqual([keyOf(0), keyOf(2)]);
  });
});

describe('the lost key of objects whose own manifest is gone', () => {
  const references = [1, 2].map(
    (number) => ({ key: `data/${server}/${owner}/${number}`, epoch: 1 }) as unknown as ObjectRef,
  );
  const seal = async (to: Place): Promise<void> => {
    for (const { key } of references)
      await to.store.put({ key, body: bytesOf(newHeader(epoch.publicKey).header), signal });
  };
  const plant = (to: Place): Promise<string> => {
    const thief = newEpoch();
    const name = { server, owner, epoch: 1, revision: -1, pair: pairId(thief.publicKey) };
    return reviseEpoch(to.provider, name, thief, [admin.recipient], signal);
  };

  it('is missed though another of its epoch opens, and taken from whichever copy has it', async () => {
    await seal(main);
    const [planted, hostile] = [await plant(main), await newPlace()];
    await plant(hostile);
    const lacking = await fetched({ references });
    expect(lacking.objects).toEqual([]);
    const message = expect.stringContaining(`opens ${references[0]!.key}`);
    expect(lacking.lackOf(lacking.header)).toMatchObject({
      ofBody: false,
      error: { code: 'OBJECT_DAMAGED', message },
    });

    await putKey(copy, 0);
    const copies = [
      { name: 'hostile', ...hostile },
      { name: 'offsite', ...copy },
    ];
    const { objects, lackOf, header } = await fetched({ references, copies });

    expect(objects).toMatchObject([{ key: keyOf(0), copy: 'offsite', mended: true }]);
    expect(lackOf(header)).toBeNull();
    expect(await keysIn(main.store, 'keys/')).toEqual([planted, keyOf(0)].sort());
    expect((await fetched({ references, copies })).objects).toEqual([]);
  });

  it('comes with whatever else opens while there is nothing to try it on', async () => {
    await plant(main);
    const offered = [await plant(copy), await putKey(copy, 0)].sort();

    expect((await fetched({ references })).objects.map(({ key }) => key)).toEqual(offered);
    expect((await fetched({ references })).objects).toEqual([]);
  });
});

describe('a key does not come back', () => {
  it('as long as an erasure cannot be read', async () => {
    await putKey(copy, 0);
    const key = `events/${server}/${owner}/20261101T000000Z-erasure-0123456789ab.json`;
    await put(main.store, key, '{"format":1,"id');
    const { objects, lackOf, header } = await fetched();

    expect(objects).toEqual([expect.objectContaining({ key, mended: false })]);
    expect(lackOf(header)).not.toBeNull();
  });

  it('as a revision that a rotation has replaced', async () => {
    await putKey(copy, 0);
    await putKey(main, 1);
    await put(main.store, keyOf(0), 'garbage');

    const problem = expect.stringContaining('nothing needs it');
    expect((await fetched()).objects).toMatchObject([{ key: keyOf(0), problem, copy: null }]);
    expect((await fetched({ identity: null, isCopy: true })).objects).toMatchObject([
      { key: keyOf(0), copy: null },
    ]);
    expect((await bytesIn(main, keyOf(0))).toString()).toBe('garbage');
  });

  it('as one that the recipient opens whom a rotation removed', async () => {
    await putKey(copy, 0);
    await putKey(main, 1, newIdentity());

    const { objects, lackOf, header } = await fetched();

    expect([objects, await keysIn(main.store)]).toEqual([[], [keyOf(1)]]);
    const message = expect.stringContaining('which a rotation may have replaced');
    expect(lackOf(header)).toMatchObject({ error: { code: 'IDENTITY_WRONG', message } });
  });

  it.each(['main store', 'copy'])('that an erasure has destroyed, as the %s says', async (where) => {
    await putKey(copy, 3);
    const { provider } = where === 'copy' ? copy : main;
    const erasure = { kind: 'erasure', server, owner, reason: 'asked for', snapshots: [] } as const;
    await writeEvent(provider, { ...erasure, keys: [keyOf(0)] }, world, signal);

    for (const identity of [admin, null]) {
      const { objects, lackOf, header } = await fetched({ identity, isCopy: identity === null });
      expect(objects).toEqual([]);
      expect(lackOf(header)).toMatchObject({ ofBody: true });
    }
    expect(await keysIn(main.store)).not.toContain(keyOf(3));
  });
});

it('a key does not come back to which an erased snapshot was encrypted', async () => {
  await putKey(copy, 0);
  const encryption = { epoch: 1, pair: pairId(epoch.publicKey) };

  expect((await fetched({ erased: [{ encryption } as ManifestHeader] })).objects).toEqual([]);
  expect(await keysIn(main.store)).toEqual([]);
});

it('a key ring opens what came after it had looked', async () => {
  const ring = openKeyRing({ ...main, identities: [admin], signal });
  const place = { server, owner, epoch: 1 };
  await expect(ring.pairs(place)).rejects.toMatchObject({ code: 'OBJECT_MISSING' });
  await putKey(main, 0);
  await ring.forget(place);

  const [pair] = await ring.pairs(place);
  expect(pair!.publicKey).toEqual(epoch.publicKey);
});
