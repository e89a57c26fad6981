/** What a built-in scope is made of: data, and how its value changes the settings. Pure. */

import type { Configuration } from '../config/load-configuration.ts';
import type { AddinDefinition, JsonSchema } from '../contracts/addin.ts';
import type { ScopeValue, ScopeValues } from '../contracts/scope.ts';

export interface SpecWorld {
  readonly configuration: Configuration;
  readonly definitions: readonly AddinDefinition[];
}

export interface ScopeSpec {
  readonly name: string;
  readonly help: string;
  readonly values: ScopeValues;
  /** What is allowed, to follow "takes". */
  readonly allowed: string;
  /** A value to show, in the grammar of the command line. */
  readonly example: string;
  readonly schema: JsonSchema;
  /** Somebody may have written a secret where a reference belongs, so no message repeats the value. */
  readonly mayHoldSecrets?: true;
  /** What is in force while nothing is set. */
  default(configuration: Configuration): ScopeValue;
  /** What the schema cannot say; null where nothing is wrong. */
  fault?(value: ScopeValue, world: SpecWorld): string | null;
  /** The value has been found allowed. */
  apply(
    configuration: Configuration,
    value: ScopeValue,
    definitions: readonly AddinDefinition[],
  ): Configuration;
}
