/** What the process of a store is given beside its settings. */

import { homedir } from 'node:os';

export interface StoreNeeds {
  /** Absolute path of a directory of this machine that is the store's own. It belongs to the user of its process. */
  readonly directory?: string;
  /** Files it reads, also such as only root may read: then it sees copies. */
  readonly files?: readonly string[];
  /** Directories it reads, made reachable for it. */
  readonly directories?: readonly string[];
  /** What stays in sight also below a directory of accounts; no more can be read of it than without. */
  readonly shown?: readonly string[];
  /** Environment variables it reads, beside those every program may see. */
  readonly variables?: RegExp;
  /** It needs what cannot be given: it writes into files of root, or nobody can tell what it reads. */
  readonly asRoot?: boolean;
  /** False: it reaches nothing over a network. */
  readonly network?: boolean;
}

/** Names a directory that is the process's own, in memory, gone with it; not set where it has none. */
export const runtimeDirectory = 'XDG_RUNTIME_DIR';

const usual =
  /^(PATH|HOME|USER|LANG|LC_\w+|TZ|TMPDIR|(HTTPS?|NO|ALL)_PROXY|SSL_CERT_\w+|NODE_EXTRA_CA_CERTS)$/i;

/** Of our environment; the rest may hold secrets of others. */
export function environmentFor(
  { variables }: StoreNeeds,
  env: Readonly<Record<string, string | undefined>>,
): Record<string, string> {
  const given = Object.entries(env).filter(
    (entry): entry is [string, string] =>
      entry[1] !== undefined && (usual.test(entry[0]) || variables?.test(entry[0]) === true),
  );
  // Who has no entry among the users has no home, and programs that ask for one fail.
  return { HOME: homedir(), ...Object.fromEntries(given) };
}

/** Values of these stand in no message. */
export const isSecretVariable = (name: string): boolean => /SECRET|PASS|TOKEN|_KEY$/i.test(name);
