/** `holdfast snapshots`: what has been committed, newest last. */

import { errorCodes, HoldfastError } from '../../core/errors.ts';
import { protectionWords } from '../../core/jobs/active-protections.ts';
import type { AnySnapshot, ListedSnapshot } from '../../core/jobs/catalog.ts';
import { utcOf } from '../../core/jobs/catalog.ts';
import { distrustOf, type Trust, trustsNobody } from '../../core/jobs/trust.ts';
import { quoted } from '../../core/printable.ts';
import { ownerNames } from '../../core/state/database-owners.ts';
import type { CliCommand } from '../command.ts';
import { loadReadable } from '../configuration.ts';
import { type AnySnapshotItem, describeAny } from '../documents/locked-snapshot.ts';
import { describeProtections } from '../documents/protection.ts';
import type { SnapshotsDocument } from '../documents/snapshots.ts';
import { erasedOf } from '../erased-snapshots.ts';
import { ownerOf } from '../find-account.ts';
import { ageText, bytesText, countText } from '../format.ts';
import { defineKeyOptions, type KeyOptions } from '../key-input.ts';
import { tellOfLeftOut } from '../left-out-notes.ts';
import { type ReadResult, readEach } from '../read-each.ts';
import { readLatest } from '../read-latest.ts';
import { listCandidates } from '../search.ts';
import { serverHelp } from '../server-option.ts';
import { readShownProtections, type ShownProtections } from '../shown-protections.ts';
import { copyHelp, withStore } from '../store-session.ts';
import type { Column } from '../table.ts';

const columns = [
  { title: 'ID' },
  { title: 'DOMAIN', shrinks: true },
  { title: 'LEVEL' },
  { title: 'STATE' },
  { title: 'AGE', align: 'right' },
  { title: 'ENTRIES', align: 'right' },
  { title: 'SIZE', align: 'right' },
  { title: 'STORED', align: 'right' },
  { title: 'FAILED', align: 'right' },
  { title: 'WARNINGS', align: 'right' },
] as const;

/** Shown where any snapshot has something there. */
interface RareColumn {
  readonly column: Column;
  readonly of: (result: ReadResult) => string | undefined;
}

interface Options extends KeyOptions {
  readonly addin?: string;
  readonly copy?: string;
  readonly server?: string;
  readonly account?: string;
  readonly latest?: number;
  readonly protected?: true;
}

export const snapshots: CliCommand<Options> = {
  shows: true,
  exits: [
    'ACCOUNT_NOT_FOUND',
    'OBJECT_DAMAGED',
    'IDENTITY_MISSING',
    'IDENTITY_WRONG',
    'STORE_UNAVAILABLE',
    'STORE_FOREIGN',
    'STORE_DENIED',
  ],

  define(command) {
    command
      .option('--account <account>', 'site, domain or UUID')
      .option('--addin <name>', 'addin configuration; may be left out where there is only one')
      .option('--copy <name>', copyHelp)
      .option('--server <uuid>', serverHelp)
      .option(
        '--latest <count>',
        'of each account only so many good ones, the newest, and what is no good since',
        wholeCount,
      )
      .option('--protected', 'only what is pinned or under a legal hold')
      .addHelpText(
        'after',
        '\nShows the snapshots of this server; where it has none in the store, those of every server.\n' +
          'PROTECTED is what holdfast pin has set and nothing has ended; what is not trusted does not count.',
      );
    defineKeyOptions(command);
  },

  async run(context, { options }) {
    const { output, world } = context;
    const loaded = await loadReadable(context);
    return withStore(
      context,
      { loaded, ...options, ofServer: options.server },
      async ({ addin, search, state, trust }) => {
        const sites = state === null ? new Map<string, string>() : ownerNames(state);
        const seen = state?.accounts() ?? [];
        const describe = (snapshot: AnySnapshot) => describeAny(snapshot, sites, seen);
        const account = options.account;
        const owner = account === undefined ? null : await ownerOf(search, account);
        const leftOut = await tellOfLeftOut(search, account ?? null, owner);
        const all = newestLast(await listCandidates(search, owner));
        const chooses = options.protected === true;
        const place = { ...search, nowMs: world.now() };
        // While manifests are read: events are many where a store has been pruned for years.
        const looking = readShownProtections(place, all, { owner, required: chooses });
        looking.catch(() => {});
        const listed = chooses ? await protectedOf(looking, all) : all;
        const isTrusted = (snapshot: AnySnapshot): boolean =>
          trustsNobody(trust) || distrustOf(snapshot, trust) === null;
        const results =
          options.latest === undefined
            ? await readEach(search, listed)
            : await readLatest(search, listed, options.latest, isTrusted);
        const erased = await erasedOf(
          search,
          results.flatMap(({ snapshot }) => snapshot ?? []),
        );
        const shown = await looking;
        const protectionsOf = (one: ListedSnapshot) => shown?.of(one) ?? null;
        const rare: RareColumn[] = [
          { column: { title: 'PARENT' }, of: ({ snapshot }) => snapshot?.header.parents[0] },
          {
            column: { title: 'PROTECTED', shrinks: true },
            of: (one) => protectionsOf(one.listed)?.map(protectionWords).join('; '),
          },
        ];
        const extra = rare.filter(({ of }) => results.some((one) => (of(one) ?? '') !== ''));
        output.table(
          [...columns, ...extra.map(({ column }) => column)],
          results.map((result) => [
            ...rowOf(result, world.now(), { describe, trust, erased }),
            ...extra.map(({ of }) => of(result) || '-'),
          ]),
        );
        const damaged = results.flatMap(({ listed, error }) => (error === null ? [] : [{ listed, error }]));
        for (const { error } of damaged) output.note(`holdfast: ${error.message}`);
        const untrusted = results.flatMap(({ snapshot }) => {
          const message = snapshot === null ? null : distrustOf(snapshot, trust);
          return snapshot === null || message === null ? [] : [{ snapshot, message }];
        });
        if (untrusted.length > 0) {
          const more = untrusted.length > 1 ? `, and ${untrusted.length - 1} more` : '';
          const [{ snapshot, message }] = untrusted as [(typeof untrusted)[number]];
          output.note(`note: ${describe(snapshot).id} is not trusted: ${message}${more}`);
        }
        output.document<SnapshotsDocument>({
          addin: addin.name,
          leftOut,
          snapshots: results.flatMap(({ listed, snapshot }) => {
            const protections = describeProtections(protectionsOf(listed));
            if (snapshot === null) return [];
            return [{ ...describe(snapshot), erased: erased.has(listed.id), protections }];
          }),
          untrustedEvents: shown?.untrustedEvents ?? null,
          untrusted: untrusted.map(({ snapshot, message }) => {
            return { id: describe(snapshot).id, key: snapshot.key, message };
          }),
          damaged: damaged.map(({ listed, error: { code, message, hint } }) => {
            const { id, owner: of, key } = listed;
            const protections = describeProtections(protectionsOf(listed));
            return { id, owner: of, key, error: { code, message, hint: hint ?? null }, protections };
          }),
        });
        return damaged.length > 0 ? errorCodes.OBJECT_DAMAGED.exit : 0;
      },
    );
  },
};

