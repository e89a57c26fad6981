/** Built-in scopes that say whether, what and where to back up. */

import type { Retention } from '../config/addin-schema.ts';
import { addinConfigurationSchema } from '../config/addin-schema.ts';
import { excludePattern } from '../config/policy-schema.ts';
import type { Steering } from '../config/steering.ts';
import type { ScopeSpec } from './spec.ts';

const flag = { type: 'boolean' } as const;
const patterns = { type: 'array', minItems: 1, items: { type: 'string', minLength: 1 } } as const;

const steered = (key: keyof Steering): Pick<ScopeSpec, 'default' | 'apply'> => ({
  default: ({ steering }) => steering[key],
  apply: (configuration, value) => ({
    ...configuration,
    steering: { ...configuration.steering, [key]: value },
  }),
});

interface Accounts {
  readonly include: readonly string[];
  readonly exclude: readonly string[];
}

function accountsOf(value: unknown): Accounts {
  if (Array.isArray(value)) return { include: value as string[], exclude: [] };
  const { include = ['*'], exclude = [] } = value as Partial<Accounts>;
  return { include, exclude };
}

export const selectionScopes: readonly ScopeSpec[] = [
  {
    name: 'backups.enabled',
    help: 'Whether backups are begun at all, by schedule or by hand; restores always work.',
    values: 'bool',
    allowed: 'true or false',
    example: 'false',
    schema: flag,
    ...steered('enabled'),
  },
  {
    name: 'backups.automatic-database-exports',
    help: 'Whether the panel exports every database by itself each night; with false the exports of the backup job are the only ones, taken together with the files.',
    values: 'bool',
    allowed: 'true or false',
    example: 'false',
    schema: flag,
    ...steered('panelExports'),
  },
  {
    name: 'backups.destination',
    help: 'The addin configuration that runs by itself and that backup takes where none is named; the schedules of all others rest, but for accounts that a policy sends there.',
    values: 'string',
    allowed: 'the name of an addin configuration',
    example: 'nightly',
    schema: { type: 'string', minLength: 1 },
    fault(value, { configuration: { addins } }) {
      const names = addins.map(({ name }) => name);
      if (names.includes(value as string)) return null;
      return names.length === 0 ? 'none is configured' : `configured are ${names.join(', ')}`;
    },
    ...steered('destination'),
  },
  {
    name: 'backups.exclude',
    help: 'Paths whose contents are left out of every account, beside what the panel leaves out; each snapshot says what was left out.',
    values: 'array',
    allowed: 'a list of tree/path patterns such as shadow/var/cache, in which * and ? match within one name',
    example: '[shadow/var/cache, shadow/home/*/tmp]',
    schema: { type: 'array', maxItems: 1000, items: { type: 'string', pattern: excludePattern } },
    ...steered('exclude'),
  },
  {
    name: 'backups.accounts',
    help: 'Which accounts are backed up, in place of "accounts" in every addin configuration.',
    values: 'mixed',
    allowed: 'a list of sites, domains or UUIDs with * and ?, or keys include and exclude with such lists',
    example: "[include: ['*'], exclude: [site7]]",
    schema: {
      anyOf: [
        patterns,
        {
          type: 'object',
          additionalProperties: false,
          minProperties: 1,
          properties: { include: patterns, exclude: { ...patterns, minItems: 0 } },
        },
      ],
    },
    default: () => null,
    apply: (configuration, value) => ({
      ...configuration,
      addins: configuration.addins.map((addin) => ({ ...addin, accounts: accountsOf(value) })),
    }),
  },
  {
    name: 'backups.retention',
    help: 'What prune keeps, in place of "retention" in every addin configuration; copies keep theirs.',
    values: 'mixed',
    allowed:
      'keys keepLast, keepHourly, keepDaily, keepWeekly, keepMonthly, keepYearly (numbers), keepWithin (such as 30d), maxRemoveShare',
    example: '[keepDaily: 7, keepWeekly: 4]',
    schema: addinConfigurationSchema.properties.retention,
    default: () => null,
    apply: (configuration, value) => ({
      ...configuration,
      addins: configuration.addins.map((addin) => ({ ...addin, retention: value as unknown as Retention })),
    }),
  },
];
