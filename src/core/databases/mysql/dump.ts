/**
 * One run of mariadb-dump or mysqldump: its arguments, the sign that its snapshot is open, and the
 * trailer that proves it whole.
 *
 * The client writes its header, then opens the transaction, then writes tables. So the header proves
 * nothing: the snapshot is open once the first comment after the header's SET statements has come.
 */

import type { BesideText } from '../../contracts/database.ts';
import { ClientDump, type DumpCheck } from '../client-dump.ts';
import { startClient } from '../client-process.ts';
import type { ReadAheadOptions } from '../read-ahead.ts';
import type { DatabaseInstanceConfig } from '../types.ts';
import { clientEnvironment, type MysqlClient } from './client.ts';
import { type DatabaseDefaults, withDefaults } from './defaults.ts';
import { DumpedTables } from './dumped-tables.ts';
import type { HeldTables } from './held-tables.ts';
import { lostHistories, takesHistory } from './history.ts';
import type { DumpPlan } from './inspect.ts';
import { optionFileArgument, withOptionFile } from './option-file.ts';

export interface DumpContext {
  readonly config: DatabaseInstanceConfig;
  readonly client: MysqlClient;
  readonly signal: AbortSignal;
  readonly readAhead: ReadAheadOptions;
  readonly stallMs: number;
  /** By database; one that is not among them is dumped all the same. */
  readonly defaults: ReadonlyMap<string, DatabaseDefaults>;
}

/** Several plans make one joint dump, which names its databases; a single one does not. */
export function startDump(
  plans: readonly [DumpPlan, ...DumpPlan[]],
  grants: BesideText | null,
  held: HeldTables | null,
  { config, client, signal, readAhead, stallMs, defaults }: DumpContext,
): ClientDump {
  const [first, ...others] = plans;
  // A joint dump says it itself, where it creates its databases.
  const told = others.length > 0 ? undefined : defaults.get(first.database);
  const args = [optionFileArgument, ...dumpOptions(plans, client.options)];
  const dumped = new DumpedTables(plans);
  if (others.length > 0) args.push('--databases');
  args.push('--', ...plans.map(({ database }) => database));
  return new ClientDump({
    databases: [first.database, ...others.map(({ database }) => database)],
    client: withOptionFile(
      config,
      (fileDescriptor) => startClient({ path: client.path, args, env: clientEnvironment(), fileDescriptor }),
      client.options,
    ),
    check: new TrailerCheck(
      (bytes) => {
        held?.moved();
        dumped.chunk(bytes);
      },
      async () => {
        await held?.confirm();
        return await dumped.missing(config, signal);
      },
    ),
    result: () => ({
      warnings: [
        ...plans.flatMap((plan) => [
          ...plan.warnings,
          ...(plan.outsideWarning === null || held?.intact === true ? [] : [plan.outsideWarning]),
        ]),
        ...lostHistories(plans, client.options),
      ],
      notes: plans.flatMap(({ notes }) => notes),
      besides: [...mergeBesides(plans), ...(grants === null ? [] : [grants])],
      lockedTables: held?.intact === true ? held.tables : [],
    }),
    signal,
    readAhead,
    stallMs,
    ...(told === undefined ? {} : { rewrite: (chunks) => withDefaults(chunks, told) }),
    secrets: config.password === undefined ? [] : [config.password],
  });
}

/** Options beyond the oldest clients' are given only where the client knows them. */
export function dumpOptions(plans: readonly DumpPlan[], known: ReadonlySet<string>): string[] {
  const options = [
    '--single-transaction',
    '--quick',
    '--hex-blob',
    '--routines',
    '--events',
    '--triggers',
    '--skip-dump-date',
    '--default-character-set=utf8mb4',
    '--max-allowed-packet=1G',
  ];
  if (known.has('no-tablespaces')) options.push('--no-tablespaces');
  if (known.has('set-gtid-purged')) options.push('--set-gtid-purged=OFF');
  if (known.has('column-statistics')) options.push('--column-statistics=0');
  if (known.has('init-command')) options.push('--init-command=SET SESSION net_write_timeout = 86400');
  if (takesHistory(plans, known)) options.push('--dump-history');
  for (const { database, brokenViews } of plans) {
    options.push(...brokenViews.map((view) => `--ignore-table=${database}.${view}`));
  }
  return options;
}

/** Whether the bytes so far can only have been written inside the open snapshot. */
export function snapshotIsOpen(head: Buffer): boolean {
  return /\n\/\*!40101 SET [\s\S]*\n--/.test(head.toString('latin1'));
}

/** In a joint dump the texts of several databases share one file; each view is named in full there. */
function mergeBesides(plans: readonly DumpPlan[]): BesideText[] {
  const merged = new Map<string, string>();
  for (const { suffix, text } of plans.flatMap(({ besides }) => besides)) {
    merged.set(suffix, (merged.get(suffix) ?? '') + text);
  }
  return [...merged].map(([suffix, text]) => ({ suffix, text }));
}

/** The trailer counts as the very last line only: data and routines may hold the same words. */
export class TrailerCheck implements DumpCheck {
  readonly #onChunk: (bytes: Uint8Array) => void;
  readonly #onEnd: () => Promise<string | null>;
  #tail = Buffer.alloc(0);

  /** @param onEnd says of a dump that has its trailer what is wrong with it all the same */
  constructor(
    onChunk: (bytes: Uint8Array) => void = () => {},
    onEnd = async (): Promise<string | null> => null,
  ) {
    this.#onChunk = onChunk;
    this.#onEnd = onEnd;
  }

  chunk(bytes: Uint8Array): void {
    this.#onChunk(bytes);
    const kept = 256;
    this.#tail =
      bytes.length >= kept
        ? Buffer.from(bytes.subarray(-kept))
        : Buffer.from(Buffer.concat([this.#tail, bytes]).subarray(-kept));
  }

  async end(): Promise<string | null> {
    const wrong = await this.#onEnd();
    const whole = /(^|\n)-- Dump completed( on [0-9: -]+)?\n$/.test(this.#tail.toString('latin1'));
    return whole ? wrong : 'the dump is cut short: its last line is not the trailer';
  }

  async stop(): Promise<void> {}
}
