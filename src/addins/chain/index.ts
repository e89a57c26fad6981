/**
 * The provider `chain`: fulls, differentials against the last full, incrementals against the last snapshot.
 *
 * It only chooses levels and parents; every index lists all files, so nothing is ever replayed and no
 * snapshot gets slower to restore because others came before it.
 */

import type {
  Plan,
  PlanRequest,
  Provider,
  ProviderCapabilities,
  ProviderDefinition,
  ProviderPut,
  Settings,
  Store,
} from '../../core/index.ts';
import { providerContract } from '../../core/index.ts';
import { type Cadence, dueLevel } from './cadence.ts';
import { chainSettingsSchema } from './settings.ts';

const name = 'chain';
const capabilities = { levels: ['full', 'differential', 'incremental'] } as const;

class Chain implements Provider {
  readonly name = name;
  readonly capabilities: ProviderCapabilities;
  readonly #store: Store;
  readonly #cadence: Cadence;
  readonly #rereadEvery: number;

  constructor(store: Store, settings: Settings) {
    this.#store = store;
    this.#cadence = (settings['cadence'] as Cadence | undefined) ?? 'monthly';
    this.capabilities = { ...capabilities, needsFull: this.#cadence !== 'forever' };
    this.#rereadEvery = (settings['rereadEvery'] as number | undefined) ?? 30;
  }

  async plan({ requested, history, nowMs }: PlanRequest): Promise<Plan> {
    const level = requested === 'auto' ? dueLevel(history, nowMs, this.#cadence) : requested;
    const why = requested === 'auto' ? 'the cadence says so' : `${withArticle(requested)} was asked for`;
    if (level === 'full') return { level, parents: [], reason: why };
    const candidates = level === 'differential' ? history.filter((item) => item.level === 'full') : history;
    const nearest = candidates.at(-1);
    if (nearest === undefined) {
      return {
        level: 'full',
        parents: [],
        reason: `there is nothing that ${withArticle(level)} could refer to`,
      };
    }
    // Where the nearest is partial it may lack what the one before has.
    const complete = candidates.findLast(({ state }) => state === 'complete') ?? nearest;
    const parents: [string, ...string[]] = complete === nearest ? [nearest.id] : [nearest.id, complete.id];
    return { level, parents, reason: why, rereadEvery: this.#rereadEvery };
  }

  put({ kind: _, ...request }: ProviderPut) {
    return this.#store.put(request);
  }

  get(request: Parameters<Store['get']>[0]) {
    return this.#store.get(request);
  }
}

const withArticle = (level: string): string => `${level.startsWith('i') ? 'an' : 'a'} ${level}`;

export const chainProvider: ProviderDefinition = {
  kind: 'provider',
  name,
  version: '1.0.0',
  contract: providerContract,
  capabilities,
  settingsSchema: chainSettingsSchema,
  async open({ store, settings }) {
    return new Chain(store, settings);
  },
};
