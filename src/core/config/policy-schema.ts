/** The part of `config.json` that sets rules for plans and for accounts. Descriptions only. */

import type { FromSchema } from 'json-schema-to-ts';
import { addinConfigurationSchema } from './addin-schema.ts';

/** `<tree>/<path>`; `*` alone stands for every tree. */
export const excludePattern = '^(?:\\*|[a-z][a-z0-9-]*)(?:/(?!\\.{1,2}(?:/|$))[^/]+)+$';

const { retention } = addinConfigurationSchema.properties;
/** How much a run of prune may remove is no matter of an account. */
const { maxRemoveShare: _, ...keepRules } = retention.properties;

export const policyProperty = {
  type: 'array',
  maxItems: 1000,
  default: [],
  description:
    'Rules for plans and for accounts. Of those that fit, the most specific one that says a thing has its way: an account by name, accounts by pattern, a plan by name, plans by pattern; of equals the later one. An account that is gone from the panel keeps the retention of the site, domain and plan it had, one that the panel cannot describe all its rules.',
  examples: [[{ plan: 'basic', retention: { keepDaily: 7 }, exclude: ['shadow/var/cache'] }]],
  items: {
    type: 'object',
    additionalProperties: false,
    minProperties: 2,
    properties: {
      plan: {
        type: 'string',
        minLength: 1,
        description: 'Plan as the panel calls it; * and ? stand for any text and any character.',
        examples: ['basic'],
      },
      account: {
        type: 'string',
        minLength: 1,
        description: 'Site or primary domain; * and ? stand for any text and any character.',
        examples: ['site12'],
      },
      retention: {
        ...retention,
        properties: keepRules,
        description: 'What prune keeps of these accounts.',
      },
      fullEveryDays: {
        type: 'integer',
        minimum: 1,
        maximum: 3650,
        description:
          'The level auto means a full where the last one is older than this, give or take half a day; else what the provider makes of it.',
        examples: [7],
      },
      destination: {
        type: 'string',
        minLength: 1,
        description: 'Name of the addin configuration that backs them up; all others leave them out.',
        examples: ['nightly'],
      },
      exclude: {
        type: 'array',
        maxItems: 1000,
        items: { type: 'string', pattern: excludePattern },
        description:
          'Tree and path whose contents are left out, beside what the panel leaves out. In place of those of the scope backups.exclude.',
        examples: [['shadow/var/cache']],
      },
    },
  },
} as const;

export type PolicyRule = FromSchema<typeof policyProperty>[number];
