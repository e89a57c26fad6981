import { expect, it } from 'vitest';
import { checkEncryption, checkIdentityPlaces, checkPlain } from '../../../src/cli/checks/encryption.ts';
import { newKeyPair } from '../../../src/core/age/x25519.ts';
import type { AddinConfiguration } from '../../../src/core/config/load-configuration.ts';
import { memoryStore } from '../../../src/core/conformance/memory-store.ts';
import { recipientText } from '../../../src/core/encryption/key-text.ts';
import { ownerUuid, put, signal } from '../../support/synthetic-snapshots.ts';

const withIdentity = (name: string, identity: string) =>
  ({ name, encryption: { recipients: [], identity } }) as unknown as AddinConfiguration;

it('an identity beside what it opens is a warning', async () => {
  const addins = [
    withIdentity('nightly', 'file:/nowhere/state/id'),
    withIdentity('weekly', 'file:/nowhere/keys/id'),
    withIdentity('other', 'env:ID'),
  ];

  const checks = await checkIdentityPlaces(addins, [{ path: '/nowhere/state', what: 'the state' }], []);

  expect(checks.map(({ state, name, detail }) => [state, name, detail])).toEqual([
    ['warn', 'identity of nightly', '/nowhere/state/id lies inside the state'],
  ]);
});

it('upkeep that cannot compact for want of an identity is a warning, once, and hints name a copy as it is given', async () => {
  const upkeep = { prune: true, compact: true, everyDays: 7 };
  const recipients = [recipientText(newKeyPair().publicKey)];
  const addin = { name: 'nightly', encryption: { recipients }, upkeep, copies: [] };
  const place = { stateDir: '/nonexistent', storeId: null };
  const look = (name: string) =>
    checkEncryption({ ...addin, name } as unknown as AddinConfiguration, place, { env: {} });
  const [main, copy] = [await look('nightly'), await look('nightly/second')];

  expect(main.map(({ state, name }) => [state, name])).toEqual([
    ['ok', 'encryption of nightly'],
    ['warn', 'upkeep of nightly'],
    ['warn', 'keys of nightly'],
  ]);
  expect(copy.map(({ name }) => name)).toEqual(['encryption of nightly/second', 'keys of nightly/second']);
  expect(copy[1]?.hint).toContain('holdfast key check --addin nightly --copy second --confirm');
});

it('plain backups are an error where a machine without a past there finds encrypted ones of others', async () => {
  const store = memoryStore();
  const look = () => checkPlain('nightly', { store, state: null }, signal);
  expect(await look()).toMatchObject({ state: 'ok', detail: 'none, as the configuration says' });
  await put(store, `keys/${ownerUuid(9)}/${ownerUuid(1)}/00001-0-0123abcd.age`, 'key');
  expect(await look()).toMatchObject({
    code: 'STORE_ENCRYPTED',
    detail: 'the store holds encrypted snapshots of other servers, and nightly would add plain ones',
  });
});
