/**
 * The parts of the schemas that say how backups run by themselves: limits, hooks, notifiers and alarms of
 * the server, and window, delay and budget of one addin configuration.
 *
 * Descriptions only; what a schema cannot say is in `operations.ts`.
 */

import type { FromSchema } from 'json-schema-to-ts';
import { notifyEvents } from '../contracts/notifier.ts';

export const hookEvents = [
  'before-run',
  'after-run',
  'before-account',
  'after-account',
  'before-export',
  'after-export',
  'before-upload',
  'after-upload',
  'before-restore',
  'after-restore',
  'failure',
] as const;

const limits = {
  type: 'object',
  additionalProperties: false,
  description:
    'What scheduled backups may take. Niceness and I/O class are given to the process; one started by hand keeps those of the shell.',
  default: {},
  examples: [{ nice: 10, ioClass: 'idle', maxLoad: 8, bandwidth: 20_000_000 }],
  properties: {
    nice: { type: 'integer', minimum: 0, maximum: 19, description: 'Niceness.', examples: [10] },
    ioClass: {
      enum: ['best-effort', 'idle'],
      description: 'I/O class, as ionice has it; best-effort is its lowest level, 7.',
      examples: ['idle'],
    },
    maxLoad: {
      type: 'number',
      exclusiveMinimum: 0,
      description:
        'No account is begun while the load average of the last minute is above this, for an hour at most.',
      examples: [8],
    },
    bandwidth: {
      type: 'integer',
      minimum: 65_536,
      description:
        'Bytes per second that each run sends to and reads from stores, copies included; runs of several addin configurations at the same time have as much each. Restores are not held back.',
      examples: [20_000_000],
    },
  },
} as const;

const hooks = {
  type: 'array',
  maxItems: 100,
  description:
    'Programs that are run at certain moments, in this order. docs/schedule.md says what each is told.',
  default: [],
  examples: [[{ on: 'before-run', command: ['/usr/local/sbin/quiesce', '--all'], onFailure: 'stop' }]],
  items: {
    type: 'object',
    additionalProperties: false,
    required: ['on', 'command'],
    properties: {
      on: { enum: hookEvents, description: 'When.', examples: ['before-run'] },
      command: {
        type: 'array',
        minItems: 1,
        description:
          'Absolute path of the program, and its arguments as they are: there is no shell and nothing is put in. JSON comes on standard input.',
        items: { type: 'string' },
        examples: [['/usr/local/sbin/quiesce', '--all']],
      },
      timeoutSeconds: {
        type: 'integer',
        minimum: 1,
        maximum: 86_400,
        default: 60,
        description: 'It is killed then, with all it started, and has failed.',
        examples: [60],
      },
      onFailure: {
        enum: ['stop', 'warn', 'ignore'],
        default: 'warn',
        description:
          'stop: what it belongs to is not done, or has failed; warn: the run ends with a warning; ignore: it is only logged.',
        examples: ['stop'],
      },
      addins: {
        type: 'array',
        minItems: 1,
        items: { type: 'string' },
        description: 'Names of the addin configurations it is for; all of them without it.',
        examples: [['nightly']],
      },
    },
  },
} as const;

const notify = {
  type: 'array',
  maxItems: 20,
  description: 'Who is told how runs ended, and of backups that are overdue.',
  default: [],
  examples: [[{ use: 'mail', to: ['root@localhost'], on: ['failure', 'alarm'] }]],
  items: {
    type: 'object',
    required: ['use'],
    properties: {
      use: {
        type: 'string',
        minLength: 1,
        description:
          'Name of the notifier. Ours are webhook: a POST of JSON; ping: start, success and fail as healthchecks.io has them, of scheduled runs; mail: through the local sendmail; textfile: metrics for the node exporter. Other properties are settings of that notifier.',
        examples: ['mail'],
      },
      on: {
        type: 'array',
        minItems: 1,
        items: { enum: notifyEvents },
        description:
          'Which events it is told, where the notifier leaves the choice, as webhook and mail do; without it warning, failure and alarm.',
        examples: [['failure', 'alarm']],
      },
    },
  },
} as const;

/** Properties of `config.json`. */
export const operationsProperties = {
  limits,
  hooks,
  notify,
  alertAfterHours: {
    type: 'number',
    exclusiveMinimum: 0,
    maximum: 87_600,
    default: 30,
    description:
      'An account whose last good snapshot of any component is older is an alarm: status --check says so, and the daemon tells it.',
    examples: [30],
  },
  lockWaitMinutes: {
    type: 'integer',
    minimum: 0,
    maximum: 1440,
    default: 120,
    description:
      'How long a backup waits for accounts that another job works on (another configuration, a restore), once it is done with all others, before they fail with ACCOUNT_LOCKED.',
    examples: [120],
  },
  keepRunsDays: {
    type: 'integer',
    minimum: 1,
    maximum: 3650,
    default: 90,
    description: 'How long records and logs of runs stay on this server; never more than 1000 of them.',
    examples: [90],
  },
} as const;

/** Properties of an addin configuration. */
export const timingProperties = {
  timeZone: {
    type: 'string',
    minLength: 1,
    description: 'IANA time zone of schedule and window; without it, that of the server.',
    examples: ['Europe/Berlin'],
  },
  alertAfterHours: {
    type: 'number',
    exclusiveMinimum: 0,
    maximum: 87_600,
    description:
      'The limit of this configuration, where that of the server does not fit: 200 for one that runs once a week.',
    examples: [200],
  },
  window: {
    type: 'string',
    pattern: '^([01][0-9]|2[0-3]):[0-5][0-9]-([01][0-9]|2[0-3]):[0-5][0-9]$',
    description:
      'From and to: scheduled runs begin, and begin accounts, within it only; what was not begun comes first next time. May cross midnight.',
    examples: ['22:00-06:00'],
  },
  randomDelayMinutes: {
    type: 'integer',
    minimum: 0,
    maximum: 1440,
    default: 0,
    description: 'Each scheduled run begins up to so much later, so that a fleet does not begin at once.',
    examples: [30],
  },
  budget: {
    type: 'object',
    additionalProperties: false,
    minProperties: 1,
    description:
      'What one account may take in one run. An account above it gets a partial snapshot that says why; the others go on.',
    examples: [{ minutes: 120, bytes: 500_000_000_000, inodes: 3_000_000 }],
    properties: {
      minutes: {
        type: 'number',
        exclusiveMinimum: 0,
        description: 'Minutes for its files.',
        examples: [120],
      },
      bytes: {
        type: 'integer',
        minimum: 1,
        description: 'Bytes of files that are stored anew.',
        examples: [500_000_000_000],
      },
      inodes: {
        type: 'integer',
        minimum: 1,
        description: 'Files, directories and the rest.',
        examples: [3_000_000],
      },
    },
  },
} as const;

export type Limits = FromSchema<typeof limits>;
export type HookSettings = FromSchema<typeof hooks>[number];
export type HookEvent = (typeof hookEvents)[number];
export type NotifySettings = FromSchema<typeof notify>[number];
export type AccountBudget = FromSchema<typeof timingProperties.budget>;
