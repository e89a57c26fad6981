/** Settings of the provider chain. */

import type { JsonSchema } from '../../core/index.ts';

export const chainSettingsSchema: JsonSchema = {
  type: 'object',
  title: 'Provider of fulls, differentials and incrementals',
  description: 'Stores what changed and refers to the rest.',
  additionalProperties: false,
  required: ['use'],
  properties: {
    use: { const: 'chain', description: 'Selects this provider.', examples: ['chain'] },
    cadence: {
      enum: ['monthly', 'forever'],
      default: 'monthly',
      description:
        'What the level auto means. monthly: a full on the first Sunday of a month, a differential on other Sundays, incrementals between (days in UTC). forever: one full, then incrementals only, kept tidy by `prune` and `compact`.',
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
  examples: [{ use: 'chain' }],
};
