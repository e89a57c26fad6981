import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type Fault, type FaultyStore, faultyStore } from '../../../src/core/conformance/index.ts';
import type { Store } from '../../../src/core/contracts/store.ts';
import { HoldfastError } from '../../../src/core/index.ts';
import { type Lab, openLab } from '../../support/backup.ts';
import { copyIn, danglingIn, objectsIn, runCopy } from '../../support/copies.ts';

let dir: string;
let lab: Lab;
let names: string[];
let path: string;
let count = 0;

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'holdfast-copy-faults-'));
  const tree = join(dir, 'tree');
  mkdirSync(join(tree, 'www'), { recursive: true });
  for (let i = 0; i < 20; i++) writeFileSync(join(tree, 'www', `page-${i}`), `<p>${i}</p>`.repeat(999));
  lab = await openLab(dir);
  names = [];
  for (let i = 0; i < 4; i++) names.push((await lab.backUp({ shadow: tree })).snapshot.name);
});
beforeEach(() => {
  count += 1;
  path = join(dir, `copy-${count}`);
});
afterAll(async () => {
  await lab.close();
  rmSync(dir, { recursive: true, force: true });
});

const name = (): string => `copy-${count}`;

/** The copy's store with faults planted, and what it was asked. */
function faulty(faults: readonly Fault[]) {
  let last: FaultyStore | null = null;
  const copy = copyIn(path, name(), (store) => {
    last = faultyStore(store, faults);
    return last;
  });
  return { copy, puts: () => last?.calls.put ?? 0 };
}

/** Changes an object of the main store for the time of `work`. */
async function withObject(key: string, change: (bytes: Buffer) => Buffer | null, work: () => Promise<void>) {
  const file = join(lab.storePath, key);
  const bytes = readFileSync(file);
  const changed = change(bytes);
  if (changed === null) rmSync(file);
  else writeFileSync(file, changed);
  try {
    await work();
  } finally {
    writeFileSync(file, bytes);
  }
}

async function objectOf(kind: 'segment' | 'index' | 'manifest', snapshot: string): Promise<string> {
  const key = [...objectsIn(lab.storePath)].find(
    ([one]) => one.endsWith('.manifest') && one.includes(snapshot.slice(-12)),
  )![0];
  if (kind === 'manifest') return key;
  const header = JSON.parse(readFileSync(join(lab.storePath, key), 'utf8').split('\n')[0]!);
  return header.objects.find((one: { kind: string }) => one.kind === kind).key;
}

const flipped = (bytes: Buffer): Buffer => {
  const copy = Buffer.from(bytes);
  copy[copy.length >> 1]! ^= 1;
  return copy;
};

describe('a copy that is interrupted', () => {
  it.each(['before', 'midway', 'after'] as const)(
    'has no manifest before its objects, and is completed by the next run: at every put, %s',
    async (when) => {
      for (let call = 1; ; call++) {
        count += 1;
        path = join(dir, `copy-${count}`);
        const { copy, puts } = faulty([{ method: 'put', call, when }]);
        const report = await runCopy(lab, copy);
        if (puts() < call) {
          expect(puts(), 'three of the store, three of each snapshot').toBe(15);
          break;
        }

        expect(report.error?.code, `put ${call}`).toBe('COPY_FAILED');
        expect(danglingIn(path), `put ${call}`).toEqual([]);
        const second = await runCopy(lab, copyIn(path, name()));
        expect(second, `put ${call}`).toMatchObject({ lacking: 0, error: null });
        expect(objectsIn(path), `put ${call}`).toEqual(objectsIn(lab.storePath));
      }
      expect(objectsIn(path)).toEqual(objectsIn(lab.storePath));
    },
    20_000,
  );

  it('stops at the signal, and says so', async () => {
    const controller = new AbortController();
    const onEvent = (): void => controller.abort();

    const report = await runCopy(lab, copyIn(path, name()), { signal: controller.signal, onEvent });

    expect(report.error?.code).toBe('INTERRUPTED');
    expect(danglingIn(path)).toEqual([]);
    expect(await runCopy(lab, copyIn(path, name()))).toMatchObject({ lacking: 0, error: null });
    expect(objectsIn(path)).toEqual(objectsIn(lab.storePath));
  });

  it('copies the newest snapshot first', async () => {
    const order: string[] = [];
    const wrap = (store: Store): Store => ({
      ...withMethods(store),
      put: (request) => {
        if (request.key.startsWith('manifests/')) order.push(request.key.slice(-21, -9));
        return store.put(request);
      },
    });

    await runCopy(lab, copyIn(path, name(), wrap));

    expect(order).toEqual(names.map((one) => one.slice(-12)).reverse());
  });

  it('leaves the rest for the next run where the store keeps failing', async () => {
    const { copy, puts } = faulty(Array.from({ length: 99 }, (_, i) => ({ method: 'put', call: i + 4 })));

    const report = await runCopy(lab, copy);

    expect(report).toMatchObject({ copied: 0, lacking: 4, error: { code: 'COPY_FAILED' } });
    expect(report.failures.map(({ snapshot }) => snapshot)).toEqual(names.slice(1).reverse());
    expect(puts()).toBeLessThan(20);
  });
});

