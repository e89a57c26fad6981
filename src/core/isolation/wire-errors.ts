/**
 * Errors on their way between two processes: code, message and hint, never a stack or a cause.
 *
 * What comes from an addin is a stranger's text: it is made safe to show, shortened, and cleared of the
 * secrets the addin was given.
 */

import { type ErrorCode, errorCodes, HoldfastError, isHoldfastError } from '../errors.ts';
import { printable } from '../printable.ts';
import { ProtocolError } from './frames.ts';

interface WireError {
  /** Null: an error nobody foresaw. */
  readonly code: string | null;
  readonly message: string;
  readonly hint?: string;
  /** The caller's fault, as a TypeError says it. */
  readonly misuse?: true;
}

const longest = 4000;

export function encodeError(error: unknown): WireError {
  const message = error instanceof Error ? error.message : String(error);
  const text = message.slice(0, longest);
  if (isHoldfastError(error)) {
    const { code, hint } = error;
    return { code, message: text, ...(hint === undefined ? {} : { hint: hint.slice(0, longest) }) };
  }
  return { code: null, message: text, ...(error instanceof TypeError ? { misuse: true as const } : {}) };
}

/** @throws ProtocolError it is no error */
export function decodeError(value: unknown, what: string, secrets: readonly string[]): Error {
  const { code, message, hint, misuse } = (value ?? {}) as Partial<Record<keyof WireError, unknown>>;
  if (typeof message !== 'string') throw new ProtocolError('it sent an error without a message');
  const text = shown(message, secrets);
  if (typeof code === 'string' && Object.hasOwn(errorCodes, code)) {
    const options = typeof hint === 'string' ? { hint: shown(hint, secrets) } : {};
    return new HoldfastError(code as ErrorCode, text, options);
  }
  if (misuse === true) return new TypeError(text);
  return new HoldfastError('ADDIN_FAILED', `${what} failed in a way it did not foresee: ${text}`, {
    hint: 'Tell the author of the addin.',
  });
}

/** Without controls and without any of the secrets. Backslashes stay: names in it may be escaped already. */
export function shown(text: string, secrets: readonly string[]): string {
  const clean = secrets
    .filter((secret) => secret.length > 3)
    .reduce((rest, secret) => rest.replaceAll(secret, '[secret]'), text.slice(0, longest));
  const parts = clean.split('\\').map((part) => printable(part, longest));
  return parts.join('\\');
}
