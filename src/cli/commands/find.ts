/** `holdfast find`: names or paths in any number of snapshots. */

import type { Entry } from '../../core/archive/entry.ts';
import { errorCodes, type HoldfastError, isHoldfastError } from '../../core/errors.ts';
import { globToRegExp } from '../../core/glob.ts';
import { type ListedSnapshot, opened, readSoundSnapshot, type Snapshot } from '../../core/jobs/catalog.ts';
import { Erasures } from '../../core/jobs/erasures.ts';
import { openIndex } from '../../core/jobs/index-reader.ts';
import { distrustOf, trustsNobody } from '../../core/jobs/trust.ts';
import { worstFirst } from '../../core/jobs/verify-problems.ts';
import type { CliCommand } from '../command.ts';
import { loadReadable } from '../configuration.ts';
import type { MatchDocument } from '../documents/entry.ts';
import { contentOf, encodedPath, modifiedAt, percentHelp, shown, typeName } from '../entry-view.ts';
import { describeExports } from '../export-view.ts';
import { ownerOf } from '../find-account.ts';
import { resolveSnapshot } from '../find-snapshot.ts';
import { instantText, plural } from '../format.ts';
import { defineKeyOptions, type KeyOptions } from '../key-input.ts';
import { tellOfLeftOut } from '../left-out-notes.ts';
import type { Output } from '../output.ts';
import { listCandidates, type Search } from '../search.ts';
import { serverHelp } from '../server-option.ts';
import { copyHelp, withStore } from '../store-session.ts';

/** Of as many snapshots it is said why they could not be searched; an erased account may have any number. */
const mostNotes = 20;

interface Options extends KeyOptions {
  readonly addin?: string;
  readonly copy?: string;
  readonly server?: string;
  readonly account?: string;
  readonly snapshot?: string;
}

export const find: CliCommand<Options> = {
  shows: true,
  jsonLines: true,
  exits: [
    'ACCOUNT_NOT_FOUND',
    'SNAPSHOT_NOT_FOUND',
    'SNAPSHOT_UNTRUSTED',
    'OBJECT_DAMAGED',
    'OBJECT_MISSING',
    'STORE_UNAVAILABLE',
    'STORE_FOREIGN',
    'IDENTITY_MISSING',
    'IDENTITY_WRONG',
  ],

  define(command) {
    command
      .argument(
        '<pattern>',
        'with a slash: the whole path; else the name; * and ? stand for any text and any character',
      )
      .option('--account <account>', 'site, domain or UUID (default: all)')
      .option('--snapshot <snapshot>', 'in this one only; latest needs --account')
      .option('--addin <name>', 'addin configuration; may be left out where there is only one')
      .option('--copy <name>', copyHelp)
      .option('--server <uuid>', serverHelp)
      .addHelpText(
        'after',
        `${percentHelp}\nDatabases are found by the files they become, e.g. alice_wp.sql. A snapshot that is damaged is named, what nothing\nopens is counted, and the others are searched all the same; the\nstatus is then that of the failure. What nobody signed who is trusted here is searched with --snapshot alone.`,
      );
    defineKeyOptions(command);
  },

  async run(context, { args, options }) {
    const { output } = context;
    const account = options.account;
    const wanted = options.snapshot;
    const matches = matcher(args[0]!);
    const loaded = await loadReadable(context);
    return withStore(context, { loaded, ...options, ofServer: options.server }, async ({ search, trust }) => {
      if (wanted !== undefined) {
        const snapshot = await resolveSnapshot(search, wanted, account);
        const why = distrustOf(snapshot, trust);
        if (why !== null) output.note(`note: ${snapshot.name} is not trusted: ${why}`);
        await findIn(search, snapshot, matches, output);
        return 0;
      }
      const owner = account === undefined ? null : await ownerOf(search, account);
      await tellOfLeftOut(search, account ?? null, owner);
      const unsearched: HoldfastError[] = [];
      const left = { untrusted: 0, erased: 0 };
      const erasures = new Erasures(search);
      for (const listed of await listCandidates(search, owner)) {
        const error = await tryIn({ ...search, erasures }, listed, matches, output);
        if (error === 'untrusted' || error === 'erased') left[error] += 1;
        if (error === null || error === 'untrusted' || error === 'erased') continue;
        unsearched.push(error);
      }
      if (left.erased > 0) {
        const what = plural(left.erased, 'snapshot');
        output.note(`note: ${what} not searched, of accounts that were erased; prune removes them`);
      }
      if (left.untrusted > 0) {
        const what = plural(left.untrusted, 'snapshot');
        output.note(
          `note: ${what} not searched, which nobody signed who is trusted here; see holdfast snapshots`,
        );
      }
      return tell(unsearched, output);
    });
  },
};

