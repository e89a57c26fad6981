/**
 * `copies` of an addin configuration: what its schema cannot say, and what each copy is called.
 */

import { quoted } from '../printable.ts';
import type { ConfigProblem } from '../settings/problems.ts';
import type { AddinDocument, Retention } from './addin-schema.ts';
import type { UseSettings } from './load-configuration.ts';

/** A further store that gets every snapshot. */
export interface CopyConfiguration {
  /** Unique in its addin configuration; the state remembers the copy's store under it. */
  readonly name: string;
  readonly store: UseSettings;
  /** Null: nothing is ever removed from the copy. */
  readonly retention: Retention | null;
}

type CopyDocuments = AddinDocument['copies'];

/** What the only copy is called that was given no name. */
const onlyCopy = 'copy';

/** @param written all that there are, without regard to faults: where several have one name, none is the one that is meant */
export function copiesOf(copies: CopyDocuments, written: unknown = copies): CopyConfiguration[] {
  const named = Array.isArray(written) ? Object.groupBy(written, nameOf) : {};
  return copies
    .filter((copy) => named[nameOf(copy)]?.length === 1)
    .map(({ store, retention, ...copy }) => ({
      name: nameOf(copy),
      store: store as UseSettings,
      retention: retention ?? null,
    }));
}

const nameOf = (copy: { readonly name?: string } | null): string => copy?.name ?? onlyCopy;

/** The store settings of each copy by their pointers, also where the document failed its schema. */
export function copyStores(copies: unknown): readonly (readonly [pointer: string, settings: unknown])[] {
  if (!Array.isArray(copies)) return [];
  return copies.map((copy: { readonly store?: unknown } | null, index) => [
    `/copies/${index}/store`,
    copy?.store,
  ]);
}

/** For copies that fit their schema. */
export function copyProblems(file: string, copies: CopyDocuments): ConfigProblem[] {
  return copies.flatMap(({ name }, index) => {
    const pointer = `/copies/${index}`;
    if (name === undefined) {
      const message = 'property "name" is missing; where there are several copies, each needs one';
      return copies.length > 1 ? [{ file, pointer, message, hint: 'Add "name".' }] : [];
    }
    const first = copies.findIndex((other) => other.name === name);
    if (first === index) return [];
    const message = `the name ${quoted(name)} is taken by /copies/${first}`;
    return [{ file, pointer: `${pointer}/name`, message, hint: 'Name each copy apart.' }];
  });
}
