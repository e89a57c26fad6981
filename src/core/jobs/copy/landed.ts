/**
 * The newest snapshot of each account that a copy got whole, and how long what it names is locked there.
 *
 * Prune keeps the newest of all, and so whatever that names. So a put-only copy, which cannot be asked, need not be sent
 * that again; and in any copy the locks of that are due only when those of the snapshot itself come near. Locks that were
 * made by other rules than those of today say nothing.
 */

import { parseManifestKey } from '../../archive/keys.ts';
import type { ObjectRef } from '../../archive/manifest.ts';
import { lockRulesOf } from '../extend-locks.ts';
import { safeAgeMs } from '../gone-objects.ts';
import { type CopyPath, type FoundManifest, readManifest } from './copy-one.ts';

interface Place {
  /** Of its manifest, the same in both stores. */
  readonly key: string;
  readonly lineage: string;
  /** When all it names was put or extended at the earliest, by the copy's clock; null: not known. */
  readonly lockedAtMs: number | null;
}

/** What a snapshot of the same account finds in the copy. */
export interface Before {
  /** Whether an object is known to be there, though nobody lists it. */
  isNamed(key: string): boolean;
  /** @param modifiedAtMs as the copy lists it; null where it lists nothing */
  lockedAtMs(key: string, modifiedAtMs: number | null): number | null;
}

export const nothingKnown: Before = { isNamed: () => false, lockedAtMs: () => null };

export class Landed {
  readonly #newest: Map<string, Place>;
  /** The last that this run copied of each account: it goes from the newest to older ones. */
  readonly #last = new Map<string, Place & { readonly atMs: number }>();
  #rules: string | null;
  /** Whatever was put since then is locked by these rules. */
  #sinceMs: number | null;

  /** @param noted what an earlier run gave to its record */
  constructor(noted: unknown = null) {
    const { rules = null, sinceMs = null, newest = {} } = (noted ?? {}) as Partial<LandedNote>;
    this.#rules = rules;
    this.#sinceMs = sinceMs;
    this.#newest = new Map(Object.entries(newest));
  }

  /** @param rules by which the copy locks what is put there now; null: by none */
  #follow(rules: string | null): void {
    if (this.#rules === rules) return;
    this.#rules = rules;
    this.#sinceMs = null;
    for (const [owner, one] of this.#newest) this.#newest.set(owner, { ...one, lockedAtMs: null });
  }

  /**
   * @param begunAtMs when its copying began, by our clock
   * @param lockedAtMs the same by the copy's clock; null: not known
   */
  add(
    { listed, header }: Pick<FoundManifest, 'listed' | 'header'>,
    begunAtMs: number,
    lockedAtMs: number | null,
  ): void {
    const isLocked = this.#rules !== null;
    if (isLocked) this.#sinceMs ??= lockedAtMs;
    const { owner, key } = listed;
    const { lineage } = header;
    const place = { key, lineage, lockedAtMs: isLocked ? lockedAtMs : null };
    this.#last.set(owner, { ...place, atMs: begunAtMs });
    const known = this.#newest.get(owner);
    const before = known === undefined ? null : parseManifestKey(known.key);
    if (before !== null && known?.lineage === lineage) {
      // As prune orders them, whatever the clock was.
      if (before.sequence > listed.sequence) return;
    } else if (before !== null && before.atMs > listed.atMs) {
      // Nobody knows which of the two prune takes for the newest.
      this.#newest.delete(owner);
      return;
    }
    this.#newest.set(owner, place);
  }

  /** What the next snapshot of an account finds. To be called before `add`. */
  async before(path: CopyPath, owner: string): Promise<Before> {
    const { store } = path.target;
    const { putOnly } = store.capabilities;
    this.#follow(lockRulesOf(store));
    const named = new Map<string, number | null>();
    for (const { key, lockedAtMs } of this.#placesOf(owner, path.now())) {
      if (!putOnly && lockedAtMs === null) continue;
      for (const { key: name } of await namedBy(path, key)) {
        named.set(name, later(named.get(name) ?? null, lockedAtMs));
      }
    }
    return {
      isNamed: (key) => named.has(key),
      lockedAtMs: (key, modifiedAtMs) => {
        const isByTheseRules = modifiedAtMs !== null && modifiedAtMs >= (this.#sinceMs ?? Infinity);
        return later(named.get(key) ?? null, isByTheseRules ? modifiedAtMs : null);
      },
    };
  }

  #placesOf(owner: string, nowMs: number): readonly Place[] {
    const newest = this.#newest.get(owner);
    const last = this.#last.get(owner);
    // Prune may let go of it, but not of what is young.
    const isYoung = last !== undefined && last.key !== newest?.key && nowMs - last.atMs < safeAgeMs;
    return [newest, isYoung ? last : undefined].filter((one) => one !== undefined);
  }

  /** By account, the keys of the newest. */
  manifests(): readonly (readonly [owner: string, key: string])[] {
    return [...this.#newest].map(([owner, { key }]) => [owner, key]);
  }

  forget(owner: string): void {
    this.#newest.delete(owner);
  }

  /** @param present keys of the manifests in the main store; accounts that have none are forgotten */
  forgetOthers(present: Iterable<string>): void {
    const owners = new Set([...present].map((key) => parseManifestKey(key)?.owner));
    for (const owner of this.#newest.keys()) if (!owners.has(owner)) this.#newest.delete(owner);
  }

  /** What the record keeps. */
  note(): LandedNote {
    return { rules: this.#rules, sinceMs: this.#sinceMs, newest: Object.fromEntries(this.#newest) };
  }
}

interface LandedNote {
  readonly rules: string | null;
  readonly sinceMs: number | null;
  readonly newest: Readonly<Record<string, Place>>;
}

/** Read from the copy, or from the main store where the copy cannot be read. Nothing where it was pruned or is damaged. */
export async function namedBy(
  { source, target, signal }: CopyPath,
  key: string,
): Promise<readonly ObjectRef[]> {
  const from = target.store.capabilities.putOnly ? source : target;
  const name = parseManifestKey(key);
  if (name === null) return [];
  try {
    const { header } = await readManifest({ source: from, signal }, { ...name, key });
    return [...header.objects, ...header.references];
  } catch {
    signal.throwIfAborted();
    return [];
  }
}

const later = (a: number | null, b: number | null): number | null =>
  a === null || b === null ? (a ?? b) : Math.max(a, b);