function matcher(pattern: string): (path: string) => boolean {
  const expression = globToRegExp(pattern.replace(/^\/+/, ''));
  if (pattern.includes('/')) return (path) => expression.test(path);
  return (path) => expression.test(path.slice(path.lastIndexOf('/') + 1));
}

/** @returns why the snapshot was not searched to its end, where that says nothing of any other, or null */
async function tryIn(
  search: Search & { readonly erasures: Erasures },
  listed: ListedSnapshot,
  matches: (path: string) => boolean,
  output: Output,
): Promise<HoldfastError | 'untrusted' | 'erased' | null> {
  const { provider, signal, trust, erasures } = search;
  try {
    const snapshot = await readSoundSnapshot(provider, listed, signal, trust);
    // Where nobody is trusted there is nothing else to search.
    const isJudged = trust !== undefined && !trustsNobody(trust);
    if (isJudged && distrustOf(snapshot, trust) !== null) return 'untrusted';
    if (snapshot.body === null && (await erasures.of(snapshot.header)) !== null) return 'erased';
    await findIn(search, await opened(provider, snapshot, signal), matches, output);
    return null;
  } catch (error) {
    const ofOne = isHoldfastError(error) && /^(?:OBJECT|IDENTITY|FORMAT|CHAIN)_/.test(error.code);
    if (!ofOne || signal.aborted) throw error;
    return error;
  }
}

/** What nothing opens says the same of every snapshot; what is damaged is named. */
export function unsearchedLines(unsearched: readonly HoldfastError[]): string[] {
  const locked = unsearched.filter(({ code }) => code.startsWith('IDENTITY_'));
  const other = unsearched.filter(({ code }) => !code.startsWith('IDENTITY_'));
  const more = other.length - mostNotes;
  const [first, second] = locked;
  return [
    ...other.slice(0, mostNotes).map(({ message }) => message),
    ...(more > 0 ? [`and of ${plural(more, 'more snapshot')} as well`] : []),
    ...(first === undefined ? [] : [first.message]),
    ...(second === undefined ? [] : [`and ${plural(locked.length - 1, 'more snapshot')} locked like that`]),
  ];
}

/** The exit status: that of the worst failure. */
function tell(unsearched: readonly HoldfastError[], output: Output): number {
  const [first] = unsearched;
  if (first === undefined) return 0;
  const code = worstFirst.find((one) => unsearched.some((error) => error.code === one));
  const worst = unsearched.find((error) => error.code === code) ?? first;
  for (const line of unsearchedLines(unsearched)) output.note(`holdfast: ${line}`);
  if (worst.hint !== undefined) output.note(`hint: ${worst.hint}`);
  return errorCodes[worst.code].exit;
}

async function findIn(
  { provider, signal }: Search,
  snapshot: Snapshot,
  matches: (path: string) => boolean,
  output: Output,
): Promise<void> {
  const { lost } = snapshot.body;
  if (lost !== undefined) {
    const what = plural(lost.count, 'path');
    output.note(
      `note: ${snapshot.name} lost ${what}; some of them may not even be listed, and so are not found`,
    );
  }
  const reader = await openIndex(provider, snapshot, signal);
  const show = async (entry: Entry): Promise<void> => {
    const size = (await contentOf(reader, entry))?.size ?? 0;
    const modified = modifiedAt(entry)?.slice(0, 16).replace('T', ' ') ?? `@${entry.mtimeSeconds}`;
    output.line(`${snapshot.name}  ${String(size).padStart(12)} ${modified}  ${shown(entry.path)}`);
    if (!output.json) return;
    const place = { snapshot: snapshot.name, ...encodedPath(entry.path) };
    output.record<MatchDocument>({ ...place, type: typeName(entry), size, modifiedAt: modifiedAt(entry) });
  };
  for await (const entry of reader.entries()) {
    if (matches(entry.path.toString('utf8'))) await show(entry);
  }
  for (const { path, pathEncoding, type, size, modifiedAt: at } of describeExports(snapshot)) {
    if (!matches(path)) continue;
    const time = at === null ? '-' : instantText(at).slice(0, 16);
    output.line(`${snapshot.name}  ${String(size).padStart(12)} ${time}  ${path}`);
    output.record<MatchDocument>({ snapshot: snapshot.name, path, pathEncoding, type, size, modifiedAt: at });
  }
}
