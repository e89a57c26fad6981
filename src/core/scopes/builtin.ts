/** The scopes that are built in, and whether a value is one of theirs. */

import type { ScopeValue } from '../contracts/scope.ts';
import { printable } from '../printable.ts';
import { validate } from '../settings/validate.ts';
import { resourceScopes } from './resource-scopes.ts';
import { selectionScopes } from './selection-scopes.ts';
import type { ScopeSpec, SpecWorld } from './spec.ts';
import { timingScopes } from './timing-scopes.ts';
import { showScopeValue } from './value-grammar.ts';

export const builtinScopes: readonly ScopeSpec[] = [
  ...selectionScopes,
  ...timingScopes,
  ...resourceScopes,
].sort((a, b) => (a.name < b.name ? -1 : 1));

/** What is wrong with the value, and what is allowed; null where nothing is. Null itself is always allowed. */
export function faultOf(spec: ScopeSpec, value: ScopeValue, world: SpecWorld): string | null {
  if (value === null) return null;
  // A copy, since validation fills in defaults.
  const fits = validate(structuredClone(value), spec.schema).length === 0;
  const why = fits ? (spec.fault?.(value, world) ?? null) : null;
  if (fits && why === null) return null;
  const because = why === null ? '' : ` (${why})`;
  const not = spec.mayHoldSecrets === true ? '' : `, not ${printable(showScopeValue(value))}`;
  return `${spec.name} takes ${spec.allowed}, or null for what the configuration says${not}${because}`;
}
