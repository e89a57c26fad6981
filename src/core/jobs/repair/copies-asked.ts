/**
 * The copies of a store, as far as their answers count.
 *
 * That a copy does not have something is known only of one that answers and is the copy it should be. An unmounted
 * disk, a wrong bucket, credentials that cannot read: what such a one gives is taken where its hash is right, and
 * what it does not give is not lost for that.
 */

import { storeFileKey } from '../../archive/keys.ts';
import { isHoldfastError } from '../../errors.ts';
import { printable } from '../../printable.ts';
import { readStoreFile, type StoreFile } from '../store-identity.ts';
import type { RepairCopy, RepairRequest, UnaskedCopy } from './types.ts';

export class CopiesAsked {
  readonly #copies: readonly RepairCopy[];
  readonly #doubts: Map<string, string>;
  /** Names of those that do not answer at all: asking them again for each object would take hours. */
  readonly #silent = new Set<string>();

  private constructor(copies: readonly RepairCopy[], doubts: Map<string, string>) {
    this.#copies = copies;
    this.#doubts = doubts;
  }

  /** Asks each which store it is. */
  static async of(request: RepairRequest): Promise<CopiesAsked> {
    const { store, copies, unopened = [], isCopy = false, signal } = request;
    const asked = new CopiesAsked(copies, new Map(unopened.map(({ copy, message }) => [copy, message])));
    const own = copies.length === 0 ? null : await readStoreFile(store, signal).catch(() => null);
    for (const copy of copies) {
      await asked.#try(copy, async () => {
        const doubt = doubtOf(await readStoreFile(copy.store, signal), copy, { own, isCopy });
        if (doubt !== null) asked.#doubts.set(copy.name, doubt);
      });
    }
    return asked;
  }

  /** Those whose silence on something proves nothing. */
  get unasked(): UnaskedCopy[] {
    return [...this.#doubts].map(([copy, message]) => ({ copy, message }));
  }

  /** The first that gives something but null; null where none does, which proves something where none is `unasked`. */
  async first<T>(
    work: (copy: RepairCopy) => Promise<T | null>,
  ): Promise<{ readonly copy: RepairCopy; readonly value: T } | null> {
    for (const copy of this.#copies) {
      if (this.#silent.has(copy.name)) continue;
      const value = (await this.#try(copy, () => work(copy))) ?? null;
      if (value !== null) return { copy, value };
    }
    return null;
  }

  /** Undefined where the copy has it not, or damaged, or does not say. */
  async #try<T>({ name }: RepairCopy, work: () => Promise<T>): Promise<T | undefined> {
    try {
      return await work();
    } catch (error) {
      if (!isHoldfastError(error) || !/^(?:OBJECT|FORMAT|STORE|ADDIN)_/.test(error.code)) throw error;
      if (/^(?:STORE|ADDIN)_/.test(error.code)) this.#doubts.set(name, printable(error.message, 4096));
      if (error.code === 'STORE_UNAVAILABLE') this.#silent.add(name);
      return undefined;
    }
  }
}

/** Why it may not be the copy it should be, or not the original; null where nothing speaks against it. */
function doubtOf(
  file: StoreFile | null,
  { remembered = null }: RepairCopy,
  { own, isCopy }: { readonly own: StoreFile | null; readonly isCopy: boolean },
): string | null {
  if (file === null) return `it has no ${storeFileKey}: it is empty, or not mounted`;
  if (remembered !== null && remembered !== file.store)
    return `it has the id ${file.store}, this server wrote to ${remembered} before`;
  if (own === null || own.store === file.store) return null;
  const [copy, main] = isCopy ? [own, file] : [file, own];
  if (copy.origins?.includes(main.store)) return null;
  return isCopy
    ? `the copy was not made of the store ${main.store}`
    : `it is no copy of the store ${main.store}`;
}
