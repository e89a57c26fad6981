/** Built-in scopes that say when backups run, and with what level. */

import type { ScheduleEntry } from '../config/addin-schema.ts';
import { addinConfigurationSchema } from '../config/addin-schema.ts';
import type { AddinConfiguration } from '../config/load-configuration.ts';
import { timingProblems } from '../config/operations.ts';
import { timingProperties } from '../config/operations-schema.ts';
import type { AddinDefinition } from '../contracts/addin.ts';
import type { ScopeValue } from '../contracts/scope.ts';
import type { ScopeSpec } from './spec.ts';

const { schedule } = addinConfigurationSchema.properties;
const { cron } = schedule.items.properties;

function entriesOf(value: ScopeValue): ScheduleEntry[] {
  const items = Array.isArray(value) ? value : [value];
  return items.map((one) =>
    typeof one === 'string' ? { level: 'auto', cron: one } : (one as ScheduleEntry),
  );
}

/** The levels' rhythms that a provider's own settings offer; none where it has no rhythm. */
export function cadencesOf(
  { provider }: Pick<AddinConfiguration, 'provider'>,
  definitions: readonly AddinDefinition[],
): readonly unknown[] {
  const definition = definitions.find(({ kind, name }) => kind === 'provider' && name === provider.use);
  const properties = definition?.settingsSchema['properties'] as
    | Record<string, { enum?: unknown[] }>
    | undefined;
  return properties?.['cadence']?.enum ?? [];
}

export const timingScopes: readonly ScopeSpec[] = [
  {
    name: 'backups.schedule',
    help: 'When backups run by themselves, in place of "schedule" in every addin configuration; an empty list is never.',
    values: 'mixed',
    allowed:
      'a cron expression, or a list of such or of keys level (full, differential, incremental, auto) and cron',
    example: "[[level: full, cron: '0 3 * * 0'], [level: auto, cron: '0 3 * * 1-6']]",
    schema: {
      anyOf: [cron, { type: 'array', maxItems: 100, items: { anyOf: [cron, schedule.items] } }],
    },
    default: () => null,
    fault: (value) => timingProblems('', { schedule: entriesOf(value) })[0]?.message ?? null,
    apply: (configuration, value) => ({
      ...configuration,
      addins: configuration.addins.map((addin) => ({ ...addin, schedule: entriesOf(value) })),
    }),
  },
  {
    name: 'backups.window',
    help: 'The hours within which scheduled runs begin, and begin accounts, in place of "window" in every addin configuration.',
    values: 'string',
    allowed: 'two times of the day such as 22:00-06:00',
    example: '22:00-06:00',
    schema: timingProperties.window,
    default: () => null,
    fault: (value) => timingProblems('', { schedule: [], window: value as string })[0]?.message ?? null,
    apply: (configuration, value) => ({
      ...configuration,
      addins: configuration.addins.map((addin) => ({ ...addin, window: value as string })),
    }),
  },
  {
    name: 'backups.level-cadence',
    help: 'How often the level auto means a full, a differential or an incremental, for providers that know it: monthly has a full each month, forever only the first.',
    values: ['monthly', 'forever'],
    allowed: 'monthly or forever',
    example: 'forever',
    schema: { enum: ['monthly', 'forever'] },
    default: () => null,
    fault: (value, { configuration: { addins }, definitions }) =>
      addins.some((addin) => cadencesOf(addin, definitions).includes(value))
        ? null
        : 'no configured provider has that',
    apply: (configuration, value, definitions) => ({
      ...configuration,
      addins: configuration.addins.map((addin) =>
        cadencesOf(addin, definitions).includes(value)
          ? { ...addin, provider: { ...addin.provider, cadence: value } }
          : addin,
      ),
    }),
  },
];
