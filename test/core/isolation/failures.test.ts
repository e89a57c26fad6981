import { afterEach, describe, expect, it } from 'vitest';
import type { Store } from '../../../src/core/index.ts';
import { AddinProcess, usualPatience } from '../../../src/core/isolation/addin-process.ts';
import { packageUser } from '../../../src/core/isolation/addin-user.ts';
import { recipeOf } from '../../../src/core/isolation/isolate.ts';
import { openIsolatedStore, processOf } from '../../../src/core/isolation/isolated-store.ts';
import { plainLaunch } from '../../../src/core/isolation/plain-launch.ts';
import { collect } from '../../../src/core/streams.ts';
import { openIsolated, rootOfCheckout } from '../../support/isolated.ts';

const { signal } = new AbortController();
const module = 'test/core/isolation/bad-stores.ts';
const opened: Store[] = [];
const impatient = { tickMs: 100, silence: 10, stall: 10, stop: 5 };

async function open(exported: string, patience = {}): Promise<Store> {
  const store = await openIsolated({ module, exported, patience, secrets: ['hunter2-secret'] });
  opened.push(store);
  return store;
}

afterEach(async () => {
  await Promise.all(opened.splice(0).map((store) => store.close().catch(() => {})));
});

const head = (store: Store) => store.head({ key: 'a', signal });
const put = (store: Store, body: AsyncIterable<Uint8Array> = bytes(3)) =>
  store.put({ key: 'a', body, signal });

async function* bytes(chunks: number): AsyncGenerator<Uint8Array> {
  for (let left = chunks; left > 0; left -= 1) yield Buffer.alloc(400_000, left);
}

const failure = async (work: Promise<unknown>): Promise<string> => {
  const error = await work.then(
    () => null,
    (thrown: { code?: string; message?: string }) => thrown,
  );
  return `${error?.code}: ${error?.message}`;
};

describe('a store whose process fails', () => {
  it('fails the put under way, shows nothing of it, and works on in another process', async () => {
    const store = await open('crashes');

    expect(await failure(put(store))).toBe(
      'ADDIN_FAILED: the process of the store crashes ended unexpectedly (SIGKILL)',
    );
    expect(await head(store)).toBeNull();
  });

  it('fails every call under way, and no other store', async () => {
    const [store, other] = [await open('sound'), await open('sound')];
    let waiting = () => {};
    const stuck = put(
      store,
      (async function* () {
        await new Promise<void>((resolve) => (waiting = resolve));
        yield* bytes(1);
      })(),
    );
    const outcome = failure(stuck);
    process.kill((await processOf(store))!, 'SIGKILL');

    expect(await outcome).toContain('ADDIN_FAILED');
    waiting();
    expect(await failure(put(other))).toBe('undefined: undefined');
    expect(await failure(put(store))).toBe('undefined: undefined');
  });

  it('says what it said last, without its secrets', async () => {
    expect(await failure(head(await open('throwsLate')))).toBe(
      'ADDIN_FAILED: the process of the store throwsLate ended unexpectedly (status 1): Error: out of the blue, with [secret]',
    );
  });

  it('is not started again and again', async () => {
    const store = await open('throwsLate');
    const errors = [];
    for (let turn = 0; turn < 4; turn += 1) errors.push(await failure(head(store)));

    expect(errors.at(-1)).toBe('ADDIN_FAILED: the process of the store throwsLate ended 3 times in a row');
  });

  it('is ended where it does not come back to its events', async () => {
    expect(await failure(head(await open('busy', impatient)))).toMatch(
      /^ADDIN_FAILED: .* was ended: (it gave no sign of life|head of a made no progress) for 1 s$/,
    );
  });

  it('is ended where a call makes no progress', async () => {
    expect(await failure(head(await open('stalls', impatient)))).toBe(
      'ADDIN_FAILED: the process of the store stalls was ended: head of a made no progress for 1 s',
    );
  });

  it('waits for a slow body as long as it takes', async () => {
    const slow = (async function* () {
      yield* bytes(1);
      // Longer than a call may make no progress.
      await new Promise((resolve) => setTimeout(resolve, 1500));
      yield* bytes(1);
    })();

    expect(await failure(put(await open('sound', impatient), slow))).toBe('undefined: undefined');
  });

  it('is ended where it does not stop when told to, and the call counts as interrupted', async () => {
    const store = await open('deaf', impatient);
    const controller = new AbortController();
    const listing = failure(store.list({ prefix: '', signal: controller.signal }));
    setTimeout(() => controller.abort(), 200);

    expect(await listing).toBe('INTERRUPTED: listing was interrupted');
  });

  it('is ended where it neither opens nor closes', async () => {
    expect(await failure(open('opensNever', impatient))).toMatch(
      /^ADDIN_FAILED: .* was ended: (opening made no progress|it gave no sign of life) for 1 s$/,
    );
    const patience = { tickMs: 100, close: 5 };
    const store = await openIsolated({ module, exported: 'closesNever', patience });
    expect(await failure(store.close())).toBe(
      'ADDIN_FAILED: the process of the store closesNever was ended: close made no progress for 0.5 s',
    );
  });

  it('keeps ours alive until it is gone, also where an answer comes late', async () => {
    const running = () => process.getActiveResourcesInfo().filter((one) => one === 'ProcessWrap').length;
    const child = await AddinProcess.start(plainLaunch(), {
      name: 'x',
      secrets: [],
      patience: usualPatience,
    });
    const call = { method: 'protections', what: 'a look', params: {}, signal };
    const late = failure(child.peer.call(call));
    const closing = child.close();
    const before = running();
    child.peer.fail(new Error('over'));

    expect(await late).toBe('undefined: over');
    expect(running()).toBe(before);
    await closing;
  });

  it('is ended where it floods its standard error', async () => {
    expect(await failure(head(await open('chatty')))).toContain('flooded its standard error');
  });

  it('is ended where it takes more memory than it may', async () => {
    const place = {
      name: 'the store hungry',
      opening: { module: `${rootOfCheckout}/${module}`, exported: 'hungry' },
      ...{ root: rootOfCheckout, whose: 'strangers' as const, needs: {}, secrets: [] },
      user: async () => packageUser(65_522),
    };
    const store = await openIsolatedStore(
      recipeOf(place, {}, 'store', { env: {}, accounts: [], memoryMegabytes: 640 }),
    );
    opened.push(store);

    expect(await failure(head(store))).toMatch(/^ADDIN_FAILED: .*(memory|allocat)/);
  });
});

