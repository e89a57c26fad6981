/** What `use` can name, and what it could if it had not been refused. */

import type { AddinDefinition, DefinitionOf } from '../contracts/addin.ts';
import type { RefusedAddin } from '../packages/refusal.ts';

export interface Installed {
  readonly definitions: readonly AddinDefinition[];
  readonly refused?: readonly RefusedAddin[] | undefined;
}

/** The one of that kind and name; null for none. */
export const installed = <K extends AddinDefinition['kind']>(
  kind: K,
  use: string,
  definitions: readonly AddinDefinition[],
): DefinitionOf<K> | null =>
  definitions.find((one): one is DefinitionOf<K> => one.kind === kind && one.name === use) ?? null;
