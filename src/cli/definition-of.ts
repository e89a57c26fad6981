/** Finds a loaded definition by kind and name. */

import type { AddinDefinition, PanelDefinition, ProviderDefinition, StoreDefinition } from '../core/index.ts';

type Kinds = { store: StoreDefinition; provider: ProviderDefinition; panel: PanelDefinition };

export function definitionOf<K extends keyof Kinds>(
  definitions: readonly AddinDefinition[],
  kind: K,
  name: string,
): Kinds[K] {
  const found = definitions.find((one) => one.kind === kind && one.name === name);
  if (found === undefined) throw new TypeError(`the ${kind} ${name} was not loaded`);
  return found as Kinds[K];
}
