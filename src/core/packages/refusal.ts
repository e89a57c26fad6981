/** Why an addin package, or one addin of it, is not used. */

import type { AddinKind } from './manifest-schema.ts';
import type { Permissions } from './permissions-schema.ts';

export const refusalReasons = [
  'not-found',
  'unsafe-files',
  'unreadable-files',
  'not-an-addin',
  'host-version',
  'unknown-kind',
  'contract-too-new',
  'capability-missing',
  'bad-manifest',
  'bad-settings-schema',
  'bad-entry',
  'name-taken',
] as const;

export type RefusalReason = (typeof refusalReasons)[number];

export interface Refusal {
  readonly reason: RefusalReason;
  /** Lower case, no full stop. */
  readonly message: string;
  readonly hint: string;
}

/** Text in it comes from the package; whoever shows it escapes it. */
export interface RefusedAddin extends Refusal {
  /** As the configuration names the package. */
  readonly source: string;
  /** Real path of the package's directory; null where there is none. */
  readonly root: string | null;
  readonly version: string | null;
  /** Null where all of the package is refused; may be a kind that nobody knows. */
  readonly kind: AddinKind | string | null;
  readonly name: string | null;
  readonly contract: number | null;
  readonly permissions: Permissions | null;
}

/** For functions that find what they look for or say why not. */
export type Found<T> = { readonly found: T } | { readonly refusal: Refusal };

export const refusal = (reason: RefusalReason, message: string, hint: string) => ({
  refusal: { reason, message, hint },
});
