/**
 * Directories of this machine that are a store's own, as its settings name them: properties of the settings
 * themselves whose schema says `"x-directory": true`. Data alone, for the code of a package is not asked.
 */

import type { JsonSchema, Settings } from '../contracts/addin.ts';

/** Absolute ones alone: no other way leads to the same place in each process. */
export function directoriesIn(settings: Settings, schema: JsonSchema): readonly string[] {
  const properties = (schema['properties'] ?? {}) as Readonly<Record<string, JsonSchema>>;
  return Object.entries(properties)
    .filter(([, property]) => property['x-directory'] === true)
    .map(([name]) => settings[name])
    .filter((value): value is string => typeof value === 'string' && value.startsWith('/'));
}
