/** `scope list|info|get|set --json`, and `accounts --policy --json`. */

import type { FromSchema } from 'json-schema-to-ts';
import { document, flag, instantOrNull, list, record, text, textOrNull } from './schema.ts';

const anything = <const D extends string>(description: D) => ({ description }) as const;

const scope = {
  name: text('`group.kebab-case`.'),
  info: text('What it does.'),
  value: anything('What is in force.'),
  default: anything('What is in force while nothing is set.'),
  settings: anything('Kind of value (bool, int, string, array, mixed), or the list of allowed values.'),
};

export const scopesDocument = document('scopes', 'Every scope, by name.', {
  scopes: list('By name.', record('A scope.', scope)),
});

export const scopeDocument = document('scope', 'One scope.', {
  ...scope,
  allowed: textOrNull('What it takes, in words; null for a scope that an addin contributes.'),
  example: textOrNull('A value as the command line takes it; null for one that an addin contributes.'),
  setAt: instantOrNull('When it was last set; null: never.'),
  setBy: textOrNull('Who set it last.'),
});

export const scopeValueDocument = document('scope-value', 'What is in force.', {
  name: text('Name of the scope.'),
  value: anything('Its value.'),
});

export const scopeSetDocument = document('scope-set', 'What setting a scope did.', {
  name: text('Name of the scope.'),
  from: anything('What was in force before.'),
  value: anything('What is in force now.'),
  changed: flag('False where it was in force already.'),
});

export type ScopesDocument = FromSchema<typeof scopesDocument>;
export type ScopeDocument = FromSchema<typeof scopeDocument>;
export type ScopeValueDocument = FromSchema<typeof scopeValueDocument>;
export type ScopeSetDocument = FromSchema<typeof scopeSetDocument>;