async function protectedOf(
  looking: Promise<ShownProtections | null>,
  listed: readonly ListedSnapshot[],
): Promise<ListedSnapshot[]> {
  const shown = await looking;
  return listed.filter((one) => (shown?.of(one).length ?? 0) > 0);
}

/** By time over all owners, while each owner's keep their sequence even where a clock went back. */
function newestLast(listed: readonly ListedSnapshot[]): ListedSnapshot[] {
  const latest = new Map<string, number>();
  const timed = listed.map((one) => {
    const lane = `${one.server}/${one.owner}`;
    const atMs = Math.max(latest.get(lane) ?? 0, one.atMs);
    latest.set(lane, atMs);
    return { one, atMs };
  });
  return timed.sort((a, b) => a.atMs - b.atMs).map(({ one }) => one);
}

function wholeCount(text: string): number {
  if (/^[1-9]\d{0,8}$/.test(text)) return Number(text);
  throw new HoldfastError('USAGE', `${quoted(text)} is no count`, { hint: 'Give a number from 1 on.' });
}

interface Known {
  readonly describe: (snapshot: AnySnapshot) => AnySnapshotItem;
  readonly trust: Trust;
  /** Ids. */
  readonly erased: ReadonlySet<string>;
}

function rowOf(
  { listed, snapshot }: ReadResult,
  nowMs: number,
  { describe, trust, erased }: Known,
): string[] {
  const age = ageText(nowMs - listed.atMs);
  if (snapshot === null) {
    return [
      `?-${utcOf(listed.key)}-${listed.id}`,
      '-',
      listed.level,
      'damaged',
      age,
      '-',
      '-',
      '-',
      '-',
      '-',
    ];
  }
  const described = describe(snapshot);
  const { id, domain, level, entries, bytes, storedBytes, components, warningCounts } = described;
  const trusted = distrustOf(snapshot, trust) === null ? described.state : `${described.state}, untrusted`;
  const failed = components?.filter((component) => component.state === 'failed').length;
  const warnings = warningCounts && Object.values(warningCounts).reduce((sum, count) => sum + count, 0);
  return [
    id,
    domain ?? '-',
    level,
    described.encryption === 'locked'
      ? `${trusted}, ${erased.has(listed.id) ? 'erased' : 'locked'}`
      : trusted,
    age,
    entries === null ? '-' : countText(entries),
    bytes === null ? '-' : bytesText(bytes),
    bytesText(storedBytes),
    String(failed ?? '-'),
    String(warnings ?? '-'),
  ];
}
