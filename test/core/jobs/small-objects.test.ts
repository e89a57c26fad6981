/** Small objects of a store that hold something else than we wrote: told by an error of ours, or passed over. */

import { describe, expect, it } from 'vitest';
import {
  eventKey,
  parseManifestKey,
  parseOwnerKeyKey,
  storeFileKey,
} from '../../../src/core/archive/keys.ts';
import { memoryStore } from '../../../src/core/conformance/memory-store.ts';
import type { Provider } from '../../../src/core/contracts/provider.ts';
import { holdsOf } from '../../../src/core/jobs/active-protections.ts';
import { protectionOf, readProtections } from '../../../src/core/jobs/events.ts';
import { readPruned } from '../../../src/core/jobs/prune-events.ts';
import { readStoreFile } from '../../../src/core/jobs/store-file.ts';
import { bytesOf } from '../../../src/core/streams.ts';
import { seededRandom } from '../../support/seeded-random.ts';

const { signal } = new AbortController();
const server = '11111111-1111-4111-8111-111111111111';
const owner = '22222222-2222-4222-8222-222222222222';
const odd: readonly unknown[] = [
  null,
  true,
  0,
  -1,
  1.5,
  1e300,
  '',
  'x',
  [],
  [null],
  [[]],
  {},
  { id: null },
  [{}],
  [5],
  ['x'],
  server,
];

async function put(store: ReturnType<typeof memoryStore>, key: string, text: string): Promise<void> {
  const bytes = Buffer.from(text);
  await store.put({ key, body: bytesOf(bytes), sizeBytes: bytes.length, signal });
}

describe('holdfast.json', () => {
  const whole = {
    format: 1,
    store: server,
    origins: [],
    features: [],
    createdAt: '2026-11-21T00:00:00.000Z',
  };
  const read = async (text: string) => {
    const store = memoryStore();
    await put(store, storeFileKey, text);
    return readStoreFile(store, signal);
  };

  it('is read with or without origins', async () => {
    const { origins: _, ...early } = whole;
    expect(await read(JSON.stringify(whole))).toEqual(whole);
    expect(await read(JSON.stringify(early))).toEqual(early);
  });

  it.each(['null', '5', '"x"', '[]', '{}', '', '{', 'true'])('that holds %j is damaged', async (text) => {
    await expect(read(text)).rejects.toMatchObject({ code: 'OBJECT_DAMAGED' });
  });

  it('that is too large is damaged, and the error says which object', async () => {
    await expect(read('x'.repeat(2 ** 21))).rejects.toMatchObject({
      code: 'OBJECT_DAMAGED',
      message: 'holdfast.json of the store cannot be read: an object is larger than 1048576 bytes',
    });
  });

  it('of another shape ends in an error that says so, whichever property is odd', async () => {
    for (const name of ['format', 'store', 'origins', 'features']) {
      for (const value of odd) {
        const result = await read(JSON.stringify({ ...whole, [name]: value })).catch(
          (error: unknown) => error,
        );
        const fine = expect.objectContaining({ store: name === 'store' ? value : server });
        const code = expect.stringMatching(/^(?:OBJECT_DAMAGED|FORMAT_UNSUPPORTED)$/);
        expect(result).toEqual(result instanceof Error ? expect.objectContaining({ code }) : fine);
      }
    }
  });
});

describe('events', () => {
  const kinds = ['pin', 'hold', 'unpin', 'release', 'erasure', 'prune'];

  it('that hold whatever was put there break nothing that reads them', async () => {
    const random = seededRandom(1);
    const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)]!;
    const store = memoryStore();
    const provider = { get: store.get } as unknown as Provider;
    for (let n = 0; n < 600; n++) {
      const kind = pick(kinds);
      const id = n.toString(16).padStart(12, '0');
      const event: Record<string, unknown> = { format: 1, kind, id, server, owner, at: 'x', reason: 'y' };
      for (const name of [
        'snapshot',
        'until',
        'reason',
        'ends',
        'snapshots',
        'keys',
        'removed',
        'at',
        'kind',
      ])
        if (random() < 0.3) event[name] = pick(odd);
      const text = random() < 0.2 ? JSON.stringify(pick(odd)) : JSON.stringify(event);
      const seal = random() < 0.2 ? `\n${JSON.stringify(pick(odd))}` : '';
      const cut = random() < 0.1 ? Math.floor(random() * text.length) : text.length;
      await put(store, eventKey({ server, owner, atMs: 0, kind, id }), text.slice(0, cut) + seal);
    }
    const found = await readProtections({ store, provider }, { server, owner }, signal);
    const { removed, unreadable } = await readPruned({ store, provider, server, owner, signal });

    expect(found.unreadable.length).toBeGreaterThan(50);
    expect(unreadable.length).toBeGreaterThan(20);
    for (const one of removed) expect(typeof one.id).toBe('string');
    expect(holdsOf(found, 0).length).toBeGreaterThan(0);
    expect(protectionOf(found, '0'.repeat(12), 0).holds.length).toBeGreaterThan(0);
  });
});

describe('names', () => {
  it('that are none of ours are passed over, however near they come', () => {
    const random = seededRandom(2);
    const good = [
      `manifests/${server}/${owner}/00000001-20261121T031500Z-full-complete-0123456789ab-r2.manifest`,
      `keys/${server}/${owner}/00001-0-01234567.age`,
    ];
    expect([parseManifestKey(good[0]!), parseOwnerKeyKey(good[1]!)]).not.toContain(null);
    for (let n = 0; n < 20_000; n++) {
      const key = good[n % 2]!;
      const at = Math.floor(random() * key.length);
      const altered = `${key.slice(0, at)}${String.fromCharCode(Math.floor(random() * 300))}${key.slice(at + 1)}`;
      for (const name of [parseManifestKey(altered), parseOwnerKeyKey(altered)]) {
        if (name !== null) expect(Number.isSafeInteger(name.revision)).toBe(true);
      }
    }
  });
});
