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
import { type ListedSnapshot, listSnapshots } from '../catalog.ts';
import { readStoreFile, type StoreFile } from '../store-file.ts';
import { Planned } from './planned.ts';
import type { RepairCopy, RepairRequest, UnaskedCopy } from './types.ts';

export class CopiesAsked {
  readonly #copies: readonly RepairCopy[];
  readonly #doubts: Map<string, string>;
  /** Names of those that do not answer at all: asking them again for each object would take hours. */
  readonly #silent = new Set<string>();
  /** By copy, then by account. */
  readonly #listed = new Map<RepairCopy, Map<string, ListedSnapshot[]>>();
  /** Id of the store that is mended; null where nobody knows. */
  readonly storeId: string | null;
  /** What was found in them and is not to be written, since nothing is to be changed. */
  readonly planned = new Planned();

  private constructor(
    copies: readonly RepairCopy[],
    doubts: Map<string, string>,
    { storeId }: Pick<CopiesAsked, 'storeId'>,
  ) {
    this.#copies = copies;
    this.#doubts = doubts;
    this.storeId = storeId;
  }

  /**
   * Asks each which store it is, and which snapshots it has of the accounts in question. The store that is mended is to
   * be listed later than that: what has been added to both meanwhile is not missing.
   */
  static async of(request: RepairRequest): Promise<CopiesAsked> {
    const { store, copies, server, owners, unopened = [], isCopy = false, storeId = null, signal } = request;
    const own = await readStoreFile(store, signal).catch(() => null);
    const doubts = new Map(unopened.map(({ copy, message }) => [copy, message]));
    const asked = new CopiesAsked(copies, doubts, { storeId: own?.store ?? storeId });
    for (const copy of copies) {
      const which = async (): Promise<void> => {
        const doubt = doubtOf(await readStoreFile(copy.store, signal), copy, { own, isCopy });
        if (doubt !== null) asked.#doubts.set(copy.name, doubt);
      };
      // One whose own file is damaged may be any store.
      await asked.#try(copy, which, /./);
      if (asked.#silent.has(copy.name)) continue;
      await asked.#try(copy, async () => {
        const listed: ListedSnapshot[] = [];
        for (const where of owners?.map((owner) => ({ server, owner })) ?? [{ server }])
          listed.push(...(await listSnapshots(copy.store, where, signal)));
        asked.#listed.set(
          copy,
          Map.groupBy(listed, ({ owner }) => owner),
        );
      });
    }
    return asked;
  }

  /** Accounts in question that some copy has snapshots of. */
  get owners(): readonly string[] {
    return [...new Set([...this.#listed.values()].flatMap((ofCopy) => [...ofCopy.keys()]))];
  }

  /** What each has of an account, as it was when this was made: what it gives for them, in the order of copies. */
  async eachListing<T>(
    owner: string,
    work: (copy: RepairCopy, listed: readonly ListedSnapshot[]) => Promise<T>,
  ): Promise<T[]> {
    const given: T[] = [];
    for (const [copy, ofCopy] of this.#listed) {
      if (this.#silent.has(copy.name)) continue;
      const value = await this.#try(copy, () => work(copy, ofCopy.get(owner) ?? []));
      if (value !== undefined) given.push(value);
    }
    return given;
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

  /**
   * Undefined where the copy has it not, or damaged, or does not say.
   *
   * @param doubtful codes after which its silence proves nothing
   */
  async #try<T>(
    { name }: RepairCopy,
    work: () => Promise<T>,
    doubtful = /^(?:STORE|ADDIN)_/,
  ): Promise<T | undefined> {
    try {
      return await work();
    } catch (error) {
      if (!isHoldfastError(error) || !/^(?:OBJECT|FORMAT|STORE|ADDIN)_/.test(error.code)) throw error;
      if (doubtful.test(error.code)) this.#doubts.set(name, printable(error.message, 4096));
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
