/** One committed snapshot as `backup`, `snapshots` and others show it. */

import type { FromSchema } from 'json-schema-to-ts';
import type { Component, Warning } from '../../core/archive/manifest.ts';
import { findingCodes, type SnapshotStatistics } from '../../core/archive/statistics.ts';
import type { Snapshot } from '../../core/jobs/catalog.ts';
import { contentBytes } from '../../core/jobs/findings/measures.ts';
import {
  choice,
  count,
  countOrNull,
  counts,
  flag,
  instant,
  instantOrNull,
  integer,
  list,
  number,
  numberOrNull,
  record,
  recordOrNull,
  text,
  textOrNull,
  texts,
} from './schema.ts';

export const warningItem = record('A warning.', {
  code: text('Kebab-case; docs/errors.md has them all.'),
  component: text('Tree or database, or `account`.'),
  path: textOrNull('Path in the snapshot, where the warning is about one.'),
  pathEncoding: choice('`percent` where the path is percent-encoded.', 'percent', null),
  message: text('What happened.'),
});

const componentError = recordOrNull('Why the component failed, or null.', {
  code: text('Code of the error.'),
  message: text('What happened.'),
  hint: textOrNull('What to do, where that is known; null also in early snapshots.'),
});

/** In what a restore says of a partial snapshot. */
export const failedComponent = record('A component of the snapshot that failed when it was made.', {
  component: text('Name of the tree, or `<instance>/<name>`.'),
  code: textOrNull('Code of the error.'),
  message: textOrNull('What happened.'),
  wanted: flag('The restore was to bring it back.'),
});

export type FailedComponent = FromSchema<typeof failedComponent>;

const componentItem = record('A tree or a database.', {
  type: choice('What it is.', 'tree', 'database'),
  name: text('Name of the tree, or `<instance>/<name>`.'),
  state: choice('Whether it can be restored.', 'complete', 'failed'),
  error: componentError,
  bytes: count('Plain bytes.'),
  entries: countOrNull('Entries of a tree; null for a database.'),
  startedAt: instantOrNull('When the walk of a tree began; null for a database.'),
  endedAt: instantOrNull('When the walk of a tree ended; null for a database.'),
  instant: instantOrNull('The instant a database was exported from; null for a tree.'),
  databases: texts('Names of the databases in the export; empty for a tree.'),
  consistency: choice(
    'How the exports of the account relate in time.',
    'barrier',
    'joint',
    'single',
    'panel',
    null,
  ),
  lockHeldMs: countOrNull('How long writers had to wait for the export, in milliseconds.'),
  lockedTables: texts('Tables without transactions, which were locked while they were read.'),
});

export const snapshotProperties = {
  id: text('`<site>-<UTC>-<12 hex>`; commands take it as SNAPSHOT.'),
  account: text('Site of the account; commands take it as --account.'),
  owner: text('UUID of the account.'),
  server: text('UUID of the server that made the snapshot.'),
  domain: textOrNull('Domain of the account at that time.'),
  addin: text('Name of the addin configuration.'),
  sequence: count('Order of the account’s snapshots under this configuration, from 1.'),
  level: choice('What was stored anew.', 'full', 'differential', 'incremental'),
  state: choice('`partial` where a component failed.', 'complete', 'partial'),
  parent: textOrNull('Twelve hex digits of the snapshot this one refers to first; null for a full.'),
  parents: texts('All it refers to, nearest first.'),
  encryption: choice(
    'Whether it is encrypted, and whether an identity opened it. Of a `locked` one only the clear header is known: the rest is null.',
    'none',
    'open',
    'locked',
  ),
  startedAt: instant('When the backup of the account began.'),
  committedAt: instant('When the manifest was written.'),
  durationMs: integer('From the one to the other, in milliseconds.'),
  entries: count('Entries in all trees.'),
  files: count('Regular files in all trees.'),
  bytes: count('Plain bytes of files and exports.'),
  storedBytes: count('Bytes of the objects stored for this snapshot.'),
  components: list('Its trees and databases.', componentItem),
  statistics: recordOrNull('What was stored anew; null in snapshots of releases that did not record it.', {
    changes: recordOrNull('Entries unlike those of the parent; null where nothing was compared.', {
      added: count('New ones.'),
      changed: count('Those whose content or metadata is another.'),
      removed: count('Those that are gone.'),
    }),
    newBytes: count('Bytes of tar and plain bytes of exports that were stored anew.'),
    newStoredBytes: count('The same as stored.'),
    ratio: numberOrNull('The one to the other; null where nothing was stored anew.'),
  }),
  findings: list(
    'What looks wrong, compared with the last seven snapshots. Each is a warning as well.',
    record('A finding.', {
      code: choice('Which; docs/errors.md has them among the warnings.', ...findingCodes),
      what: choice('What was measured.', 'entries', 'bytes', 'changes', 'ratio', 'exclusions'),
      measured: number('Of this snapshot.'),
      usual: number('Median of those before it; of exclusions, how many there were in the one before.'),
      message: text('The same in words.'),
    }),
  ),
  warnings: list('The first thousand warnings.', warningItem),
  warningCounts: counts('All warnings, counted by code.'),
  unconfiguredEngines: texts('Kinds of databases the account uses and that nothing exports.'),
} as const;

