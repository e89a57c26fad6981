/** Whose encrypted snapshots keep a plain backup out of a store, and what it costs to know. */

import { expect, it } from 'vitest';
import { memoryStore } from '../../../../src/core/conformance/memory-store.ts';
import type { Store } from '../../../../src/core/contracts/store.ts';
import { HoldfastError } from '../../../../src/core/errors.ts';
import { encryptedBeside } from '../../../../src/core/jobs/backup/encrypted-beside.ts';
import { withMethods } from '../../../support/synthetic-copy.ts';
import { put, signal } from '../../../support/synthetic-snapshots.ts';

const [own, other] = ['11111111-1111-4111-8111-111111111111', '22222222-2222-4222-8222-222222222222'];
const key = (server: string) => `keys/${server}/${server}/00001-0-0123abcd.age`;
const manifest = (server: string) =>
  `manifests/${server}/${server}/00000001-20261101T000000Z-full-complete-0123456789ab.manifest`;

async function look(keys: readonly string[], denied?: string) {
  const store = memoryStore();
  for (const one of keys) await put(store, one, 'x');
  const asked: string[] = [];
  const list: Store['list'] = async (request) => {
    asked.push(request.prefix);
    if (request.prefix === denied) throw new HoldfastError('STORE_DENIED', 'no');
    expect(request.limit).toBe(request.after === undefined ? 1 : undefined);
    return store.list(request);
  };
  return { found: await encryptedBeside(withMethods(store, { list }), [own], signal), asked: asked.length };
}

it('is found by one listing where nothing is encrypted', async () => {
  expect(await look([`manifests/${other}/x`])).toEqual({ found: 'none', asked: 1 });
});

it('is anybody, for a machine that is new to the store', async () => {
  expect(await look([key(other)])).toMatchObject({ found: 'others' });
  expect(await look([key(own), manifest(own)])).toMatchObject({ found: 'own' });
});

it('is nobody else where this server has plain ones already', async () => {
  expect(await look([key(other), manifest(own)])).toMatchObject({ found: 'none' });
});

it('is this server alone where its credentials show it nothing else', async () => {
  expect(await look([key(other)], 'keys/')).toMatchObject({ found: 'none' });
  expect(await look([key(own)], 'keys/')).toMatchObject({ found: 'own' });
});

it('is nobody where what lies there is not called as a key is, and nothing is ours that no manifest is', async () => {
  const junk = [`keys/${other}/${other}/00001-aa.key`, 'keys/x'];
  expect(await look(junk)).toMatchObject({ found: 'none' });
  expect(await look([...junk, key(other), `manifests/${own}/x`])).toMatchObject({ found: 'others' });
});
