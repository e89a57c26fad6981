/**
 * One run of the command-line client as the importer: statements go in, nothing comes back but a status.
 *
 * In binary mode the client knows no command but DELIMITER, so nothing in a dump makes it read, write or run
 * anything on this machine.
 */

import { once } from 'node:events';
import { HoldfastError } from '../../errors.ts';
import { throwIfInterrupted } from '../../interruption.ts';
import { describeEnd } from '../client-dump.ts';
import { type ClientProcess, startClient } from '../client-process.ts';
import { findBeside, findClient } from '../find-client.ts';
import type { DatabaseInstanceConfig } from '../types.ts';
import { clientEnvironment, probeClient } from './client.ts';
import { optionFileArgument, withOptionFile } from './option-file.ts';

/**
 * @param login starts the client and waits until it has logged in
 * @throws PREREQUISITE_MISSING, IMPORT_FAILED, and whatever reading the statements rejects with
 */
export async function runImportClient(
  config: DatabaseInstanceConfig,
  database: string,
  statements: AsyncIterable<Uint8Array>,
  signal: AbortSignal,
  login: (start: () => ClientProcess) => Promise<ClientProcess> = async (start) => start(),
): Promise<void> {
  const path = await clientPath(config);
  const args = [
    optionFileArgument,
    '--batch',
    '--binary-mode',
    '--local-infile=0',
    '--comments',
    '--default-character-set=utf8mb4',
    '--max-allowed-packet=1G',
    ...((await knowsSandbox(path)) ? ['--sandbox'] : []),
    '--',
    database,
  ];
  const client = await login(() =>
    withOptionFile(config, (fileDescriptor) =>
      startClient({ path, args, env: clientEnvironment(), input: true, output: false, fileDescriptor }),
    ),
  );
  const onAbort = (): void => client.kill();
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    if (signal.aborted) client.kill();
    await write(client, statements);
    client.stdin?.end();
    const end = await client.ended;
    const told = { ...end, complaint: complaintOf(end.complaint) };
    const failure = describeEnd(told, client.name, [config.password ?? '']);
    throwIfInterrupted(signal, 'the import');
    if (failure !== null) {
      throw new HoldfastError('IMPORT_FAILED', `the dump could not be loaded: ${failure}`, {
        hint: hints.find(([error]) => error.test(failure))?.[1] ?? usualHint,
      });
    }
  } finally {
    signal.removeEventListener('abort', onAbort);
    client.kill();
    await client.ended;
  }
}

const usualHint = 'Mend what the server complains about, then run the command again.';
const hints: readonly (readonly [RegExp, string])[] = [
  [
    /ERROR 1419\b/,
    'Turn log_bin_trust_function_creators on at the server for this import: it has triggers or functions, and a binary log.',
  ],
  [
    /ERROR (1153|2006|2013|2020)\b/,
    'Raise max_allowed_packet of the server to more than twice the largest row of the dump, or see in its log why it has ended the connection.',
  ],
];

/** The server's own words: around them the client repeats the statement, with what the customer keeps in it. */
function complaintOf(complaint: string): string {
  const told = complaint.match(/^ERROR \d+ .*$/gm)?.at(-1);
  return told ?? (complaint.includes('--------------') ? '' : complaint);
}

/** Stops early where the client has gone; its status says why. */
async function write(client: ClientProcess, statements: AsyncIterable<Uint8Array>): Promise<void> {
  const stdin = client.stdin;
  let gone = stdin === null;
  void client.ended.then(() => {
    gone = true;
  });
  for await (const bytes of statements) {
    if (gone || stdin === null || stdin.destroyed) return;
    if (stdin.write(bytes)) continue;
    const drained = new AbortController();
    const { signal } = drained;
    await Promise.race([
      once(stdin, 'drain', { signal }),
      once(stdin, 'close', { signal }),
      client.ended,
    ]).catch(() => {});
    drained.abort();
  }
}

async function clientPath(config: DatabaseInstanceConfig): Promise<string> {
  const names = config.engine === 'mysql' ? ['mysql', 'mariadb'] : ['mariadb', 'mysql'];
  const packages = config.engine === 'mysql' ? 'mysql-client' : 'mariadb-client';
  const search = { names, clientPath: undefined, directories: [], packages };
  if (config.clientPath === undefined) return findClient(search);
  return findBeside((await probeClient(config)).path, search);
}

async function knowsSandbox(path: string): Promise<boolean> {
  const client = startClient({ path, args: ['--no-defaults', '--help'], env: clientEnvironment() });
  let help = '';
  for await (const chunk of client.stdout ?? []) help = (help + String(chunk)).slice(0, 1024 * 1024);
  await client.ended;
  return /^\s+--sandbox\s/m.test(help);
}
