/** Whose snapshots of the same accounts count as a past that this server does not know, over a store in memory. */

import { generateKeyPairSync, sign } from 'node:crypto';
import { beforeEach, expect, it } from 'vitest';
import { pastElsewhere } from '../../src/cli/past-elsewhere.ts';
import type { Signer } from '../../src/core/archive/seal.ts';
import { memoryStore } from '../../src/core/conformance/memory-store.ts';
import type { Provider } from '../../src/core/contracts/provider.ts';
import type { Store } from '../../src/core/contracts/store.ts';
import { HoldfastError } from '../../src/core/errors.ts';
import type { Account } from '../../src/core/index.ts';
import { trustIn } from '../../src/core/jobs/trust.ts';
import type { State } from '../../src/core/state/state.ts';
import { withMethods } from '../support/synthetic-copy.ts';
import { ownerUuid, put, putSnapshot, signal } from '../support/synthetic-snapshots.ts';

const own = '55555555-5555-4555-8555-555555555555';
const uuid = (number: number): string => `00000000-0000-4000-8000-${String(number).padStart(12, '0')}`;
const owner = ownerUuid(1);
const account = { site: 'site1', home: null } as Account;
const state = {
  server: { uuid: own, systemUuid: own, previous: [] },
  knownAccountId: async () => owner,
} as unknown as State;

const { publicKey, privateKey } = generateKeyPairSync('ed25519');
const before: Signer = {
  publicKey: Buffer.from(publicKey.export({ format: 'jwk' }).x!, 'base64url').toString('hex'),
  sign: (bytes) => sign(null, bytes, privateKey),
};

let store: Store;
beforeEach(() => {
  store = memoryStore();
});

const snapshotOf = (server: string) =>
  putSnapshot(store, { server, owner, sequence: 1, atMs: Date.UTC(2026, 10, 1), signer: before });

async function serversFound(
  methods: Partial<Store> = {},
  trustedSigners: readonly string[] = [],
): Promise<readonly string[]> {
  const shown = withMethods(store, methods);
  const provider = { get: shown.get } as unknown as Provider;
  const named = trustIn(trustedSigners);
  const search = { store: shown, provider, state, named, signal };
  return (await pastElsewhere(search, [account])).map(({ server }) => server);
}

it('leaves out servers that the credentials do not show, and the store where they show none', async () => {
  for (const number of [1, 2]) await snapshotOf(uuid(number));
  const deny = (forbidden: string): Pick<Store, 'get' | 'list'> => ({
    get: (request) => (request.key.startsWith(forbidden) ? denied() : store.get(request)),
    list: async (request) => (request.prefix.startsWith(forbidden) ? denied() : store.list(request)),
  });
  const { get } = deny(`manifests/${uuid(1)}/`);

  expect(await serversFound()).toEqual([uuid(1), uuid(2)]);
  expect(await serversFound(deny(`manifests/${uuid(1)}/`))).toEqual([uuid(2)]);
  expect(await serversFound({ get })).toEqual([uuid(2)]);
  expect(await serversFound(deny('manifests/'))).toEqual([]);
});

it('counts a server by what is whole and signed, whatever somebody put in its place or above it', async () => {
  const { key } = await snapshotOf(uuid(1));
  await put(store, key.replace(uuid(1), uuid(2)), 'junk');
  await putSnapshot(store, { server: uuid(3), owner, sequence: 1, atMs: 0 });
  await put(store, key.replace('00000001-', '00000002-'), 'junk');

  expect(await serversFound()).toEqual([uuid(1)]);
});

it('looks at every server, however many sort before', async () => {
  for (let number = 1; number <= 60; number++) await put(store, `manifests/${uuid(number)}/x/y`, '');
  await snapshotOf(uuid(61));

  expect(await serversFound()).toEqual([uuid(61)]);
});

it('leaves out whom the configuration names, for every server or for this one', async () => {
  for (const number of [1, 2]) await snapshotOf(uuid(number));

  expect(await serversFound({}, [before.publicKey])).toEqual([]);
  expect(await serversFound({}, [`${uuid(2)}:${before.publicKey}`])).toEqual([uuid(1)]);
});

function denied(): never {
  throw new HoldfastError('STORE_DENIED', 'no');
}
