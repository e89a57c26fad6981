/** Which store each addin configuration used last, and as which server: `stores.json` of the state. */

import { readJsonFile, writeJsonFile } from './atomic-file.ts';
import { readOrSetAside } from './state-files.ts';
import { isStoresFile } from './state-schemas.ts';

/** Each by name of the addin configuration. */
interface StoresFile {
  readonly ids: Map<string, string>;
  /** UUIDs of servers. */
  readonly usedBy: Map<string, string>;
}

const none = (): StoresFile => ({ ids: new Map(), usedBy: new Map() });

function parse(value: unknown): StoresFile | null {
  if (!isStoresFile(value)) return null;
  const { stores, usedBy = {} } = value;
  return { ids: new Map(Object.entries(stores)), usedBy: new Map(Object.entries(usedBy)) };
}

export class KnownStores {
  readonly #path: string;
  readonly #known: StoresFile;

  private constructor(path: string, known: StoresFile) {
    this.#path = path;
    this.#known = known;
  }

  /** `notes` hears of a damaged file, which is set aside. */
  static async open(path: string, nowMs: number, notes: string[]): Promise<KnownStores> {
    return new KnownStores(path, (await readOrSetAside(path, parse, nowMs, notes)) ?? none());
  }

  /** Keeps what other processes remembered meanwhile. */
  async remember(name: string, id: string, server: string): Promise<void> {
    const { ids, usedBy } = this.#known;
    if (ids.get(name) === id && usedBy.get(name) === server) return;
    const onDisk = await readJsonFile(this.#path);
    const merged = ('value' in onDisk && parse(onDisk.value)) || none();
    merged.ids.set(name, id);
    merged.usedBy.set(name, server);
    await writeJsonFile(this.#path, {
      version: 1,
      stores: Object.fromEntries(merged.ids),
      usedBy: Object.fromEntries(merged.usedBy),
    });
    ids.set(name, id);
    usedBy.set(name, server);
  }

  idOf(name: string): string | null {
    return this.#known.ids.get(name) ?? null;
  }

  /** Whether one of `servers` used it last. What was remembered before there was `usedBy` counts as theirs. */
  wasUsedBy(servers: readonly string[], name: string): boolean {
    const { ids, usedBy } = this.#known;
    const last = usedBy.get(name);
    return ids.has(name) && (last === undefined || servers.includes(last));
  }
}