describe('a snapshot whose source is damaged', () => {
  const cases = [
    ['segment', 'a flipped bit', 'another hash', flipped],
    ['segment', 'a lost end', 'bytes', (bytes: Buffer) => bytes.subarray(0, -1)],
    ['segment', 'an end too many', 'bytes', (bytes: Buffer) => Buffer.concat([bytes, Buffer.from('x')])],
    ['index', 'a flipped bit', 'another hash', flipped],
    ['segment', 'no object', '', () => null],
    ['manifest', 'a flipped bit', '', flipped],
  ] as const;

  it.each(cases)(
    'is not copied, and named, while the others are: %s with %s',
    async (kind, _, why, change) => {
      const victim = names[1]!;
      const key = await objectOf(kind, victim);
      const manifest = await objectOf('manifest', victim);

      await withObject(key, change, async () => {
        const { copied, lacking, failures, error } = await runCopy(lab, copyIn(path, name()));

        expect({ copied, lacking, code: error?.code }).toEqual({
          copied: 3,
          lacking: 1,
          code: 'COPY_FAILED',
        });
        expect(failures).toMatchObject([{ snapshot: kind === 'manifest' ? manifest : victim }]);
        expect(failures[0]!.error.code).toMatch(/^OBJECT_/);
        expect(failures[0]!.error.message).toContain(key);
        expect(failures[0]!.error.message).toContain(why);
        expect(error?.message).toContain(kind === 'manifest' ? key : victim);
        expect(existsSync(join(path, key))).toBe(false);
        expect(existsSync(join(path, manifest))).toBe(false);
      });

      expect(await runCopy(lab, copyIn(path, name()))).toMatchObject({ copied: 1, lacking: 0, error: null });
      expect(objectsIn(path)).toEqual(objectsIn(lab.storePath));
    },
  );

  it('is not copied where the copy holds something else under the name of an object', async () => {
    await runCopy(lab, copyIn(path, name()));
    const [manifest, segment] = [await objectOf('manifest', names[0]!), await objectOf('segment', names[0]!)];
    rmSync(join(path, manifest));
    writeFileSync(join(path, segment), 'something else');

    const { error, failures } = await runCopy(lab, copyIn(path, name()));

    expect(error?.code).toBe('COPY_FAILED');
    expect(failures[0]!.error.message).toBe(
      `object ${segment} has 14 bytes in the copy, not ${objectsIn(lab.storePath).get(segment)!.size}`,
    );
    expect(readFileSync(join(path, segment), 'utf8')).toBe('something else');
    expect(existsSync(join(path, manifest))).toBe(false);
  });
});

describe('put-only credentials', () => {
  const denied = () => Promise.reject(new HoldfastError('STORE_DENIED', 'these credentials can only write'));
  const putOnly = (store: Store): Store => ({
    ...withMethods(store),
    capabilities: { ...store.capabilities, putOnly: true },
    head: denied,
    list: denied,
    async *get() {
      await denied();
      yield new Uint8Array();
    },
  });

  it('of the copy are enough: the state knows what was sent', async () => {
    const first = await runCopy(lab, copyIn(path, name(), putOnly));
    expect(first).toMatchObject({ copied: 4, lacking: 0, error: null });
    expect(objectsIn(path)).toEqual(objectsIn(lab.storePath));

    expect(await runCopy(lab, copyIn(path, name(), putOnly))).toMatchObject({ copied: 0, objects: 0 });

    rmSync(join(lab.stateDir, `copy.nightly.${name()}.json`));
    const offered = await runCopy(lab, copyIn(path, name(), putOnly));
    expect(offered).toMatchObject({ copied: 4, objects: 0, lacking: 0, error: null });
  });

  it('of the main store are an error of the copy alone', async () => {
    const addin = { ...lab.addin, store: putOnly(lab.store) };

    const { error, copied } = await runCopy({ ...lab, addin }, copyIn(path, name()));

    expect(copied).toBe(0);
    expect(error).toMatchObject({
      code: 'COPY_FAILED',
      hint: expect.stringContaining('credentials that can read'),
    });
  });
});

/** A store as an object whose methods can be replaced one by one. */
function withMethods(store: Store): Store {
  return {
    name: store.name,
    capabilities: store.capabilities,
    put: (request) => store.put(request),
    get: (request) => store.get(request),
    head: (request) => store.head(request),
    list: (request) => store.list(request),
    remove: (request) => store.remove(request),
    close: () => store.close(),
  };
}
