/** `upkeep` of an addin configuration: what its scheduled runs do with the store once everything is backed up. */

import type { FromSchema } from 'json-schema-to-ts';

export const upkeepProperties = {
  upkeep: {
    type: 'object',
    additionalProperties: false,
    minProperties: 1,
    description:
      'What a scheduled run does after its backups and copies. Without it nothing is removed or rewritten unless somebody calls prune and compact.',
    examples: [{ prune: true, everyDays: 7 }],
    properties: {
      prune: {
        type: 'boolean',
        default: false,
        description:
          'Carry out "retention", as holdfast prune --apply does, in the store and, by its own, in each of "copies"; the store not while a copy fails.',
        examples: [true],
      },
      compact: {
        type: 'boolean',
        default: false,
        description:
          'Then rewrite segments of which little is needed, as holdfast compact --apply does. Where backups are encrypted it needs "identity", and is left out without.',
        examples: [true],
      },
      everyDays: {
        type: 'integer',
        minimum: 1,
        maximum: 366,
        default: 1,
        description: 'In the first scheduled run so many days after it was done last.',
        examples: [7],
      },
    },
  },
} as const;

export type Upkeep = FromSchema<typeof upkeepProperties.upkeep>;