describe('a store that breaks the protocol', () => {
  it.each([
    ['garbage', /a frame of \d+ bytes|what is no frame/],
    ['wrongId', /answered call 4711, which is not under way/],
    ['tooLong', /a frame of 2147483647 bytes/],
    ['unasked', /bytes that nobody asked for/],
    ['lies', /the answer to list .* must /],
  ])('is not believed: %s', async (exported, why) => {
    const said = await failure(head(await open(exported)));

    expect(said).toMatch(/^ADDIN_BROKEN: the store \w+ does not keep to the protocol: /);
    expect(said).toMatch(why);
  });

  it('is not believed where it answers twice', async () => {
    const store = await open('twice');
    const listing = failure(store.list({ prefix: '', signal }));
    const answer = await head(store).catch((error: { code: string }) => error.code);

    expect([null, 'ADDIN_BROKEN']).toContain(answer);
    await listing;
    expect(await processOf(store)).toBeDefined();
  });

  it('is not believed where it takes more bytes than it was sent', async () => {
    expect(await failure(put(await open('greedy')))).toContain('it took more bytes than it was sent');
  });

  it('is not believed where it says that a put is done before it has the body', async () => {
    expect(await failure(put(await open('half'), bytes(40)))).toMatch(/^ADDIN_BROKEN: /);
  });

  it.each([
    ['opensNothing', /^ADDIN_FAILED: opening by the store opensNothing failed .*: open gives no store$/],
    [
      'misuses',
      /^ADDIN_FAILED: head of a by the store misuses failed in a way it did not foresee: Cannot read/,
    ],
    ['mumbles', /^ADDIN_FAILED: .* did not foresee: what has no text$/],
    ['interrupts', /^ADDIN_FAILED: .* did not foresee: hm$/],
  ])('is the one to blame: %s', async (exported, said) => {
    expect(await failure(open(exported).then(head))).toMatch(said);
  });

  it('fails alone where what it throws has no text', async () => {
    const store = await open('mumbles');
    const pid = await processOf(store);

    expect(await failure(store.list({ prefix: '', signal }))).toBe('STORE_FULL: 5');
    expect(await processOf(store)).toBe(pid);
  });

  it('has no objects of times that are none', async () => {
    expect(await failure((await open('outOfTime')).list({ prefix: '', signal }))).toMatch(/^ADDIN_BROKEN: /);
  });

  it.each([
    ['givesPromise', /ADDIN_FAILED: .* get gives no async iterable of bytes$/],
    ['givesNull', /ADDIN_FAILED: .* get gives no async iterable of bytes$/],
    ['givesTexts', /ADDIN_FAILED: .* a piece of the bytes is no Uint8Array: string$/],
    ['givesObject', /ADDIN_BROKEN: .* it answered get of a with something else than bytes$/],
  ])('gives no empty object instead of bytes: %s', async (exported, said) => {
    const store = await open(exported);
    expect(await failure(collect(store.get({ key: 'a', signal }), 10))).toMatch(said);
  });

  it('fails in a way nobody foresaw, without secrets and controls in the message', async () => {
    expect(await failure(head(await open('unforeseen')))).toBe(
      'ADDIN_FAILED: head of a by the store unforeseen failed in a way it did not foresee: the key is [secret]\\u{1b}[2J',
    );
  });
});
