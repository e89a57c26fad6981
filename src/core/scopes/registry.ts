/**
 * All scopes of an installation: the built-in ones, and those that addins contribute.
 *
 * Setting is done by one process at a time and noted in the history. A contributed scope of a built-in name
 * takes its place: it knows better where the setting lives.
 */

import { isDeepStrictEqual } from 'node:util';
import type { Configuration } from '../config/load-configuration.ts';
import type { AddinDefinition } from '../contracts/addin.ts';
import type { Scope, ScopeValue } from '../contracts/scope.ts';
import { HoldfastError } from '../errors.ts';
import { didYouMean } from '../near-matches.ts';
import { quoted } from '../printable.ts';
import { builtinScopes, faultOf } from './builtin.ts';
import { noteChange, readScopeFile, withScopeLock, writeScopeValue } from './scope-file.ts';
import type { ScopeSpec } from './spec.ts';

export interface RegistryOptions {
  /** As its files say, without what scopes changed. */
  readonly configuration: Configuration;
  readonly definitions: readonly AddinDefinition[];
  readonly contributed: readonly Scope[];
  readonly now: () => number;
}

export interface SetResult {
  readonly from: ScopeValue;
  readonly to: ScopeValue;
  readonly changed: boolean;
}

export class ScopeRegistry {
  readonly #options: RegistryOptions;
  readonly #scopes: ReadonlyMap<string, Scope>;
  #by = '';

  constructor(options: RegistryOptions) {
    this.#options = options;
    const own = builtinScopes.map((spec): Scope => this.#scopeOf(spec));
    const all = [...own, ...options.contributed].map((scope) => [scope.name, scope] as const);
    this.#scopes = new Map(all);
  }

  /** By name. */
  list(): readonly Scope[] {
    return [...this.#scopes.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  /** @throws USAGE there is no such scope; the hint has names that are close */
  find(name: string): Scope {
    const found = this.#scopes.get(name);
    if (found !== undefined) return found;
    const guess = didYouMean(name, this.#scopes.keys());
    throw new HoldfastError('USAGE', `there is no scope ${quoted(name)}`, {
      hint: guess === null ? 'Run holdfast scope list to see them all.' : `Name another scope; ${guess}`,
    });
  }

  /**
   * Null takes back what was set. Setting the present value does nothing.
   *
   * @param by who sets it, for the history
   * @throws CONFIG_INVALID the value is not allowed; the message says what is
   * @throws CONFIG_LOCKED another process is setting a scope
   */
  set(name: string, value: ScopeValue, by: string): Promise<SetResult> {
    const scope = this.find(name);
    const { configuration, now } = this.#options;
    return withScopeLock(configuration.dir, async () => {
      const from = await scope.get().catch(() => null);
      if (value !== null && isDeepStrictEqual(from, value)) return { from, to: from, changed: false };
      this.#by = by;
      const { last: before } = await readScopeFile(configuration.dir);
      await scope.set(value);
      const to = await scope.get();
      const { last } = await readScopeFile(configuration.dir);
      const at = new Date(now()).toISOString();
      const changed = !isDeepStrictEqual(from, to);
      if (last !== null && !isDeepStrictEqual(before, last)) await noteChange(configuration.dir, last);
      else if (changed) await noteChange(configuration.dir, { name, from, to, at, by });
      return { from, to, changed };
    });
  }

  #scopeOf(spec: ScopeSpec): Scope {
    const { configuration, definitions, now } = this.#options;
    const { name, help, values } = spec;
    const stored = async (): Promise<ScopeValue> =>
      (await readScopeFile(configuration.dir)).values[name] ?? null;
    const set = async (value: ScopeValue): Promise<void> => {
      const fault = faultOf(spec, value, { configuration, definitions });
      const hint = `Run holdfast scope info ${name} to see what is allowed.`;
      if (fault !== null) throw new HoldfastError('CONFIG_INVALID', fault, { hint });
      const from = await stored();
      if (isDeepStrictEqual(from, value)) return;
      const at = new Date(now()).toISOString();
      await writeScopeValue(configuration.dir, { name, from, to: value, at, by: this.#by });
    };
    const standard = spec.default(configuration);
    return { name, help, values, default: standard, get: async () => (await stored()) ?? standard, set };
  }
}
