/** Built-in scopes that say what backups may take, and who is told. */

import { configSchema } from '../config/config-schema.ts';
import { operationsProblems } from '../config/operations.ts';
import { type NotifySettings, operationsProperties } from '../config/operations-schema.ts';
import type { ScopeValue } from '../contracts/scope.ts';
import { mailAddress } from '../notify/builtin.ts';
import type { ScopeSpec } from './spec.ts';

const { notify, alertAfterHours, limits } = operationsProperties;
const { concurrency } = configSchema.properties;
const { bandwidth } = limits.properties;

/** An address alone is mail to it. */
function notifiersOf(value: ScopeValue): NotifySettings[] {
  const items = value as readonly unknown[];
  return items.map((one) => (typeof one === 'string' ? { use: 'mail', to: [one] } : (one as NotifySettings)));
}

export const resourceScopes: readonly ScopeSpec[] = [
  {
    name: 'backups.concurrency',
    help: 'How many accounts are in flight at once.',
    values: 'int',
    allowed: `a whole number from ${concurrency.minimum} to ${concurrency.maximum}`,
    example: '4',
    schema: concurrency,
    default: (configuration) => configuration.concurrency,
    apply: (configuration, value) => ({ ...configuration, concurrency: value as number }),
  },
  {
    name: 'backups.bandwidth-limit',
    help: 'Bytes per second that each run sends to and reads from stores, copies included; runs at the same time have as much each, and restores are not held back.',
    values: 'int',
    allowed: `a whole number of at least ${bandwidth.minimum}`,
    example: '20000000',
    schema: bandwidth,
    default: ({ limits: { bandwidth: limit } }) => limit ?? null,
    apply: (configuration, value) => ({
      ...configuration,
      limits: { ...configuration.limits, bandwidth: value as number },
    }),
  },
  {
    name: 'backups.notify',
    mayHoldSecrets: true,
    help: 'Who is told how runs ended, and of backups that are overdue, in place of "notify" in config.json.',
    values: 'array',
    allowed:
      'a list of mail addresses, or of entries as "notify" in config.json has them (use: webhook, ping, mail, textfile or one of an addin package)',
    example: '[root@localhost, [use: ping, url: file:/root/.holdfast/ping-url]]',
    schema: {
      type: 'array',
      maxItems: notify.maxItems,
      items: { anyOf: [mailAddress, notify.items] },
    },
    default: ({ notify: configured }) => configured as unknown as ScopeValue,
    fault(value, { configuration, definitions }) {
      const operations = { ...configuration, hooks: [], notify: notifiersOf(value) };
      const problem = operationsProblems('', operations, { definitions })[0];
      return problem === undefined ? null : `${problem.pointer.replace('/notify', '')} ${problem.message}`;
    },
    apply: (configuration, value) => ({ ...configuration, notify: notifiersOf(value) }),
  },
  {
    name: 'backups.alert-after',
    help: 'Hours without a good snapshot of every component after which an account is an alarm.',
    values: 'mixed',
    allowed: `a number of hours above 0, up to ${alertAfterHours.maximum}`,
    example: '30',
    schema: alertAfterHours,
    default: (configuration) => configuration.alertAfterHours,
    apply: (configuration, value) => ({ ...configuration, alertAfterHours: value as number }),
  },
];
