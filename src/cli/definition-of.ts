/** Finds a loaded definition by kind and name. */

import { installed } from '../core/config/installed.ts';
import type { AddinDefinition, DefinitionOf } from '../core/contracts/addin.ts';

export function definitionOf<K extends 'store' | 'provider' | 'panel'>(
  definitions: readonly AddinDefinition[],
  kind: K,
  name: string,
): DefinitionOf<K> {
  const found = installed(kind, name, definitions);
  if (found === null) throw new TypeError(`the ${kind} ${name} was not loaded`);
  return found;
}
