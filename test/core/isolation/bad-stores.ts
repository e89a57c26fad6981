/** Stores that do what no store may, each in its own way, for a process that has to bear it. */

import { spawn } from 'node:child_process';
import { openSync, writeSync } from 'node:fs';
import { memoryStore } from '../../../src/core/conformance/memory-store.ts';
import { HoldfastError, type PutRequest, type Store, type StoreDefinition } from '../../../src/core/index.ts';

const channel = 3;

function frame(type: number, id: number, payload: string | Buffer, length = payload.length): Buffer {
  const head = Buffer.alloc(12);
  head.writeUInt32LE(length, 0);
  head[4] = type;
  head.writeUInt32LE(id, 8);
  return Buffer.concat([head, Buffer.from(payload)]);
}

const send = (bytes: Buffer): void => {
  writeSync(channel, bytes);
};
const never = (): Promise<never> => new Promise(() => setInterval(() => {}, 1000));

async function firstBytes({ body }: PutRequest): Promise<void> {
  for await (const _ of body) return;
}

function bad(change: Partial<Store>): StoreDefinition {
  const open = async (): Promise<Store> => ({ ...memoryStore(), ...change });
  return { kind: 'store', name: 'bad', version: '1.0.0', contract: 1, settingsSchema: {}, open };
}

export const sound = bad({});

export const crashes = bad({
  async put(request) {
    await firstBytes(request);
    process.kill(process.pid, 'SIGKILL');
    return never();
  },
});

export const throwsLate = bad({
  async head() {
    setImmediate(() => {
      throw new Error('out of the blue, with hunter2-secret');
    });
    return never();
  },
});

export const busy = bad({
  head() {
    for (;;);
  },
});

export const stalls = bad({ head: never });

export const deaf = bad({ list: never });

export const hungry = bad({
  async head() {
    const kept: Uint8Array[] = [];
    for (;;) {
      kept.push(Buffer.alloc(16 * 1024 * 1024, 1));
      await new Promise((resolve) => setImmediate(resolve));
    }
  },
});

export const chatty = bad({
  async head() {
    for (;;) {
      try {
        writeSync(2, 'x'.repeat(64 * 1024));
      } catch {
        // Nobody has read the last of it yet.
      }
      await new Promise((resolve) => setImmediate(resolve));
    }
  },
});

export const garbage = bad({
  async head() {
    send(Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n'));
    return never();
  },
});

export const wrongId = bad({
  async head() {
    send(frame(3, 4711, 'null'));
    return never();
  },
});

export const tooLong = bad({
  async head() {
    send(frame(3, 2, '', 0x7fffffff));
    return never();
  },
});

export const twice = bad({
  async head() {
    send(frame(3, 2, 'null'));
    send(frame(3, 2, 'null'));
    return never();
  },
});

export const unasked = bad({
  async head() {
    send(frame(5, 2, 'bytes that nobody asked for'));
    return never();
  },
});

export const greedy = bad({
  async put() {
    const credit = Buffer.alloc(4);
    credit.writeUInt32LE(1_000_000_000);
    send(frame(7, 2, credit));
    return never();
  },
});

export const lies = bad({
  head: async () => ({ key: 'a', sizeBytes: '5' }) as never,
});

export const half = bad({
  async put(request) {
    await firstBytes(request);
    return { sizeBytes: 1, version: null, storedAtMs: null };
  },
});

export const unforeseen = bad({
  head: async () => {
    throw new Error('the key is hunter2-secret\u001b[2J');
  },
});

export const opensNothing: StoreDefinition = { ...sound, open: async () => undefined as never };

export const opensNever: StoreDefinition = { ...sound, open: never };

export const closesNever = bad({ close: never });

export const misuses = bad({ head: async () => (undefined as never as { key: never }).key });

export const mumbles = bad({
  head: async () => {
    throw Object.create(null);
  },
  list: async () => {
    throw Object.assign(new HoldfastError('STORE_FULL', 'x'), { message: 5n, hint: {} });
  },
});

export const interrupts = bad({
  head: async () => {
    throw new HoldfastError('INTERRUPTED', 'hm');
  },
});

export const outOfTime = bad({
  list: async () => ({
    objects: [
      { key: 'a', sizeBytes: 1, modifiedAtMs: 1e300, version: null, storageClass: null, readable: true },
    ],
    next: null,
  }),
});

export const givesPromise = bad({ get: (async () => {}) as never });

export const givesNull = bad({ get: () => null as never });

export const givesTexts = bad({
  get: async function* () {
    yield 'text' as never;
  },
});

export const givesObject = bad({
  get() {
    send(frame(3, 2, JSON.stringify({ value: {} })));
    return (async function* () {
      yield await never();
    })();
  },
});

/** Sound, and starts what is to outlive it. */
export const leavesBehind: StoreDefinition = {
  ...sound,
  async open({ seconds }) {
    spawn('/bin/sleep', [seconds as string], { detached: true, stdio: 'ignore' }).unref();
    return memoryStore();
  },
};

/** Sound, and tells under the key of `head` what its process can reach. */
export const spy: StoreDefinition = {
  ...sound,
  async open(settings) {
    const { readFileSync, readdirSync } = await import('node:fs');
    const attempt = (work: () => unknown): unknown => {
      try {
        return work();
      } catch (error) {
        return (error as NodeJS.ErrnoException).code;
      }
    };
    const look = {
      file: attempt(() => readFileSync(settings['file'] as string, 'utf8')),
      accounts: attempt(() => readdirSync(settings['accounts'] as string)),
      processes: readdirSync('/proc').filter((name) => Number(name) > 0).length,
      shadow: attempt(() => readFileSync('/etc/shadow', 'utf8').length),
      env: Object.keys(process.env).sort(),
    };
    const info = { sizeBytes: 0, modifiedAtMs: 0, version: null, storageClass: null, readable: true };
    return { ...memoryStore(), head: async () => ({ key: JSON.stringify(look), ...info }) };
  },
};

/** Sound, and offers a file of somebody else's to be written. */
export const offersOthers: StoreDefinition = {
  ...sound,
  async open(settings) {
    const fd = openSync(settings['file'] as string, 'r');
    const beginFile = async () => ({ fd, publish: never, discard: async () => {} });
    return Object.assign(memoryStore(), { beginFile, openFile: never });
  },
};
