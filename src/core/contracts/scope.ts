/**
 * The scope contract: a named, documented, validated setting with effects.
 *
 * Setting the present value does nothing. `set` has either taken full effect when it resolves or
 * changed nothing when it rejects with CONFIG_INVALID.
 */

export const scopeContract = 1;

export type ScopeValue =
  | null
  | boolean
  | number
  | string
  | readonly ScopeValue[]
  | { readonly [key: string]: ScopeValue };

export type ScopeValues = 'bool' | 'int' | 'string' | 'array' | 'mixed' | readonly ScopeValue[];

export interface Scope {
  /** `group.kebab-case`, e.g. `backups.automatic-database-exports`. */
  readonly name: string;
  /** What it does, in a sentence an administrator understands. */
  readonly help: string;
  /** The kind of value taken, or the list of allowed values. */
  readonly values: ScopeValues;
  readonly default: ScopeValue;
  get(): Promise<ScopeValue>;
  /** @throws CONFIG_INVALID the value is not allowed; the message says what is */
  set(value: ScopeValue): Promise<void>;
}
