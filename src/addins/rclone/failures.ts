/**
 * What an answer of rclone means for a store.
 *
 * rclone tells failures as text of its own or of the service behind it, so the text decides. What is
 * shown of it has neither queries nor user names of URLs, which may hold signatures and passwords, and
 * no control characters.
 */

import { existsSync } from 'node:fs';
import { type ErrorCode, HoldfastError, isHoldfastError, throwIfInterrupted } from '../../core/index.ts';

/** rclone answered that it could not. */
export class RcloneRefusal extends Error {
  readonly status: number;

  constructor(status: number, text: string) {
    super(text);
    this.status = status;
  }
}

/** rclone ended, or cannot be talked to. The message is the last it said. */
export class RcloneLost extends Error {}

/** Carries an error of the caller's body unchanged. */
export class BodyFailure extends Error {}

interface Meaning {
  readonly pattern: RegExp;
  readonly code: ErrorCode;
  readonly says: string;
  readonly hint: string;
}

const noRemote: Meaning = {
  pattern: /didn't find section in config file/,
  code: 'CONFIG_INVALID',
  says: 'the configuration of rclone has no such remote',
  hint: 'Correct "remote", or name with "config" the file that has it.',
};
/** rclone takes a configuration that is not there for an empty one; some remotes need none. */
const noConfig: Omit<Meaning, 'pattern'> = {
  code: 'CONFIG_INVALID',
  says: 'the configuration of rclone that "config" names is not there',
  hint: 'Correct "config", or put the file in its place.',
};

/** The first that matches holds. */
const meanings: readonly Meaning[] = [
  noRemote,
  {
    pattern: /decrypt configuration|config.* password|not allowed to ask for password/i,
    code: 'SECRET_UNUSABLE',
    says: 'the configuration of rclone is encrypted, and its password is missing or wrong',
    hint: 'Set "configPassword" to a reference to the password.',
  },
  {
    pattern: /didn't find backend called|unknown type for remote|load config file/i,
    code: 'CONFIG_INVALID',
    says: 'rclone cannot use its configuration',
    hint: 'Run rclone lsd on the remote by hand and mend what it complains of.',
  },
  {
    pattern: /config reconnect|fetch(ing)? token|empty token|token (has )?expired|invalid_grant/i,
    code: 'STORE_DENIED',
    says: 'rclone would have to ask for a new login',
    hint: 'Run rclone config reconnect for the remote by hand.',
  },
  {
    pattern: /no space left|disk quota|quota ?(has been |was )?exceeded|insufficient ?storage/i,
    code: 'STORE_FULL',
    says: 'the remote is full',
    hint: 'Free space on the remote or raise its quota.',
  },
  {
    pattern:
      /permission denied|read-only|access ?denied|forbidden|unauthori[sz]ed|unable to authenticate|method not allowed|InvalidAccessKeyId|SignatureDoesNotMatch/i,
    code: 'STORE_DENIED',
    says: 'the remote refuses it',
    hint: 'Check the credentials of the remote, and that it may be written to.',
  },
  {
    pattern: /is a file not a directory/,
    code: 'CONFIG_INVALID',
    says: 'the remote leads to a file',
    hint: 'Correct the path in "remote".',
  },
  {
    pattern: /file ?name too long|key too long|KeyTooLong|bad message/i,
    code: 'STORE_UNAVAILABLE',
    says: 'the remote does not take so long a name',
    hint: 'Use a remote that takes longer names, or another encryption of names.',
  },
  {
    pattern: /rclone: not found|: No such file or directory$/m,
    code: 'PREREQUISITE_MISSING',
    says: 'rclone is not installed',
    hint: 'Install rclone 1.60 or newer, or name it with "program".',
  },
];

/**
 * `what` is what was tried, e.g. `put data/x on b2:bucket`. Errors of ours pass unchanged.
 *
 * @param config the configuration that rclone was told of, or null
 */
export function asFailure(
  error: unknown,
  what: string,
  signal: AbortSignal,
  config: string | null = null,
): unknown {
  if (error instanceof BodyFailure) return error.cause;
  if (isHoldfastError(error)) return error;
  try {
    throwIfInterrupted(signal, what);
  } catch (interruption) {
    return interruption;
  }
  const said = error instanceof Error ? error.message : String(error);
  const meaning = meanings.find(({ pattern }) => pattern.test(said));
  const text = shown(said);
  if (meaning !== undefined) {
    const lacksConfig = meaning === noRemote && config !== null && !existsSync(config);
    const { code, says, hint } = lacksConfig ? noConfig : meaning;
    return new HoldfastError(code, `cannot ${what}: ${says} (${text})`, { hint });
  }
  if (error instanceof RcloneLost) {
    return new HoldfastError('STORE_UNAVAILABLE', `cannot ${what}: rclone was lost (${text})`, {
      hint: 'Run the command again; rclone is started anew.',
    });
  }
  return new HoldfastError('STORE_UNAVAILABLE', `cannot ${what}: ${text}`, {
    hint: 'Check the remote with rclone lsd, then run the command again.',
  });
}

const longestShown = 300;

function shown(text: string): string {
  const plain = text
    // Passwords may hold @ and / as well: rather a host too little is shown than a part of one.
    .replace(/(\w+:\/\/)[^\s"]*@/g, '$1')
    .replace(/(\w+:\/\/[^\s?"]*)\?[^\s"]*/g, '$1')
    .replace(/[^\x20-\x7e]+/g, ' ')
    .trim();
  return plain.length > longestShown ? `${plain.slice(0, longestShown)}...` : plain;
}