export const snapshotItem = record('A committed snapshot.', snapshotProperties);

export type SnapshotItem = FromSchema<typeof snapshotItem>;

/** What the clear header tells, of a locked one too. */
export function describeHeader({ header }: Pick<Snapshot, 'header'>) {
  return {
    owner: header.owner,
    server: header.server,
    addin: header.addin.name,
    sequence: header.sequence,
    level: header.level,
    state: header.state,
    parent: header.parents[0] ?? null,
    parents: [...header.parents],
    startedAt: header.startedAt,
    committedAt: header.committedAt,
    durationMs: Date.parse(header.committedAt) - Date.parse(header.startedAt),
    storedBytes: header.objects.reduce((sum, { size }) => sum + size, 0),
  };
}

export function describeSnapshot({ name, header, body }: Snapshot): SnapshotItem {
  return {
    id: name,
    account: body.account.site,
    domain: body.account.domain,
    encryption: header.encryption === undefined ? 'none' : 'open',
    ...describeHeader({ header }),
    entries: body.counts.entries,
    files: body.counts.files,
    bytes: contentBytes(body),
    components: body.components.map(describeComponent),
    statistics: describeStatistics(body.statistics),
    findings: (body.findings ?? []).map((finding) => ({ ...finding })),
    warnings: body.warnings.map(describeWarning),
    warningCounts: { ...body.warningCounts },
    unconfiguredEngines: [...body.unconfiguredEngines],
  };
}

function describeStatistics(statistics: SnapshotStatistics | undefined): SnapshotItem['statistics'] {
  if (statistics === undefined) return null;
  const { changes } = statistics;
  return { ...statistics, changes: changes === null ? null : { ...changes } };
}

export function describeWarning(warning: Warning): FromSchema<typeof warningItem> {
  const { code, component, path, pathEncoding, message } = warning;
  return { code, component, path: path ?? null, pathEncoding: pathEncoding ?? null, message };
}

function describeComponent(component: Component): SnapshotItem['components'][number] {
  const { type, name, state, error: why } = component;
  const error = why === undefined ? null : { code: why.code, message: why.message, hint: why.hint ?? null };
  const common = { type, name, state, error };
  if (component.type === 'tree') {
    const { bytes, entries, startedAt, endedAt } = component;
    const noDatabase = {
      instant: null,
      databases: [],
      consistency: null,
      lockHeldMs: null,
      lockedTables: [],
    };
    return { ...common, bytes, entries, startedAt, endedAt, ...noDatabase };
  }
  const { plainBytes, instant: at, databases, consistency, lockHeldMs } = component;
  const noTree = { entries: null, startedAt: null, endedAt: null };
  return {
    ...common,
    bytes: plainBytes,
    ...noTree,
    instant: at,
    databases: [...databases],
    consistency,
    lockHeldMs,
    lockedTables: [...(component.lockedTables ?? [])],
  };
}
