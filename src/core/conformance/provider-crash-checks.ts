/**
 * Checks of a provider over a store that fails: at every single call it makes, before the call, inside its
 * bytes, and after it.
 *
 * They run over stores in memory, so that hundreds of crashes cost no request and leave nothing behind.
 */

import { deepEqual, equal, fail, ok } from 'node:assert/strict';
import type { ObjectKind, Provider } from '../contracts/provider.ts';
import type { Store } from '../contracts/store.ts';
import type { CheckContext, ProviderCheck, ProviderCheckContext } from './check.ts';
import { type Fault, type FaultyStore, faultyStore, type StoreMethod } from './faulty-store.ts';
import { memoryStore } from './memory-store.ts';
import * as probe from './probes.ts';

const methods: readonly StoreMethod[] = ['put', 'get', 'head', 'list', 'remove'];
const moments = ['before', 'midway', 'after'] as const;
/** A provider that comes to no end is stopped here. */
const mostCalls = 200;

/** What a backup puts, in its order: the manifest comes last. */
const written: readonly { readonly kind: ObjectKind; readonly name: string; readonly length: number }[] = [
  { kind: 'segment', name: 'data/0.tar.zst', length: 70_000 },
  { kind: 'segment', name: 'data/1.tar.zst', length: 1 },
  { kind: 'export', name: 'data/2.sql.zst', length: 5000 },
  { kind: 'index', name: 'index/0.idx', length: 3000 },
  { kind: 'manifest', name: 'manifests/0.manifest', length: 900 },
];

interface Backup {
  readonly objects: ReadonlyMap<string, { readonly kind: ObjectKind; readonly bytes: Uint8Array }>;
  /** Keys whose put has resolved. */
  readonly stored: Set<string>;
}

function newBackup(context: CheckContext): Backup {
  const objects = written.map(
    ({ kind, name, length }) =>
      [context.prefix + name, { kind, bytes: context.randomBytes(length) }] as const,
  );
  return { objects: new Map(objects), stored: new Set() };
}

/** Stops at the first failure, as a backup does. */
async function write(
  { objects, stored }: Backup,
  provider: Provider,
  { signal }: CheckContext,
): Promise<void> {
  for (const [key, { kind, bytes }] of objects) {
    const body = probe.oddChunks(bytes);
    await provider.put({ kind, key, body, sizeBytes: bytes.length, createOnly: true, signal });
    stored.add(key);
  }
}

async function readBack({ objects }: Backup, provider: Provider, context: CheckContext): Promise<void> {
  for (const [key, { bytes }] of objects) {
    probe.sameBytes(await probe.read(provider, context, key), bytes, `get of ${key}`);
    const range = { offset: bytes.length >> 1, length: bytes.length - (bytes.length >> 1) };
    const part = await probe.read(provider, context, key, range);
    probe.sameBytes(part, bytes.subarray(range.offset), `range of ${key}`);
  }
}

/** Runs the work once for every fault that it meets, each time over a store of its own. */
async function atEveryCall(
  work: (fault: Fault, beneath: Store, faulty: FaultyStore) => Promise<void>,
): Promise<void> {
  for (const method of methods) {
    for (const when of moments) {
      for (let call = 1; ; call += 1) {
        ok(call <= mostCalls, `more than ${mostCalls} calls of ${method} for a handful of objects`);
        const fault: Fault = { method, call, when };
        const beneath = memoryStore();
        const faulty = faultyStore(beneath, [fault]);
        await work(fault, beneath, faulty);
        if (faulty.calls[method] < call) break;
      }
    }
  }
}

const told = ({ method, call, when }: Fault): string => `with ${method} ${call} failing ${when} its work`;

/** What resolved is whole; what did not is whole or absent; nothing else is there. */
async function judge(
  { objects, stored }: Backup,
  fault: Fault,
  beneath: Store,
  context: ProviderCheckContext,
): Promise<void> {
  const fresh = await context.open(beneath);
  const there = await probe.keysBelow(beneath, context, '');
  for (const key of there) {
    const expected = objects.get(key);
    if (expected === undefined) fail(`${told(fault)} the store holds ${key}, which nobody put`);
    probe.sameBytes(await probe.read(beneath, context, key), expected.bytes, `${told(fault)} ${key}`);
  }
  for (const key of stored) {
    ok(there.includes(key), `${told(fault)} a put resolved and ${key} is not in the store`);
    probe.sameBytes(await probe.read(fresh, context, key), objects.get(key)!.bytes, `${told(fault)} ${key}`);
  }
}

export const providerCrashChecks: readonly ProviderCheck[] = [
  {
    name: 'survives a crash at every call it makes to the store: what resolved is whole, nothing is half there',
    async run(_subject, context) {
      await atEveryCall(async (fault, beneath, faulty) => {
        const backup = newBackup(context);
        const outcome = await context
          .open(faulty)
          .then((provider) => write(backup, provider, context))
          .then(
            () => null,
            (error: unknown) => error,
          );
        if (outcome === null) equal(backup.stored.size, written.length, `${told(fault)} puts that resolved`);
        await judge(backup, fault, beneath, context);
      });
    },
  },
  {
    name: 'goes on after a crash as if nothing had been: the next backup is whole',
    async run(_subject, context) {
      await atEveryCall(async (fault, beneath, faulty) => {
        const provider = await context.open(faulty).catch(() => null);
        if (provider !== null) await write(newBackup(context), provider, context).catch(() => {});
        const fired = faulty.calls[fault.method] >= fault.call;
        const next = newBackup({ ...context, prefix: `${context.prefix}next/` });
        // The very same one where it has the failure behind it, as in a run over many accounts.
        await write(next, provider !== null && fired ? provider : await context.open(beneath), context);
        equal(next.stored.size, written.length, `${told(fault)} puts of the next backup that resolved`);
        await readBack(next, await context.open(beneath), context);
      });
    },
  },
  {
    name: 'reads right or not at all, whichever call of the store fails',
    async run(_subject, context) {
      await atEveryCall(async (fault, beneath, faulty) => {
        const backup = newBackup(context);
        await write(backup, await context.open(beneath), context);
        const before = await probe.keysBelow(beneath, context, '');
        const reading = async () => readBack(backup, await context.open(faulty), context);
        try {
          await reading();
        } catch (error) {
          // Wrong bytes are what may never be; any error of the store is.
          if (error instanceof Error && error.name === 'AssertionError') throw error;
        }
        deepEqual(await probe.keysBelow(beneath, context, ''), before, `${told(fault)} what is in the store`);
      });
    },
  },
];
