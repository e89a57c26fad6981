/** A store in memory that keeps every version, for the checks that only such stores meet. */

import { memoryStore } from '../../../src/core/conformance/index.ts';
import { HoldfastError, type ObjectInfo, type Store } from '../../../src/core/index.ts';

/** A version of null hides the object: it was removed. */
interface Kept {
  readonly version: string;
  readonly bytes: Uint8Array | null;
}

export function versionedStore(): Store {
  const newest = memoryStore({ now: Date.now });
  const kept = new Map<string, readonly Kept[]>();
  let count = 0;
  const versionsOf = (key: string): readonly Kept[] => kept.get(key) ?? [];
  const shown = async (key: string, signal: AbortSignal): Promise<void> => {
    const bytes = versionsOf(key).at(-1)?.bytes ?? null;
    if (bytes === null) return newest.remove({ key, signal });
    await newest.put({ key, signal, body: bodyOf(bytes) });
  };
  async function* bodyOf(bytes: Uint8Array) {
    yield bytes;
  }
  const told = <T extends { readonly key: string }>(info: T): T & { readonly version: string | null } => ({
    ...info,
    version: versionsOf(info.key).at(-1)?.version ?? null,
  });
  const hidden = (key: string): ObjectInfo | null => {
    const last = versionsOf(key).findLast(({ bytes }) => bytes !== null);
    if (last === undefined) return null;
    const { version, bytes } = last;
    return { key, version, sizeBytes: bytes!.length, modifiedAtMs: 0, storageClass: null, readable: true };
  };
  return {
    ...newest,
    capabilities: { ...newest.capabilities, versions: true },
    async put(request) {
      const result = await newest.put(request);
      const { key, signal } = request;
      const bytes = Buffer.concat(await Array.fromAsync(newest.get({ key, signal })));
      count += 1;
      const version = `v${count}`;
      kept.set(key, [...versionsOf(key), { version, bytes }]);
      return { ...result, version };
    },
    async *get({ version, ...request }) {
      if (version === undefined) return yield* newest.get(request);
      const bytes = versionsOf(request.key).find((one) => one.version === version)?.bytes ?? null;
      if (bytes === null) throw new HoldfastError('OBJECT_MISSING', `there is no version ${version}`);
      yield bytes;
    },
    async head(request) {
      const info = await newest.head(request);
      return info === null ? null : told(info);
    },
    async list(request) {
      if (request.hidden === true) {
        const { prefix, after = '', limit = 1000 } = request;
        const all = [...kept.keys()].filter((key) => key.startsWith(prefix) && key > after).sort();
        const objects = all.flatMap((key) => hidden(key) ?? []).slice(0, limit);
        return { objects, next: objects.length < limit ? null : objects.at(-1)!.key };
      }
      const page = await newest.list(request);
      return { ...page, objects: page.objects.map(told) };
    },
    async remove({ version, ...request }) {
      const { key, signal } = request;
      count += 1;
      const left =
        version === undefined
          ? [...versionsOf(key), { version: `v${count}`, bytes: null }]
          : versionsOf(key).filter((one) => one.version !== version);
      kept.set(key, left);
      await shown(key, signal);
    },
  };
}
