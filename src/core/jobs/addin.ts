/**
 * An addin configuration with its store and provider opened: what every job works on.
 */

import type { AddinRef } from '../archive/manifest.ts';
import type { Store } from '../contracts/store.ts';
import type { KeyedProvider } from '../encryption/keyed-provider.ts';

export interface OpenAddin {
  readonly name: string;
  /** Stable for one server and configuration name; lineages belong to it. */
  readonly id: string;
  readonly store: Store;
  /** Where the store is, as far as the configuration says; the same text means the same place. */
  readonly place?: string;
  /** What errors call the store. */
  readonly where?: () => string;
  /** Names of its copies, for what errors advise. */
  readonly copies?: readonly string[];
  readonly provider: KeyedProvider;
  /** `none` only where the configuration says so. */
  readonly encryption: 'none' | { readonly recipients: readonly string[] };
  readonly storeRef: AddinRef;
  readonly providerRef: AddinRef;
}

/** Version of this release, as manifests record it. */
export const holdfastVersion = '0.1.0';
