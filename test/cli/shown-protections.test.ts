/** What `snapshots` says of pins and holds, and what it asks the store for that. */

import { generateKeyPairSync, sign } from 'node:crypto';
import { expect, it } from 'vitest';
import { readShownProtections } from '../../src/cli/shown-protections.ts';
import { eventKey } from '../../src/core/archive/keys.ts';
import type { Signer } from '../../src/core/archive/seal.ts';
import { memoryStore } from '../../src/core/conformance/memory-store.ts';
import type { Store } from '../../src/core/contracts/store.ts';
import { HoldfastError } from '../../src/core/errors.ts';
import { protectionWords } from '../../src/core/jobs/active-protections.ts';
import { type NewEvent, writeEvent } from '../../src/core/jobs/events.ts';
import { day, openProvider, start, worldOf } from '../support/run-prune.ts';
import { ownerUuid, put, server, signal } from '../support/synthetic-snapshots.ts';

const other = '44444444-4444-4444-8444-444444444444';
const [id, sibling] = ['a'.repeat(12), 'b'.repeat(12)];
const ref = { id, lineage: 'x', sequence: 1, digest: '' };
const newSigner = (): Signer => {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519');
  return {
    publicKey: Buffer.from(publicKey.export({ format: 'jwk' }).x!, 'base64url').toString('hex'),
    sign: (bytes) => sign(null, bytes, privateKey),
  };
};
const signer = newSigner();
const trust = { keys: new Set([signer.publicKey]) };

/** Notes, and what the store was asked. */
async function openLab({ denies = false } = {}) {
  const real = memoryStore();
  const provider = await openProvider(real);
  const asked: string[] = [];
  const denied = () => new HoldfastError('STORE_DENIED', 'you may not list events');
  const store: Store = {
    ...real,
    list(request) {
      asked.push(`list ${request.prefix}`);
      return denies ? Promise.reject(denied()) : real.list(request);
    },
  };
  const reading: typeof provider = {
    ...provider,
    get(request) {
      asked.push(`get ${request.key}`);
      return provider.get(request);
    },
  };
  const world = worldOf(() => start);
  const write = (owner: number, event: object, by = signer, of = server) =>
    writeEvent(
      provider,
      { server: of, owner: ownerUuid(owner), ...event } as NewEvent,
      { ...world, signer: by },
      signal,
    );
  const notes: string[] = [];
  const note = (text: string) => notes.push(text);
  const look = (nowMs = start, required = false, servers = [server]) => {
    const place = { store, provider: reading, trust, signal, nowMs, note };
    const listed = servers.flatMap((one) => [{ server: one }, { server: one }]);
    return readShownProtections(place, listed, { owner: null, required });
  };
  return { store: real, asked, notes, look, write };
}

it('costs one listing where nothing is pinned, however many accounts were pruned', async () => {
  const { asked, notes, look, write } = await openLab();
  const pruned = { kind: 'prune', addin: { id: '', name: '' }, removed: [] };
  for (let owner = 1; owner <= 3; owner++) await write(owner, pruned);
  const shown = await look();

  expect(shown?.of({ server, owner: ownerUuid(1), id })).toEqual([]);
  expect([asked, notes]).toEqual([[`list events/${server}/`], []]);
});

it('names pins that neither ended nor were ended, and holds of whole accounts, of each server', async () => {
  const { store, notes, look, write } = await openLab();
  const until = new Date(start + day).toISOString();
  const annotated = `${new Date(start + day).toUTCString()} (\u001b)`;
  await write(1, { kind: 'pin', snapshot: ref, reason: 'odd \u001b text', until: annotated });
  const ended = await write(1, { kind: 'pin', snapshot: ref, reason: 'no more', until: null });
  await write(1, { kind: 'unpin', snapshot: ref, ends: [ended.id] });
  await write(2, { kind: 'hold', snapshot: null, reason: 'case 7', until: null }, signer, other);
  await write(2, { kind: 'hold', snapshot: null, reason: 'a stranger asks', until: null }, newSigner());
  const broken = eventKey({ server, owner: ownerUuid(3), atMs: start, kind: 'hold', id });
  await put(store, broken, 'junk');
  const words = async (of: string, owner: number, about: string, nowMs?: number) =>
    (await look(nowMs, false, [server, other]))
      ?.of({ server: of, owner: ownerUuid(owner), id: about })
      .map(protectionWords);

  expect(await words(server, 1, id)).toEqual([`pinned until ${until}: odd \u001b text`]);
  expect(await words(server, 1, id, start + day)).toEqual([]);
  expect(await words(server, 1, sibling)).toEqual([]);
  expect(await words(other, 2, sibling)).toEqual(['legal hold on all of the account: case 7']);
  expect(await words(server, 2, id), 'another server’s').toEqual([]);
  expect(await words(server, 3, id)).toEqual([`an event that may protect it cannot be read: ${broken}`]);
  expect(notes[0]).toBe(
    'note: 1 event of pins and legal holds: not trusted, so not counted; holdfast verify names them',
  );
});

it('is noted where the credentials may not look, and fails where nothing else was asked for', async () => {
  const { notes, look } = await openLab({ denies: true });

  expect(await look()).toBeNull();
  expect(notes).toEqual([
    'note: pins and legal holds are not shown, since they cannot be read: you may not list events',
  ]);
  await expect(look(start, true)).rejects.toMatchObject({ code: 'STORE_DENIED' });
});
