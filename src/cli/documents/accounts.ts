/** `accounts --json`: what the panel has. */

import type { FromSchema } from 'json-schema-to-ts';
import {
  choice,
  document,
  instantOrNull,
  list,
  record,
  recordOrNull,
  text,
  textOrNull,
  texts,
} from './schema.ts';

const applied = <const D extends string>(description: D) =>
  record(description, {
    value: { description },
    why: textOrNull(
      'JSON pointer in config.json and whom the rule is for, or the scope; null: nothing was said.',
    ),
  });

export const accountsDocument = document('accounts', 'The accounts of the panel.', {
  panel: text('Name of the panel adapter.'),
  accounts: list(
    'In natural order of site, `_system` last.',
    record('An account.', {
      site: text('The panel’s own handle; may be used again for another account.'),
      uuid: textOrNull('UUID of the account; null until its first backup.'),
      domain: textOrNull('Primary domain.'),
      aliases: texts('Other domains.'),
      plan: textOrNull('Plan of the account.'),
      state: choice('As the panel has it.', 'active', 'suspended', 'editing'),
      problem: textOrNull('Why the panel cannot describe the account fully.'),
      home: textOrNull('Directory of the account.'),
      trees: list(
        'Captured roots.',
        record('A tree.', {
          name: text('First component of its paths in a snapshot.'),
          path: text('Where it lies.'),
          exclude: texts('Patterns whose contents are left out.'),
        }),
      ),
      databases: list(
        'How its databases are recognised.',
        record('A selector.', {
          family: choice('Kind of server; mysql covers MariaDB.', 'mysql', 'postgresql'),
          prefix: textOrNull('Literal prefix of names.'),
          admin: textOrNull('User whose databases are the account’s.'),
          names: texts('Names given outright.'),
        }),
      ),
      lastGoodAt: instantOrNull(
        'When its last complete snapshot was made, in any store; null: never, or with exit status 100 nobody knows.',
      ),
      policy: recordOrNull('What applies to it, and why; null without --policy.', {
        retention: applied('What prune keeps of it; null: as the addin configuration says.'),
        fullEveryDays: applied('Days after which auto means a full; null: as the provider decides.'),
        destination: applied('The only addin configuration that backs it up; null: each that selects it.'),
        exclude: applied('Left out by scope or policy.'),
      }),
    }),
  ),
});

export type AccountsDocument = FromSchema<typeof accountsDocument>;
