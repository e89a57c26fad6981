/**
 * An addin configuration with its store and provider opened: what every job works on.
 */

import type { AddinRef } from '../archive/manifest.ts';
import type { Provider } from '../contracts/provider.ts';
import type { Store } from '../contracts/store.ts';

export interface OpenAddin {
  readonly name: string;
  /** Stable for one server and configuration name; lineages belong to it. */
  readonly id: string;
  readonly store: Store;
  readonly provider: Provider;
  readonly storeRef: AddinRef;
  readonly providerRef: AddinRef;
}

/** Version of this release, as manifests record it. */
export const holdfastVersion = '0.1.0';
