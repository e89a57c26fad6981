/** Opens stores in processes of their own, as Holdfast does. */

import { join } from 'node:path';
import type { Store } from '../../src/core/index.ts';
import type { Recipe } from '../../src/core/isolation/addin-host.ts';
import { type Patience, usualPatience } from '../../src/core/isolation/addin-process.ts';
import { openIsolatedStore } from '../../src/core/isolation/isolated-store.ts';
import { plainLaunch } from '../../src/core/isolation/plain-launch.ts';
import type { FileBodies } from '../../src/core/isolation/store-of-files.ts';

export const rootOfCheckout = join(import.meta.dirname, '../..');

export interface IsolatedModule {
  /** From the root of the checkout. */
  readonly module: string;
  readonly exported: string;
  readonly settings?: Readonly<Record<string, unknown>>;
  readonly patience?: Partial<Patience>;
  readonly secrets?: readonly string[];
  /** Moves bytes into and out of the files of the store. */
  readonly files?: FileBodies;
}

export function recipeFor({
  module,
  exported,
  settings = {},
  patience,
  secrets = [],
  files,
}: IsolatedModule): Recipe {
  return {
    name: `the store ${exported}`,
    secrets,
    patience: { ...usualPatience, ...patience },
    launches: async () => [plainLaunch()],
    ...(files === undefined ? {} : { files: async () => files }),
    opening: { module: join(rootOfCheckout, module), exported, part: 'store', settings, env: {} },
  };
}

export const openIsolated = (what: IsolatedModule): Promise<Store> => openIsolatedStore(recipeFor(what));
