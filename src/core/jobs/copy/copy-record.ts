/**
 * What the local state knows about one copy, so that a run does not ask the same again.
 *
 * A cache, in `copy.<addin>.<copy>.json` of the state directory. Where it is lost, manifests of other
 * configurations and the copy's prune events are read once more, a put-only copy is offered everything, and key
 * objects that a rotation has taken out of the copy come back, if the main store still has them.
 */

import { join } from 'node:path';
import type { Retention } from '../../config/addin-schema.ts';
import { readJsonFile, writeJsonFile } from '../../state/atomic-file.ts';

interface CopyNames {
  readonly addin: string;
  readonly copy: string;
  /** Id of the copy's store; what is known of another one does not count. */
  readonly store: string;
}

export class CopyRecord {
  readonly #path: string;
  readonly #head: { readonly version: 1; readonly store: string; readonly retention: string };
  /** Manifests of other addin configurations, not to be copied. */
  readonly others: Set<string>;
  /** Manifests that a put-only copy took; of any other copy the store itself tells. */
  readonly sent: Set<string>;
  /** Manifests that were pruned from the copy, that its retention would let go at once, or that lost what it has. */
  readonly leftOut: Set<string>;
  /** Key objects that were seen in the copy, whatever became of them there. */
  readonly keys: Set<string>;
  #saved: string;

  private constructor(path: string, store: string, retention: string, value: Known | null) {
    this.#path = path;
    this.#head = { version: 1, store, retention };
    const known = value?.['version'] === 1 && value['store'] === store ? value : null;
    this.others = new Set(stringsOf(known?.['others']));
    this.sent = new Set(stringsOf(known?.['sent']));
    this.leftOut = new Set(known?.['retention'] === retention ? stringsOf(known['leftOut']) : []);
    this.keys = new Set(stringsOf(known?.['keys']));
    this.#saved = JSON.stringify(value);
  }

  /** @param retention the copy's; what another one left out is judged anew */
  static async open(
    stateDir: string,
    { addin, copy, store }: CopyNames,
    retention: Retention | null,
  ): Promise<CopyRecord> {
    const path = join(stateDir, `copy.${addin}.${copy}.json`);
    const read = await readJsonFile(path);
    const value = ('value' in read ? read.value : null) as Known | null;
    return new CopyRecord(path, store, JSON.stringify(retention), value);
  }

  /**
   * Forgets manifests that the source no longer has, and writes the file where anything changed.
   *
   * @param present keys of the manifests it has
   */
  async save(present: ReadonlySet<string>): Promise<void> {
    for (const keys of [this.others, this.sent, this.leftOut]) {
      for (const key of keys) if (!present.has(key)) keys.delete(key);
    }
    const text = this.#text();
    if (text === this.#saved) return;
    await writeJsonFile(this.#path, this.#document());
    this.#saved = text;
  }

  #document(): Known {
    return {
      ...this.#head,
      others: [...this.others],
      sent: [...this.sent],
      leftOut: [...this.leftOut],
      keys: [...this.keys],
    };
  }

  #text(): string {
    return JSON.stringify(this.#document());
  }
}

type Known = Readonly<Record<string, unknown>>;

const stringsOf = (value: unknown): string[] =>
  Array.isArray(value) ? value.filter((one) => typeof one === 'string') : [];
