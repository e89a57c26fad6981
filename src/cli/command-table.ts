/** Every command by its words: what it does in a line, and how to load the rest. */

import type { CliCommand } from './command.ts';

export interface CommandEntry {
  /** `backup`, or two words such as `addin list`. */
  readonly words: string;
  readonly summary: string;
  readonly load: () => Promise<CliCommand<object>>;
}

export const groups: Readonly<Record<string, string>> = {
  db: 'export and import the databases of accounts',
  scope: 'show and change settings as the panel does',
  addin: 'show, check and begin addins, and check their configurations',
  store: 'look after the place where backups lie',
  key: 'make, check, replace and destroy the keys of encrypted backups',
};

export const commandTable: readonly CommandEntry[] = [
  {
    words: 'doctor',
    summary: 'check whether backups can run on this machine',
    load: async () => (await import('./commands/doctor.ts')).doctor,
  },
  {
    words: 'accounts',
    summary: 'list the accounts of the panel',
    load: async () => (await import('./commands/accounts.ts')).accounts,
  },
  {
    words: 'status',
    summary: 'show how old the last good snapshot of each account is',
    load: async () => (await import('./commands/status.ts')).status,
  },
  {
    words: 'backup',
    summary: 'back up accounts: trees and databases',
    load: async () => (await import('./commands/backup.ts')).backup,
  },
  {
    words: 'snapshots',
    summary: 'list committed snapshots, newest last',
    load: async () => (await import('./commands/snapshots.ts')).snapshots,
  },
  {
    words: 'ls',
    summary: 'list a directory of a snapshot',
    load: async () => (await import('./commands/ls.ts')).ls,
  },
  {
    words: 'find',
    summary: 'search snapshots for names or paths',
    load: async () => (await import('./commands/find.ts')).find,
  },
  {
    words: 'restore',
    summary: 'bring a snapshot, or parts of it, back into a directory',
    load: async () => {
      const { withRestoreHooks } = await import('./runs/restore-hooks.ts');
      return withRestoreHooks((await import('./commands/restore.ts')).restore);
    },
  },
  {
    words: 'verify',
    summary: 'check that snapshots can be restored',
    load: async () => (await import('./commands/verify.ts')).verify,
  },
  {
    words: 'prune',
    summary: 'show which snapshots retention lets go, and remove them',
    load: async () => (await import('./commands/prune.ts')).prune,
  },
  {
    words: 'compact',
    summary: 'rewrite segments of which little is still needed, so that their space comes back',
    load: async () => (await import('./commands/compact.ts')).compact,
  },
  {
    words: 'repair',
    summary: 'mend damaged objects from copies, and mark what is lost',
    load: async () => (await import('./commands/repair.ts')).repair,
  },
  {
    words: 'pin',
    summary: 'keep a snapshot whatever retention says',
    load: async () => (await import('./commands/pin.ts')).pin,
  },
  {
    words: 'unpin',
    summary: 'end the pins or legal holds of a snapshot',
    load: async () => (await import('./commands/unpin.ts')).unpin,
  },
  {
    words: 'diff',
    summary: 'show what differs between two snapshots',
    load: async () => (await import('./commands/diff.ts')).diff,
  },
  {
    words: 'db export',
    summary: 'export the databases of all or some accounts, at once',
    load: async () => (await import('./commands/db-export.ts')).dbExport,
  },
  {
    words: 'db import',
    summary: 'bring a database back from a file or a snapshot, checked before it replaces a live one',
    load: async () => (await import('./commands/db-import.ts')).dbImport,
  },
  {
    words: 'db grant',
    summary: 'print or create the least-privilege user for exports',
    load: async () => (await import('./commands/db-grant.ts')).dbGrant,
  },
  {
    words: 'schedule',
    summary: 'show when backups run by themselves; pause, resume, install',
    load: async () => (await import('./commands/schedule.ts')).schedule,
  },
  {
    words: 'serve',
    summary: 'run backups by their schedules',
    load: async () => (await import('./commands/serve.ts')).serve,
  },
  {
    words: 'hooks',
    summary: 'show hooks, and try them',
    load: async () => (await import('./commands/hooks.ts')).hooks,
  },
  {
    words: 'scope list',
    summary: 'list settings that can be changed at any time, with their values',
    load: async () => (await import('./commands/scope-list.ts')).scopeList,
  },
  {
    words: 'scope info',
    summary: 'show what a scope does, takes and is set to',
    load: async () => (await import('./commands/scope-info.ts')).scopeInfo,
  },
  {
    words: 'scope get',
    summary: 'show the value of a scope',
    load: async () => (await import('./commands/scope-get.ts')).scopeGet,
  },
  {
    words: 'scope set',
    summary: 'set a scope',
    load: async () => (await import('./commands/scope-set.ts')).scopeSet,
  },
  {
    words: 'addin list',
    summary: 'list installed addins and addin configurations',
    load: async () => (await import('./commands/addin-list.ts')).addinList,
  },
  {
    words: 'addin validate',
    summary: 'check one addin configuration',
    load: async () => (await import('./commands/addin-validate.ts')).addinValidate,
  },
  {
    words: 'addin verify',
    summary: 'try whether a store does what backups rely on',
    load: async () => (await import('./commands/addin-verify.ts')).addinVerify,
  },
  {
    words: 'addin create',
    summary: 'write the package of a new addin, with the tests it has to pass',
    load: async () => (await import('./commands/addin-create.ts')).addinCreate,
  },
  {
    words: 'store init',
    summary: 'check a directory or bucket, its rules and rights, and set it up',
    load: async () => (await import('./commands/store-init.ts')).storeInit,
  },
  {
    words: 'key generate',
    summary: 'make an identity that opens encrypted backups, and its recovery sheet',
    load: async () => (await import('./commands/key-generate.ts')).keyGenerate,
  },
  {
    words: 'key check',
    summary: 'try whether an identity opens the newest snapshot of each account',
    load: async () => (await import('./commands/key-check.ts')).keyCheck,
  },
  {
    words: 'key rotate',
    summary: 'encrypt the keys to the present recipients, or begin new ones',
    load: async () => (await import('./commands/key-rotate.ts')).keyRotate,
  },
  {
    words: 'key erase',
    summary: 'destroy the keys of an account, so that nobody can read its snapshots',
    load: async () => (await import('./commands/key-erase.ts')).keyErase,
  },
  {
    words: 'decrypt',
    summary: 'open one encrypted file',
    load: async () => (await import('./commands/decrypt.ts')).decrypt,
  },
];
