/**
 * What the local state knows about one copy, so that a run does not ask the same again.
 *
 * A cache, in `copy.<addin>.<copy>.json` of the state directory. Where it is lost, manifests of other
 * configurations and the copy's prune events are read once more, a put-only copy is offered everything, and key
 * objects that a rotation has taken out of the copy come back, if the main store still has them. What was left out by a
 * clock that turns out to have been ahead is judged anew.
 */

import { join } from 'node:path';
import { parseManifestKey } from '../../archive/keys.ts';
import type { Retention } from '../../config/addin-schema.ts';
import { readJsonFile, writeJsonFile } from '../../state/atomic-file.ts';
import { clockToleranceMs } from '../retention/decide.ts';
import { Landed } from './landed.ts';

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
  /** Manifests that were put there, and of which nobody has made sure yet that they have all their objects. */
  readonly doubtful: Set<string>;
  /** Key objects that were seen in the copy, whatever became of them there. */
  readonly keys: Set<string>;
  /** Pins, legal holds and ends of them of the main store that the copy has, or was sent where it is put-only. */
  readonly events: Set<string>;
  /** The newest snapshot of each account that came there whole. */
  readonly landed: Landed;
  /** Accounts of which the copy holds keys that were replaced in the main store, as the last run saw it. */
  replacedKeys: number;
  /** By the latest clock that anything was left out by; null where nobody knows. */
  #judgedAtMs: number | null;
  /** By which this run judges, and what was left out before it. */
  #run: { readonly nowMs: number; readonly leftOut: ReadonlySet<string> } | null = null;
  #saved: string;

  private constructor(path: string, store: string, retention: string, value: Known | null) {
    this.#path = path;
    this.#head = { version: 1, store, retention };
    const known = value?.['version'] === 1 && value['store'] === store ? value : null;
    this.others = new Set(stringsOf(known?.['others']));
    this.sent = new Set(stringsOf(known?.['sent']));
    this.leftOut = new Set(known?.['retention'] === retention ? stringsOf(known['leftOut']) : []);
    this.doubtful = new Set(stringsOf(known?.['doubtful']));
    this.keys = new Set(stringsOf(known?.['keys']));
    this.events = new Set(stringsOf(known?.['events']));
    this.landed = new Landed(known?.['landed']);
    const replaced = known?.['replacedKeys'];
    this.replacedKeys = typeof replaced === 'number' ? replaced : 0;
    const judgedAtMs = known?.['judgedAtMs'];
    this.#judgedAtMs = typeof judgedAtMs === 'number' ? judgedAtMs : null;
    this.#saved = JSON.stringify(value);
  }

  /** @param retention the copy's; what another one left out is judged anew */
  static async open(
    stateDir: string,
    { addin, copy, store }: CopyNames,
    retention: Retention | null,
  ): Promise<CopyRecord> {
    const path = pathOf(stateDir, addin, copy);
    const value = await readKnown(path);
    return new CopyRecord(path, store, JSON.stringify(retention), value);
  }

  /**
   * To be called before anything is left out. What was left out by a later clock, or by one that nobody knows, is forgotten:
   * retention goes by ages, and pins and holds end.
   */
  judgeAt(nowMs: number): void {
    if (nowMs < (this.#judgedAtMs ?? Number.POSITIVE_INFINITY) - clockToleranceMs) {
      this.leftOut.clear();
      this.#judgedAtMs = null;
    }
    this.#run = { nowMs, leftOut: new Set(this.leftOut) };
  }

  /** What was left out of an account comes into question again: what keeps its snapshots is another. */
  judgeAnew(owner: string): void {
    for (const key of this.leftOut) if (parseManifestKey(key)?.owner === owner) this.leftOut.delete(key);
  }

  /** The copy has lost what it had: all is offered to it anew. */
  forgetHeld(): void {
    for (const held of [this.sent, this.leftOut, this.doubtful, this.keys, this.events]) held.clear();
    for (const [owner] of this.landed.manifests()) this.landed.forget(owner);
    this.replacedKeys = 0;
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
    if (this.#run !== null && [...this.leftOut].some((key) => !this.#run!.leftOut.has(key))) {
      this.#judgedAtMs = Math.max(this.#judgedAtMs ?? 0, this.#run.nowMs);
    }
    this.landed.forgetOthers(present);
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
      doubtful: [...this.doubtful],
      judgedAtMs: this.#judgedAtMs,
      keys: [...this.keys],
      events: [...this.events],
      replacedKeys: this.replacedKeys,
      landed: this.landed.note(),
    };
  }

  #text(): string {
    return JSON.stringify(this.#document());
  }
}

type Known = Readonly<Record<string, unknown>>;

const pathOf = (stateDir: string, addin: string, copy: string): string =>
  join(stateDir, `copy.${addin}.${copy}.json`);

async function readKnown(path: string): Promise<Known | null> {
  const read = await readJsonFile(path);
  return ('value' in read ? read.value : null) as Known | null;
}

/** Accounts of which the copy held keys that were replaced in the main store, when a run last looked. */
export async function replacedKeysIn(stateDir: string, addin: string, copy: string): Promise<number> {
  const replaced = (await readKnown(pathOf(stateDir, addin, copy)))?.['replacedKeys'];
  return typeof replaced === 'number' ? replaced : 0;
}

/** They were encrypted anew; the next run looks again. */
export async function forgetReplacedKeys(stateDir: string, addin: string, copy: string): Promise<void> {
  const path = pathOf(stateDir, addin, copy);
  const known = await readKnown(path);
  if (known?.['replacedKeys']) await writeJsonFile(path, { ...known, replacedKeys: 0 });
}

const stringsOf = (value: unknown): string[] =>
  Array.isArray(value) ? value.filter((one) => typeof one === 'string') : [];
