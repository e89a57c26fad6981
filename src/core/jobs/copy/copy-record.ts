/**
 * What the local state knows about one copy, so that a run does not ask the same again.
 *
 * A cache, in `copy.<addin>.<copy>.json` of the state directory. Where it is lost, manifests of other
 * configurations are read once more, and a put-only copy is offered everything again.
 */

import { join } from 'node:path';
import { readJsonFile, writeJsonFile } from '../../state/atomic-file.ts';

export class CopyRecord {
  readonly #path: string;
  readonly #store: string;
  /** Manifests of other addin configurations, not to be copied. */
  readonly others: Set<string>;
  /** Manifests that a put-only copy took; of any other copy the store itself tells. */
  readonly sent: Set<string>;
  readonly #sizes: readonly [number, number];

  constructor(path: string, store: string, others: readonly string[], sent: readonly string[]) {
    this.#path = path;
    this.#store = store;
    this.others = new Set(others);
    this.sent = new Set(sent);
    this.#sizes = [others.length, sent.length];
  }

  /** @param store id of the copy's store; what is known of another one does not count */
  static async open(
    stateDir: string,
    names: { readonly addin: string; readonly copy: string },
    store: string,
  ): Promise<CopyRecord> {
    const path = join(stateDir, `copy.${names.addin}.${names.copy}.json`);
    const read = await readJsonFile(path);
    const value = ('value' in read ? read.value : null) as Readonly<Record<string, unknown>> | null;
    const ours = value?.['version'] === 1 && value['store'] === store;
    return new CopyRecord(
      path,
      store,
      ours ? stringsOf(value['others']) : [],
      ours ? stringsOf(value['sent']) : [],
    );
  }

  /** Forgets what the source no longer has, and writes the file where anything changed. */
  async save(present: ReadonlySet<string>): Promise<void> {
    for (const keys of [this.others, this.sent]) {
      for (const key of keys) if (!present.has(key)) keys.delete(key);
    }
    if (this.others.size === this.#sizes[0] && this.sent.size === this.#sizes[1]) return;
    const document = { version: 1, store: this.#store, others: [...this.others], sent: [...this.sent] };
    await writeJsonFile(this.#path, document);
  }
}

const stringsOf = (value: unknown): string[] =>
  Array.isArray(value) ? value.filter((one) => typeof one === 'string') : [];
