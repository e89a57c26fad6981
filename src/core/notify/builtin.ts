/** The notifiers that come with Holdfast: their settings, and their code loaded when they are opened. */

import { installed } from '../config/installed.ts';
import type { AddinDefinition, JsonSchema, NotifierDefinition } from '../contracts/addin.ts';
import { notifierContract } from '../contracts/notifier.ts';

const address = '[^\\s@<>,;"-][^\\s@<>,;"]*@[^\\s@<>,;"]+';

const url = {
  type: 'string',
  'x-secret': true,
  description: 'Reference to the URL, since whoever knows it can use it.',
  examples: ['file:/root/.holdfast/ping-url'],
} as const;

/** A recipient or a sender of mail. */
export const mailAddress = { type: 'string', pattern: `^${address}$` } as const;

const settings = (use: string, description: string, required: string[], properties: JsonSchema) => ({
  $schema: 'https://json-schema.org/draft/2020-12/schema',
  title: `Settings of the notifier ${use}`,
  type: 'object',
  additionalProperties: false,
  description,
  required: ['use', ...required],
  properties: { use: { const: use, description: 'Selects this notifier.' }, ...properties },
});

const common = { kind: 'notifier', version: '1.0.0', contract: notifierContract } as const;

export const builtinNotifiers: readonly NotifierDefinition[] = [
  {
    ...common,
    name: 'webhook',
    settingsSchema: settings('webhook', 'A POST of JSON.', ['url'], { url }),
    open: async (given) => (await import('./webhook.ts')).webhook(given),
  },
  {
    ...common,
    name: 'ping',
    events: ['start', 'success', 'warning', 'failure'],
    settingsSchema: settings(
      'ping',
      'Start, success and fail as healthchecks.io has them, of scheduled runs.',
      ['url'],
      { url },
    ),
    open: async (given) => (await import('./webhook.ts')).ping(given),
  },
  {
    ...common,
    name: 'mail',
    settingsSchema: settings('mail', 'Mail through the local sendmail.', ['to'], {
      to: {
        type: 'array',
        minItems: 1,
        maxItems: 20,
        items: mailAddress,
        description: 'The recipients.',
        examples: [['root@localhost']],
      },
      from: {
        ...mailAddress,
        description: 'The sender; without it root at the name of the host.',
        examples: ['backup@panel.example'],
      },
      sendmail: {
        type: 'string',
        pattern: '^/',
        description: 'The program; /usr/sbin/sendmail without it.',
        examples: ['/usr/sbin/sendmail'],
      },
    }),
    open: async (given) => {
      const { sendMail } = await import('./mail.ts');
      return { notify: (message) => sendMail(given, message) };
    },
  },
  {
    ...common,
    name: 'textfile',
    events: ['success', 'warning', 'failure'],
    settingsSchema: settings('textfile', 'Metrics for the node exporter.', ['path'], {
      path: {
        type: 'string',
        pattern: '^/.*\\.prom$',
        description: 'The file to write, in the directory that the node exporter reads.',
        examples: ['/var/lib/prometheus/node-exporter/holdfast.prom'],
      },
    }),
    open: async ({ path }) => {
      const { writeMetrics } = await import('./metrics.ts');
      return { notify: (message) => writeMetrics(path as string, message) };
    },
  },
];

/** The notifier of that name among ours and those given; null for none. */
export const notifierNamed = (
  use: string,
  definitions: readonly AddinDefinition[] = [],
): NotifierDefinition | null => installed('notifier', use, [...builtinNotifiers, ...definitions]);
