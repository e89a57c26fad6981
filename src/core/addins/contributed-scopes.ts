/**
 * The scopes that an addin package contributes, as its manifest names them.
 *
 * A package that does not work costs its own scopes alone: each of them is there and says why.
 */

import type { Settings } from '../contracts/addin.ts';
import type { Scope, ScopeValue } from '../contracts/scope.ts';
import { HoldfastError, isHoldfastError } from '../errors.ts';
import type { AddinModule } from '../packages/addin-module.ts';
import { printable } from '../printable.ts';
import { openAddinScopes } from './open-addin.ts';

/** @param settings resolved when they are needed; may reject */
export async function contributedScopes(
  module: AddinModule,
  settings: () => Promise<Settings>,
): Promise<readonly Scope[]> {
  if (module.manifest.kind !== 'scope') return [];
  const { names } = module.manifest.capabilities;
  let opened: readonly Scope[] = [];
  let why: unknown = null;
  try {
    opened = await openAddinScopes({ ...module, kind: 'scope' }, await settings());
  } catch (error) {
    why = error;
  }
  return names.map((name) => {
    const found = opened.find((scope) => scope.name === name);
    return found === undefined ? broken(name, module.name, why) : guarded(found, module.name);
  });
}

/** Its text is a stranger's, and what it throws may be anything. */
function guarded(scope: Scope, addin: string): Scope {
  const { name, values, default: standard } = scope;
  const told = async <T>(action: () => Promise<T>): Promise<T> => {
    try {
      return await action();
    } catch (cause) {
      if (isHoldfastError(cause)) throw cause;
      const message = `the scope ${name} of the addin ${addin} failed: ${textOf(cause)}`;
      throw new HoldfastError('ADDIN_FAILED', message, { cause, hint: 'Tell the author of its package.' });
    }
  };
  return {
    name,
    help: printable(String(scope.help), 1000),
    values,
    default: standard,
    get: () => told(() => scope.get()),
    set: (value: ScopeValue) => told(() => scope.set(value)),
  };
}

function broken(name: string, addin: string, cause: unknown): Scope {
  const because = cause === null ? '' : `: ${textOf(cause)}`;
  const fail = (): Promise<never> =>
    Promise.reject(
      new HoldfastError('ADDIN_REFUSED', `the addin ${addin} does not offer the scope ${name}${because}`, {
        cause,
        hint: 'Install another version of its package, or take its settings out of "scopes" in config.json.',
      }),
    );
  const help = `Cannot be used: the addin ${addin} does not work.`;
  return { name, help, values: 'mixed', default: null, get: fail, set: fail };
}

const textOf = (error: unknown): string =>
  printable(error instanceof Error ? error.message : String(error), 500);
