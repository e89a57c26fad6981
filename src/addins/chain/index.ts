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
  ProviderDefinition,
  ProviderPut,
  Settings,
  Store,
} from '../../core/index.ts';
import { providerContract } from '../../core/index.ts';
import { type Cadence, dueLevel } from './cadence.ts';

const name = 'chain';
const capabilities = { levels: ['full', 'differential', 'incremental'] } as const;

class Chain implements Provider {
  readonly name = name;
  readonly capabilities = capabilities;
  readonly #store: Store;
  readonly #cadence: Cadence;
  readonly #rereadEvery: number;

  constructor(store: Store, settings: Settings) {
    this.#store = store;
    this.#cadence = (settings['cadence'] as Cadence | undefined) ?? 'monthly';
    this.#rereadEvery = (settings['rereadEvery'] as number | undefined) ?? 30;
  }

  async plan({ requested, history, nowMs }: PlanRequest): Promise<Plan> {
    const level = requested === 'auto' ? dueLevel(history, nowMs, this.#cadence) : requested;
    const why = requested === 'auto' ? 'the cadence says so' : `a ${requested} was asked for`;
    if (level === 'full') return { level, parents: [], reason: why };
    const candidates = level === 'differential' ? history.filter((item) => item.level === 'full') : history;
    const nearest = candidates.at(-1);
    if (nearest === undefined) {
      return { level: 'full', parents: [], reason: `there is nothing that a ${level} could refer to` };
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

export const chainProvider: ProviderDefinition = {
  kind: 'provider',
  name,
  version: '1.0.0',
  contract: providerContract,
  capabilities,
  settingsSchema: {
    type: 'object',
    title: 'Provider of fulls, differentials and incrementals',
    description: 'Stores what changed and refers to the rest.',
    additionalProperties: false,
    required: ['use'],
    properties: {
      use: { const: name, description: 'Selects this provider.' },
      cadence: {
        enum: ['monthly', 'forever'],
        default: 'monthly',
        description:
          'What the level auto means. monthly: a full on the first Sunday of a month, a differential on other Sundays, incrementals between (days in UTC). forever: one full, then incrementals only.',
        examples: ['monthly'],
      },
      rereadEvery: {
        type: 'integer',
        minimum: 1,
        maximum: 100000,
        default: 30,
        description:
          'Of so many files that seem unchanged, one is read again in each run, so that silent corruption surfaces. 1 reads them all.',
        examples: [30],
      },
    },
    examples: [{ use: name }],
  },
  async open({ store, settings }) {
    return new Chain(store, settings);
  },
};
