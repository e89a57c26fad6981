/** The set-up of a store in a process of its own, behind the same contract. */

import {
  type ProbeRequest,
  type SetupAction,
  type SetupFinding,
  type SetupRequest,
  type StorePolicy,
  type StoreSetup,
  storeSetupContract,
  type TryOut,
} from '../contracts/store-setup.ts';
import { AddinHost, type Recipe } from './addin-host.ts';
import { type answers, readAnswer } from './answers.ts';

/** Null where the store has no set-up. */
export async function openIsolatedSetup(recipe: Recipe): Promise<StoreSetup | null> {
  const host = await AddinHost.start(recipe);
  const { setup } = readAnswer<{ readonly setup: boolean }>(host.facts, 'setupFacts', recipe.name);
  if (setup) return new IsolatedSetup(host);
  await host.close();
  return null;
}

class IsolatedSetup implements StoreSetup {
  readonly contract = storeSetupContract;
  readonly #host: AddinHost;

  constructor(host: AddinHost) {
    this.#host = host;
  }

  inspect(request: SetupRequest): Promise<readonly SetupFinding[]> {
    return this.#ask('inspect', request);
  }

  tryOut(request: ProbeRequest): Promise<TryOut> {
    return this.#ask('tryOut', request);
  }

  policies(request: SetupRequest): Promise<readonly StorePolicy[]> {
    return this.#ask('policies', request);
  }

  async apply(request: ProbeRequest): Promise<readonly SetupAction[]> {
    await this.#host.recipe.beforeChange?.();
    return this.#ask('apply', request);
  }

  async purge({ prefix, signal }: Parameters<StoreSetup['purge']>[0]): Promise<void> {
    await this.#host.call({ method: 'purge', what: `clearing of ${prefix}`, params: { prefix }, signal });
  }

  close(): Promise<void> {
    return this.#host.close();
  }

  async #ask<T>(method: keyof typeof answers, { signal, ...params }: SetupRequest): Promise<T> {
    const { name } = this.#host.recipe;
    const answer = await this.#host.call({ method, what: `${method} of ${name}`, params, signal });
    return readAnswer<T>(answer, method, name);
  }
}
